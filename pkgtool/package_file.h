// PackageFile: a package or super package on disk whose signatures are looked after.
#pragma once

#include <string>

#include "format/super_package.h"
#include "pkgtool/file.h"

namespace romdelta::pkgtool {

// True when the bytes begin as a super package does, whole or not.
bool is_super_package(ByteSpan bytes);

class PackageFile {
 public:
  // Throws Error (bad_input) when the file is no complete package or super package. Signatures are
  // not checked.
  explicit PackageFile(const std::string& path);

  // What is signed: the manifest digest, or the super manifest digest.
  const Digest& digest() const { return digest_; }
  // The file's bytes with `signature` added, or in the place of one by the same key. Throws Error
  // (key_or_signature) when it does not match `key` or the list is full.
  Bytes with_signature(const Signature& signature, const PublicKey& key) const;

 private:
  std::string path_;
  MappedFile file_;
  Digest digest_;
  SignatureList signatures_;
  std::size_t head_bytes_ = 0;
};

}  // namespace romdelta::pkgtool
