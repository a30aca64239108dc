#include "pkgtool/key_file.h"

#include <sodium.h>

#include <array>
#include <utility>

#include "installer/cli/error.h"

namespace romdelta::pkgtool {
namespace {

// The layout of minisign's files (minisign 0.11): algorithm names and field sizes.
constexpr std::size_t kSecretBytes = crypto_sign_ed25519_SECRETKEYBYTES;
constexpr std::size_t kChecksumBytes = 32;
constexpr std::size_t kProtectedBytes = KeyId::bytes + kSecretBytes + kChecksumBytes;
constexpr std::size_t kSaltBytes = crypto_pwhash_scryptsalsa208sha256_SALTBYTES;
constexpr std::size_t kSecretFileBytes = 2 + 2 + 2 + kSaltBytes + 8 + 8 + kProtectedBytes;
constexpr std::size_t kSignatureFileBytes = 2 + signature_entry_bytes;
constexpr std::array<std::uint8_t, 2> kSignAlgorithm = {'E', 'd'};
constexpr std::array<std::uint8_t, 2> kPasswordAlgorithm = {'S', 'c'};
constexpr std::array<std::uint8_t, 2> kNoPassword = {0, 0};
constexpr std::array<std::uint8_t, 2> kChecksumAlgorithm = {'B', '2'};

// What a key file holds, on its way: locked against swapping where the system allows it, and wiped.
struct SecretBuffer : std::array<std::uint8_t, kProtectedBytes> {
  SecretBuffer() { (void)sodium_mlock(data(), size()); }
  ~SecretBuffer() { (void)sodium_munlock(data(), size()); }  // Wipes, too.
  SecretBuffer(const SecretBuffer&) = delete;
  SecretBuffer& operator=(const SecretBuffer&) = delete;
};

[[noreturn]] void throw_key(const std::string& what, const std::string& where,
                            const std::string& hint = {}) {
  throw Error(Exit::key_or_signature, what, where, hint);
}

std::array<std::uint8_t, kChecksumBytes> secret_checksum(ByteSpan id_and_secret) {
  std::array<std::uint8_t, kChecksumBytes> checksum;
  crypto_generichash_state state;
  crypto_generichash_init(&state, nullptr, 0, checksum.size());
  crypto_generichash_update(&state, kSignAlgorithm.data(), kSignAlgorithm.size());
  crypto_generichash_update(&state, id_and_secret.data(), id_and_secret.size());
  crypto_generichash_final(&state, checksum.data(), checksum.size());
  return checksum;
}

// True when the second half of a secret key is the public key of its first.
bool is_key_pair(const std::uint8_t* secret) {
  std::array<std::uint8_t, PublicKey::bytes> public_bytes;
  std::array<std::uint8_t, kSecretBytes> expected;
  crypto_sign_ed25519_seed_keypair(public_bytes.data(), expected.data(), secret);
  const bool same = sodium_memcmp(expected.data(), secret, kSecretBytes) == 0;
  sodium_memzero(expected.data(), expected.size());
  return same;
}

// XORs `buffer` with the stream that scrypt derives from the password.
void apply_password(SecretBuffer* buffer, const std::string& password, ByteSpan salt,
                    std::uint64_t work_limit, std::uint64_t memory_limit,
                    const std::string& where) {
  SecretBuffer stream;
  if (crypto_pwhash_scryptsalsa208sha256(stream.data(), stream.size(), password.data(),
                                         password.size(), salt.data(), work_limit,
                                         static_cast<std::size_t>(memory_limit)) != 0) {
    throw_key("not enough memory to unlock the key", where);
  }
  for (std::size_t i = 0; i < buffer->size(); ++i) (*buffer)[i] ^= stream[i];
}

}  // namespace

WipedText::~WipedText() { sodium_memzero(value.data(), value.size()); }

SecretKey::SecretKey() {
  if (sodium_init() < 0) throw Error(Exit::internal, "libsodium cannot start");
  bytes_ = static_cast<std::uint8_t*>(sodium_malloc(kSecretBytes));
  if (bytes_ == nullptr) throw std::bad_alloc();
}

SecretKey::~SecretKey() { sodium_free(bytes_); }

SecretKey::SecretKey(SecretKey&& other) noexcept
    : id_(other.id_), bytes_(std::exchange(other.bytes_, nullptr)) {}

SecretKey& SecretKey::operator=(SecretKey&& other) noexcept {
  std::swap(id_, other.id_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

PublicKey SecretKey::public_key() const {
  PublicKey key;
  key.id = id_;
  crypto_sign_ed25519_sk_to_pk(key.value.data(), bytes_);
  return key;
}

Signature SecretKey::sign(const Digest& digest) const {
  Signature signature;
  signature.key_id = id_;
  crypto_sign_ed25519_detached(signature.value.data(), nullptr, digest.value.data(),
                               digest.value.size(), bytes_);
  return signature;
}

SecretKey generate_key() {
  SecretKey key;
  std::array<std::uint8_t, PublicKey::bytes> public_bytes;
  crypto_sign_ed25519_keypair(public_bytes.data(), key.bytes_);
  randombytes_buf(key.id_.value.data(), KeyId::bytes);
  return key;
}

SecretKey parse_secret_key(const std::string& text, const std::string& where,
                           const std::function<std::string()>& password) {
  Bytes file = cli::decode_key_text(text, where);
  if (file.size() != kSecretFileBytes) {
    throw_key("not a secret key: it has " + std::to_string(file.size()) + " bytes instead of " +
                  std::to_string(kSecretFileBytes),
              where);
  }
  ByteReader reader(file);
  const ByteSpan sign_algorithm = reader.bytes(2);
  const ByteSpan password_algorithm = reader.bytes(2);
  const ByteSpan checksum_algorithm = reader.bytes(2);
  const ByteSpan salt = reader.bytes(kSaltBytes);
  const std::uint64_t work_limit = reader.u64();
  const std::uint64_t memory_limit = reader.u64();
  SecretBuffer buffer;
  copy_bytes(buffer.data(), reader.bytes(buffer.size()));

  const auto is = [](ByteSpan bytes, const std::array<std::uint8_t, 2>& name) {
    return bytes[0] == name[0] && bytes[1] == name[1];
  };
  const bool is_protected = is(password_algorithm, kPasswordAlgorithm);
  if (!is(sign_algorithm, kSignAlgorithm) || !is(checksum_algorithm, kChecksumAlgorithm) ||
      (!is_protected && !is(password_algorithm, kNoPassword))) {
    throw_key("the key uses an algorithm that is not supported", where);
  }
  if (is_protected) {
    const WipedText secret(password());
    apply_password(&buffer, secret.value, salt, work_limit, memory_limit, where);
  }
  const ByteSpan content(buffer);
  const auto checksum = secret_checksum(content.first(KeyId::bytes + kSecretBytes));
  const std::uint8_t* stored = buffer.data() + KeyId::bytes + kSecretBytes;
  // minisign leaves the checksum of an unprotected key empty: then the key must vouch for itself.
  const bool is_empty = !is_protected && sodium_is_zero(stored, kChecksumBytes) == 1;
  const bool intact = is_empty ? is_key_pair(buffer.data() + KeyId::bytes)
                               : sodium_memcmp(checksum.data(), stored, kChecksumBytes) == 0;
  SecretKey key;
  copy_bytes(key.id_.value.data(), content.first(KeyId::bytes));
  copy_bytes(key.bytes_, content.subspan(KeyId::bytes, kSecretBytes));
  sodium_memzero(file.data(), file.size());
  if (!intact) {
    throw_key(is_protected ? "the password is wrong" : "the key file is damaged", where);
  }
  return key;
}

std::string format_secret_key(const SecretKey& key, const std::string& password) {
  SecretBuffer buffer;
  copy_bytes(buffer.data(), key.id_.value);
  copy_bytes(buffer.data() + KeyId::bytes, {key.bytes_, kSecretBytes});
  const auto checksum = secret_checksum(ByteSpan(buffer).first(KeyId::bytes + kSecretBytes));
  copy_bytes(buffer.data() + KeyId::bytes + kSecretBytes, checksum);

  std::array<std::uint8_t, kSaltBytes> salt{};
  std::uint64_t work_limit = 0;
  std::uint64_t memory_limit = 0;
  if (!password.empty()) {
    randombytes_buf(salt.data(), salt.size());
    work_limit = crypto_pwhash_scryptsalsa208sha256_OPSLIMIT_SENSITIVE;
    memory_limit = crypto_pwhash_scryptsalsa208sha256_MEMLIMIT_SENSITIVE;
    apply_password(&buffer, password, salt, work_limit, memory_limit, {});
  }
  Bytes file(kSecretFileBytes);
  ByteWriter writer(file);
  writer.bytes(kSignAlgorithm);
  writer.bytes(password.empty() ? kNoPassword : kPasswordAlgorithm);
  writer.bytes(kChecksumAlgorithm);
  writer.bytes(salt);
  writer.u64(work_limit);
  writer.u64(memory_limit);
  writer.bytes(buffer);
  std::string text = cli::encode_key_text("romdelta secret key " + to_string(key.id_), file);
  sodium_memzero(file.data(), file.size());
  return text;
}

std::string format_signature(const Signature& signature) {
  Bytes file(kSignatureFileBytes);
  ByteWriter writer(file);
  writer.bytes(kSignAlgorithm);
  writer.bytes(signature.key_id.value);
  writer.bytes(signature.value);
  return cli::encode_key_text("romdelta signature by key " + to_string(signature.key_id), file);
}

Signature parse_signature(const std::string& text, const std::string& where) {
  const Bytes file = cli::decode_key_text(text, where);
  ByteReader reader(file);
  const ByteSpan algorithm = reader.bytes(2);
  Signature signature;
  copy_bytes(signature.key_id.value.data(), reader.bytes(KeyId::bytes));
  copy_bytes(signature.value.data(), reader.bytes(Signature::bytes));
  if (!reader.done() || algorithm[0] != 'E' || algorithm[1] != 'd') {
    throw_key("not a detached signature", where);
  }
  return signature;
}

}  // namespace romdelta::pkgtool
