// PackageFile: a package on disk whose signatures are looked after.
#pragma once

#include <string>

#include "format/package.h"
#include "pkgtool/file.h"

namespace romdelta::pkgtool {

class PackageFile {
 public:
  // Throws Error (bad_input) when the file is no complete package. Signatures are not checked.
  explicit PackageFile(const std::string& path);

  const PackageHead& head() const { return head_; }
  // The file's bytes with `signature` added, or in the place of one by the same key. Throws Error
  // (key_or_signature) when it does not match `key` or the list is full.
  Bytes with_signature(const Signature& signature, const PublicKey& key) const;

 private:
  std::string path_;
  MappedFile file_;
  PackageHead head_;
};

}  // namespace romdelta::pkgtool
