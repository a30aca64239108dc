#include "format/package.h"

#include <algorithm>
#include <array>

namespace romdelta {
namespace {

// Begins with a byte that is no text and holds both line endings, so that a transfer in text mode
// destroys it at once.
constexpr std::array<std::uint8_t, 8> kMagic = {0x89, 'R', 'D', 'P', '\r', '\n', 0x1a, '\n'};

static_assert(package_header_bytes + limits::manifest_bytes_max + signature_list_header_bytes +
                  limits::signature_count_max * signature_entry_bytes <=
              limits::head_bytes_max);

// The three parts of a complete head.
struct HeadParts {
  ByteSpan signed_part;
  ByteSpan manifest;
  ByteSpan signatures;
};

Status split_head(ByteSpan head, HeadParts* parts) {
  std::size_t needed = 0;
  const Status status = head_bytes_needed(head, &needed);
  if (status != Status::ok) return status;
  if (needed > head.size()) return Status::truncated;
  PackageHeader header;
  const Status header_status = parse_package_header(head.first(package_header_bytes), &header);
  if (header_status != Status::ok) return header_status;
  const std::size_t signed_bytes = package_header_bytes + header.manifest_bytes;
  parts->signed_part = head.first(signed_bytes);
  parts->manifest = parts->signed_part.subspan(package_header_bytes);
  parts->signatures = head.subspan(signed_bytes, needed - signed_bytes);
  return Status::ok;
}

Status read_head(ByteSpan head, const TrustedKeys* keys, PackageHead* result) {
  HeadParts parts;
  Status status = split_head(head, &parts);
  if (status != Status::ok) return status;
  SignatureList signatures;
  status = parse_signature_list(parts.signatures, &signatures);
  if (status != Status::ok) return status;
  const Digest digest = signed_part_digest(parts.signed_part);
  Vouchers vouchers;
  if (keys != nullptr) {
    status = verify_signatures(signatures, digest, *keys, &vouchers);
    if (status != Status::ok) return status;
  }
  status = parse_manifest(parts.manifest, &result->manifest);
  if (status != Status::ok) return status;
  if (keys != nullptr && vouchers.count(result->manifest.role) == 0) return Status::wrong_role;
  result->vouchers = vouchers;
  result->signatures = signatures;
  result->manifest_digest = digest;
  result->head_bytes = parts.signed_part.size() + parts.signatures.size();
  return Status::ok;
}

}  // namespace

Status parse_document_header(ByteSpan bytes, DocumentKind kind, std::size_t body_bytes_max,
                             std::uint32_t* body_bytes) {
  ByteReader reader(bytes);
  const ByteSpan magic = reader.bytes(kMagic.size());
  const std::uint16_t version = reader.u16();
  const std::uint16_t given_kind = reader.u16();
  const std::uint32_t given_bytes = reader.u32();
  if (!reader.done()) return Status::truncated;
  if (!std::equal(magic.begin(), magic.end(), kMagic.begin())) return Status::bad_magic;
  if (version != format_version) return Status::unsupported_format;
  if (given_kind != static_cast<std::uint16_t>(kind)) return Status::unsupported_format;
  if (given_bytes == 0 || given_bytes > body_bytes_max) return Status::bad_header;
  *body_bytes = given_bytes;
  return Status::ok;
}

void encode_document_header(DocumentKind kind, std::size_t body_bytes, ByteWriter* writer) {
  writer->bytes(kMagic);
  writer->u16(format_version);
  writer->u16(static_cast<std::uint16_t>(kind));
  writer->u32(static_cast<std::uint32_t>(body_bytes));
}

Status parse_package_header(ByteSpan bytes, PackageHeader* header) {
  return parse_document_header(bytes, DocumentKind::package, limits::manifest_bytes_max,
                               &header->manifest_bytes);
}

Status head_bytes_needed(ByteSpan given, std::size_t* bytes) {
  if (given.size() < package_header_bytes) {
    *bytes = package_header_bytes;
    return Status::ok;
  }
  PackageHeader header;
  const Status status = parse_package_header(given.first(package_header_bytes), &header);
  if (status != Status::ok) return status;
  const std::size_t list_at = package_header_bytes + header.manifest_bytes;
  if (given.size() < list_at + signature_list_header_bytes) {
    *bytes = list_at + signature_list_header_bytes;
    return Status::ok;
  }
  std::size_t list_bytes = 0;
  const Status list_status =
      signature_list_bytes(given.subspan(list_at, signature_list_header_bytes), &list_bytes);
  if (list_status != Status::ok) return list_status;
  *bytes = list_at + list_bytes;
  return Status::ok;
}

Status verify_head(ByteSpan head, TrustedKeys keys, PackageHead* result) {
  return read_head(head, &keys, result);
}

Status inspect_head(ByteSpan head, PackageHead* result) { return read_head(head, nullptr, result); }

void encode_signed_part(const Manifest& manifest, ByteWriter* writer) {
  std::array<std::uint8_t, limits::manifest_bytes_max> buffer;
  ByteWriter body(buffer);
  encode_manifest(manifest, &body);
  encode_document_header(DocumentKind::package, body.ok() ? body.offset() : 0, writer);
  writer->bytes(body.written());
}

Digest signed_part_digest(ByteSpan signed_part) {
  return digest_of(DigestDomain::manifest, signed_part);
}

}  // namespace romdelta
