// Package: header | manifest | signatures | payload. docs/format.md section 3.
//
// The first three are the head: at most limits::head_bytes_max bytes, all that is buffered before
// the signature is checked. One parser serves pkgtool and installer.
#pragma once

#include <cstddef>
#include <cstdint>

#include "format/bytes.h"
#include "format/digest.h"
#include "format/limits.h"
#include "format/manifest.h"
#include "format/signature.h"
#include "format/status.h"

namespace romdelta {

inline constexpr std::uint16_t format_version = 1;
inline constexpr std::size_t package_header_bytes = 16;

// What kind of document follows the header.
enum class DocumentKind : std::uint16_t { package = 1, super_package = 2, keyring = 3 };

struct PackageHeader {
  std::uint32_t manifest_bytes = 0;
};

// Parses exactly package_header_bytes. bad_magic, unsupported_format or bad_header.
Status parse_package_header(ByteSpan bytes, PackageHeader* header);

// The same of any kind of document: how many bytes follow the header, at most `body_bytes_max`,
// before the signatures. unsupported_format when it is another kind.
Status parse_document_header(ByteSpan bytes, DocumentKind kind, std::size_t body_bytes_max,
                             std::uint32_t* body_bytes);
void encode_document_header(DocumentKind kind, std::size_t body_bytes, ByteWriter* writer);

// How many bytes of a head must be present before more can be said: the end of the header, of the
// signature list's header or of the head. `*bytes` <= given.size() means the head is complete.
// Fails as parse_package_header and signature_list_bytes do.
Status head_bytes_needed(ByteSpan given, std::size_t* bytes);

// A parsed and, after verify_head(), authenticated head.
struct PackageHead {
  Manifest manifest;
  SignatureList signatures;
  Vouchers vouchers;           // Empty after inspect_head().
  Digest manifest_digest;      // Of header and manifest: what the signatures sign.
  std::size_t head_bytes = 0;  // Where the payload begins.

  std::uint64_t file_bytes() const { return head_bytes + manifest.payload_bytes; }
};

// Checks the signatures of a complete head and only then parses its manifest. Fails as
// head_bytes_needed (truncated when incomplete), verify_signatures and parse_manifest do;
// wrong_role when no key of the manifest's role has signed.
Status verify_head(ByteSpan head, TrustedKeys keys, PackageHead* result);

// The same without checking signatures: for tools that look at a package without trusting it. The
// result must not drive an installation.
Status inspect_head(ByteSpan head, PackageHead* result);

// Writes header and manifest: the signed part of the head.
void encode_signed_part(const Manifest& manifest, ByteWriter* writer);

// What the signatures sign: the digest of the signed part.
Digest signed_part_digest(ByteSpan signed_part);

}  // namespace romdelta
