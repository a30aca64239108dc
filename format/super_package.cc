#include "format/super_package.h"

#include <algorithm>

namespace romdelta {
namespace {

static_assert(package_header_bytes + limits::super_manifest_bytes_max +
                  signature_list_header_bytes +
                  limits::signature_count_max * signature_entry_bytes <=
              limits::super_head_bytes_max);

Status parse_super_header(ByteSpan head, std::uint32_t* manifest_bytes) {
  return parse_document_header(head.first(package_header_bytes), DocumentKind::super_package,
                               limits::super_manifest_bytes_max, manifest_bytes);
}

Status read_super_head(ByteSpan head, const TrustedKeys* keys, SuperHead* result) {
  std::size_t needed = 0;
  Status status = super_head_bytes_needed(head, &needed);
  if (status != Status::ok) return status;
  if (needed > head.size()) return Status::truncated;
  std::uint32_t manifest_bytes = 0;
  status = parse_super_header(head, &manifest_bytes);
  if (status != Status::ok) return status;
  SuperHead read;
  read.signed_bytes = package_header_bytes + manifest_bytes;
  read.head_bytes = needed;
  const ByteSpan signed_part = head.first(read.signed_bytes);
  status = parse_signature_list(head.subspan(read.signed_bytes, needed - read.signed_bytes),
                                &read.signatures);
  if (status != Status::ok) return status;
  read.manifest_digest = super_signed_part_digest(signed_part);
  if (keys != nullptr) {
    status = verify_signatures(read.signatures, read.manifest_digest, *keys, &read.vouchers);
    if (status != Status::ok) return status;
  }
  status = parse_super_manifest(signed_part.subspan(package_header_bytes), &read.manifest);
  if (status == Status::ok) *result = read;
  return status;
}

}  // namespace

Status super_head_bytes_needed(ByteSpan given, std::size_t* bytes) {
  if (given.size() < package_header_bytes) {
    *bytes = package_header_bytes;
    return Status::ok;
  }
  std::uint32_t manifest_bytes = 0;
  Status status = parse_super_header(given, &manifest_bytes);
  if (status != Status::ok) return status;
  const std::size_t list_at = package_header_bytes + manifest_bytes;
  if (given.size() < list_at + signature_list_header_bytes) {
    *bytes = list_at + signature_list_header_bytes;
    return Status::ok;
  }
  std::size_t list_bytes = 0;
  status = signature_list_bytes(given.subspan(list_at, signature_list_header_bytes), &list_bytes);
  if (status == Status::ok) *bytes = list_at + list_bytes;
  return status;
}

Status verify_super_head(ByteSpan head, TrustedKeys keys, SuperHead* result) {
  return read_super_head(head, &keys, result);
}

Status inspect_super_head(ByteSpan head, SuperHead* result) {
  return read_super_head(head, nullptr, result);
}

void encode_super_signed_part(const SuperFacts& facts,
                              std::span<const SuperRequirement> requirements,
                              std::span<const SuperMember> members, ByteWriter* writer) {
  // The size comes before what it is the size of: counted first, in the same buffer.
  const auto encode = [&](std::size_t manifest_bytes) {
    encode_document_header(DocumentKind::super_package, manifest_bytes, writer);
    encode_super_manifest(facts, requirements, members, writer);
  };
  ByteWriter trial = *writer;
  encode_document_header(DocumentKind::super_package, 0, &trial);
  const std::size_t begin = trial.offset();
  encode_super_manifest(facts, requirements, members, &trial);
  encode(trial.ok() ? trial.offset() - begin : 0);
}

Digest super_signed_part_digest(ByteSpan signed_part) {
  return digest_of(DigestDomain::super_manifest, signed_part);
}

std::uint64_t super_arena_bytes_needed(const SuperHead& head) {
  constexpr std::uint64_t line = 64;
  return round_up(head.signed_bytes, line) + head.manifest.ram_bytes_max;
}

Digest transaction_digest(const Digest& super_manifest_digest, std::size_t index) {
  return digest_of(DigestDomain::transaction, super_manifest_digest.value, index);
}

}  // namespace romdelta
