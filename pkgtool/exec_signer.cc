#include <sodium.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "installer/cli/error.h"
#include "pkgtool/signer.h"

namespace romdelta::pkgtool {
namespace {

// More than any form of a signature takes.
constexpr std::size_t kAnswerBytesMax = 4096;

[[noreturn]] void throw_signer(const std::string& what, const std::string& command) {
  throw Error(Exit::key_or_signature, what, "--signer " + command,
              "the command gets 32 bytes on standard input and answers with a signature");
}

struct Pipe {
  Pipe() {
    if (::pipe(ends.data()) != 0) throw Error(Exit::io, "cannot create a pipe");
  }
  ~Pipe() {
    close_end(0);
    close_end(1);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  void close_end(std::size_t end) {
    if (ends[end] >= 0) (void)::close(ends[end]);
    ends[end] = -1;
  }
  std::array<int, 2> ends{-1, -1};
};

[[noreturn]] void run_shell(const std::string& command, const Pipe& input, const Pipe& output) {
  (void)::dup2(input.ends[0], STDIN_FILENO);
  (void)::dup2(output.ends[1], STDOUT_FILENO);
  for (const Pipe* pipe : {&input, &output}) {
    for (const int end : pipe->ends) (void)::close(end);
  }
  ::execl("/bin/sh", "sh", "-c", command.c_str(), static_cast<char*>(nullptr));
  ::_exit(127);
}

// Runs the command to its end and returns what it printed.
std::string ask(const std::string& command, ByteSpan question) {
  Pipe input;
  Pipe output;
  const pid_t child = ::fork();
  if (child < 0) throw Error(Exit::io, "cannot start a process");
  if (child == 0) run_shell(command, input, output);
  input.close_end(0);
  output.close_end(1);
  // A command that does not read its input must not kill us; its answer then tells.
  const auto old_handler = std::signal(SIGPIPE, SIG_IGN);
  const ssize_t written = ::write(input.ends[1], question.data(), question.size());
  (void)std::signal(SIGPIPE, old_handler);
  input.close_end(1);

  std::string answer;
  std::array<char, 512> buffer;
  while (answer.size() <= kAnswerBytesMax) {
    const ssize_t got = ::read(output.ends[0], buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    answer.append(buffer.data(), static_cast<std::size_t>(got));
  }
  output.close_end(0);
  int state = 0;
  while (::waitpid(child, &state, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(state) || WEXITSTATUS(state) != 0) {
    throw_signer("the signer failed with status " +
                     std::to_string(WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state)),
                 command);
  }
  if (written != static_cast<ssize_t>(question.size()) && answer.empty()) {
    throw_signer("the signer did not read the digest", command);
  }
  return answer;
}

// Accepts 64 raw bytes, hex digits or base64, with white space around text.
bool decode_answer(const std::string& answer, Signature* signature) {
  if (answer.size() == Signature::bytes) {
    std::memcpy(signature->value.data(), answer.data(), Signature::bytes);
    return true;
  }
  std::size_t size = 0;
  static constexpr char kWhiteSpace[] = " \t\r\n";
  if (sodium_hex2bin(signature->value.data(), Signature::bytes, answer.data(), answer.size(),
                     kWhiteSpace, &size, nullptr) == 0 &&
      size == Signature::bytes) {
    return true;
  }
  return sodium_base642bin(signature->value.data(), Signature::bytes, answer.data(), answer.size(),
                           kWhiteSpace, &size, nullptr, sodium_base64_VARIANT_ORIGINAL) == 0 &&
         size == Signature::bytes;
}

class CommandSigner final : public Signer {
 public:
  CommandSigner(std::string command, const PublicKey& public_key)
      : command_(std::move(command)), public_key_(public_key) {}

  Signature sign(const Digest& digest) override {
    Signature signature;
    signature.key_id = public_key_.id;
    if (!decode_answer(ask(command_, digest.value), &signature)) {
      throw_signer("the signer's answer is not a signature", command_);
    }
    if (crypto_sign_ed25519_verify_detached(signature.value.data(), digest.value.data(),
                                            digest.value.size(), public_key_.value.data()) != 0) {
      throw_signer("the signer's signature does not match the public key", command_);
    }
    return signature;
  }
  PublicKey public_key() const override { return public_key_; }

 private:
  std::string command_;
  PublicKey public_key_;
};

}  // namespace

std::unique_ptr<Signer> make_command_signer(std::string command, const PublicKey& public_key) {
  return std::make_unique<CommandSigner>(std::move(command), public_key);
}

}  // namespace romdelta::pkgtool
