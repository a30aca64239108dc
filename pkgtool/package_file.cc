#include "pkgtool/package_file.h"

#include "format/result_code.h"
#include "installer/cli/error.h"
#include "pkgtool/packager.h"
#include "pkgtool/verifier.h"

namespace romdelta::pkgtool {

PackageFile::PackageFile(const std::string& path) : path_(path), file_(path) {
  const VerifyResult result = verify_package(file_.bytes(), std::nullopt);
  if (result.status != Status::ok) {
    throw Error(
        Exit::bad_input, result_row(result.status).meaning,
        path + ": " + result.structure + " at offset " + std::to_string(result.offset_bytes),
        result_row(result.status).action);
  }
  head_ = *result.head;
}

Bytes PackageFile::with_signature(const Signature& signature, const PublicKey& key) const {
  SignatureList only;
  (void)only.insert(signature);
  if (verify_signatures(only, head_.manifest_digest, {&key, 1}) != Status::ok) {
    throw Error(Exit::key_or_signature, "the signature does not match the package and public key",
                path_);
  }
  SignatureList list;
  for (const Signature& existing : head_.signatures.view()) {
    if (existing.key_id != signature.key_id) (void)list.insert(existing);
  }
  if (!list.insert(signature)) {
    throw Error(Exit::key_or_signature, "the package has as many signatures as it may", path_);
  }
  UnsignedPackage package;
  const ByteSpan bytes = file_.bytes();
  const std::size_t signed_bytes = head_.head_bytes - head_.signatures.encoded_bytes();
  package.signed_part.assign(bytes.begin(),
                             bytes.begin() + static_cast<std::ptrdiff_t>(signed_bytes));
  package.payload.assign(bytes.begin() + static_cast<std::ptrdiff_t>(head_.head_bytes),
                         bytes.end());
  return assemble(package, list);
}

}  // namespace romdelta::pkgtool
