#include "pkgtool/package_file.h"

#include "format/result_code.h"
#include "installer/cli/error.h"
#include "pkgtool/super_verifier.h"

namespace romdelta::pkgtool {
namespace {

[[noreturn]] void refuse(const std::string& path, Status status, const std::string& structure,
                         std::uint64_t offset_bytes) {
  throw Error(Exit::bad_input, result_row(status).meaning,
              path + ": " + structure + " at offset " + std::to_string(offset_bytes),
              result_row(status).action);
}

}  // namespace

bool is_super_package(ByteSpan bytes) {
  std::uint32_t manifest_bytes = 0;
  if (bytes.size() < package_header_bytes) return false;
  const Status status =
      parse_document_header(bytes.first(package_header_bytes), DocumentKind::super_package,
                            ~std::uint32_t{0}, &manifest_bytes);
  return status != Status::bad_magic && status != Status::unsupported_format;
}

PackageFile::PackageFile(const std::string& path) : path_(path), file_(path) {
  if (is_super_package(file_.bytes())) {
    const SuperVerifyResult result = verify_super_package(file_.bytes(), std::nullopt);
    if (result.status != Status::ok) {
      refuse(path, result.status, result.structure, result.offset_bytes);
    }
    digest_ = result.head->manifest_digest;
    signatures_ = result.head->signatures;
    head_bytes_ = result.head->head_bytes;
    return;
  }
  const VerifyResult result = verify_package(file_.bytes(), std::nullopt);
  if (result.status != Status::ok) {
    refuse(path, result.status, result.structure, result.offset_bytes);
  }
  digest_ = result.head->manifest_digest;
  signatures_ = result.head->signatures;
  head_bytes_ = result.head->head_bytes;
}

Bytes PackageFile::with_signature(const Signature& signature, const PublicKey& key) const {
  SignatureList only;
  (void)only.insert(signature);
  if (verify_signatures(only, digest_, {&key, 1}) != Status::ok) {
    throw Error(Exit::key_or_signature, "the signature does not match the package and public key",
                path_);
  }
  SignatureList list;
  for (const Signature& existing : signatures_.view()) {
    if (existing.key_id != signature.key_id) (void)list.insert(existing);
  }
  if (!list.insert(signature)) {
    throw Error(Exit::key_or_signature, "the package has as many signatures as it may", path_);
  }
  const ByteSpan bytes = file_.bytes();
  const ByteSpan signed_part = bytes.first(head_bytes_ - signatures_.encoded_bytes());
  const ByteSpan rest = bytes.subspan(head_bytes_);
  Bytes encoded(list.encoded_bytes());
  ByteWriter writer(encoded);
  encode_signature_list(list, &writer);
  Bytes result(signed_part.begin(), signed_part.end());
  result.insert(result.end(), encoded.begin(), encoded.end());
  result.insert(result.end(), rest.begin(), rest.end());
  return result;
}

}  // namespace romdelta::pkgtool
