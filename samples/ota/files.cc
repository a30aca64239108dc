#include "samples/ota/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>

#include "installer/cli/error.h"

namespace romdelta::ota {
namespace {

using cli::Error;
using cli::Exit;

constexpr std::size_t kOutputBytesMax = 1 << 20;
constexpr int kCannotStart = 127;

[[noreturn]] void fail(const std::string& path) {
  throw Error(Exit::io, std::string("cannot write: ") + std::strerror(errno), path);
}

void write_all(int descriptor, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t done = ::write(descriptor, content.data(), content.size());
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) fail(path);
    content.remove_prefix(static_cast<std::size_t>(done));
  }
}

[[noreturn]] void become(std::vector<char*>* arguments, int output, pid_t parent) {
  (void)::dup2(output, STDOUT_FILENO);
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The parent may have died before.
  if (::getppid() != parent) ::_exit(kCannotStart);
  (void)::execvp((*arguments)[0], arguments->data());
  ::_exit(kCannotStart);
}

std::string read_all(int descriptor) {
  std::string output;
  char piece[4096];
  while (true) {
    const ssize_t count = ::read(descriptor, piece, sizeof(piece));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return output;
    const std::size_t room = kOutputBytesMax - output.size();
    output.append(piece, std::min(room, static_cast<std::size_t>(count)));
  }
}

}  // namespace

void write_durably(const std::string& path, std::string_view content) {
  const std::string temporary = path + ".new";
  const int descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (descriptor < 0) fail(temporary);
  try {
    write_all(descriptor, content, temporary);
    if (::fsync(descriptor) != 0) fail(temporary);
  } catch (...) {
    (void)::close(descriptor);
    throw;
  }
  (void)::close(descriptor);
  if (::rename(temporary.c_str(), path.c_str()) != 0) fail(path);
  sync_folder(std::filesystem::absolute(path).parent_path());
}

bool sync_file(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  const bool good = ::fsync(descriptor) == 0;
  (void)::close(descriptor);
  return good;
}

void sync_folder(const std::string& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  (void)::fsync(descriptor);
  (void)::close(descriptor);
}

FileLock::FileLock(const std::string& path)
    : descriptor_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
  if (descriptor_ < 0) fail(path);
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    (void)::close(descriptor_);
    throw Error(Exit::io, "another process works on it", path, "stop that one first");
  }
}

FileLock::~FileLock() { (void)::close(descriptor_); }

ProgramResult run_program(const std::vector<std::string>& arguments) {
  std::vector<char*> words;
  words.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments)
    words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw Error(Exit::io, std::strerror(errno), arguments[0]);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) become(&words, ends[1], parent);
  (void)::close(ends[1]);
  if (child < 0) {
    (void)::close(ends[0]);
    throw Error(Exit::io, std::strerror(errno), arguments[0]);
  }
  ProgramResult result;
  result.output = read_all(ends[0]);
  (void)::close(ends[0]);
  int state = 0;
  while (::waitpid(child, &state, 0) < 0 && errno == EINTR) {
  }
  result.exit = WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
  if (result.exit == kCannotStart) {
    throw Error(Exit::io, "cannot start the program", arguments[0], "is it in PATH?");
  }
  return result;
}

}  // namespace romdelta::ota
