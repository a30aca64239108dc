#include "pkgtool/signer.h"

namespace romdelta::pkgtool {
namespace {

class KeySigner final : public Signer {
 public:
  explicit KeySigner(SecretKey key) : key_(std::move(key)) {}
  Signature sign(const Digest& digest) override { return key_.sign(digest); }
  PublicKey public_key() const override { return key_.public_key(); }

 private:
  SecretKey key_;
};

}  // namespace

std::unique_ptr<Signer> make_key_signer(SecretKey key) {
  return std::make_unique<KeySigner>(std::move(key));
}

}  // namespace romdelta::pkgtool
