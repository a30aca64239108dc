#include "tests/vectors/vector_file.h"

#include "format/chunk.h"
#include "format/inventory_record.h"
#include "format/journal_record.h"
#include "format/keyring.h"
#include "format/super_package.h"
#include "tests/support/test_key.h"

namespace romdelta::test {
namespace {

constexpr std::string_view kExpect = "expect: ";
constexpr std::string_view kWhy = "why: ";
constexpr std::size_t kHexDigitsInLine = 64;

bool status_by_name(std::string_view name, Status* status) {
  for (unsigned i = 0; i < status_count; ++i) {
    if (name != to_string(static_cast<Status>(i))) continue;
    *status = static_cast<Status>(i);
    return true;
  }
  return false;
}

// The rest of the line that begins at `*at` with `prefix`; moves to the next line.
bool take_line(std::string_view text, std::string_view prefix, std::size_t* at,
               std::string_view* rest) {
  const std::size_t end = text.find('\n', *at);
  if (end == std::string_view::npos) return false;
  const std::string_view line = text.substr(*at, end - *at);
  if (!line.starts_with(prefix)) return false;
  *rest = line.substr(prefix.size());
  *at = end + 1;
  return true;
}

}  // namespace

std::string format_vector(const Vector& vector) {
  std::string text = std::string(kExpect) + to_string(vector.expect) + "\n";
  text += std::string(kWhy) + vector.why + "\n\n";
  const std::string hex = to_hex(vector.bytes);
  for (std::size_t at = 0; at < hex.size(); at += kHexDigitsInLine) {
    text += hex.substr(at, kHexDigitsInLine) + "\n";
  }
  return text;
}

bool parse_vector(const std::string& text, Vector* vector) {
  std::size_t at = 0;
  std::string_view expect;
  std::string_view why;
  std::string_view blank;
  if (!take_line(text, kExpect, &at, &expect) || !take_line(text, kWhy, &at, &why)) return false;
  if (!take_line(text, "", &at, &blank) || !blank.empty()) return false;
  vector->why = why;
  return status_by_name(expect, &vector->expect) &&
         from_hex(std::string_view(text).substr(at), &vector->bytes);
}

Status status_of(const Vector& vector) {
  if (vector.kind == "head") {
    PackageHead head;
    const PublicKey key = test_key(1).public_key;
    return verify_head(vector.bytes, {&key, 1}, &head);
  }
  if (vector.kind == "super_head") {
    SuperHead head;
    const PublicKey key = test_key(1).public_key;
    return verify_super_head(vector.bytes, {&key, 1}, &head);
  }
  if (vector.kind == "super") {
    SuperManifest manifest;
    return parse_super_manifest(vector.bytes, &manifest);
  }
  Manifest manifest;
  if (vector.kind == "manifest") return parse_manifest(vector.bytes, &manifest);
  if (vector.kind == "chunk") {
    manifest.chunk_decoded_bytes_max = 1000;
    ChunkHeader header;
    std::size_t header_bytes = 0;
    return parse_chunk_header(vector.bytes, manifest, &header, &header_bytes);
  }
  if (vector.kind == "journal") {
    JournalRecord record;
    return parse_journal_record(vector.bytes, &record);
  }
  if (vector.kind == "keyring") {
    KeyringDocument document;
    const Status status = read_keyring(vector.bytes, &document);
    return status == Status::ok ? check_threshold(document, document.keyring) : status;
  }
  if (vector.kind == "inventory") {
    InventoryRecord record;
    return parse_inventory_record(vector.bytes, &record);
  }
  return Status::internal;
}

}  // namespace romdelta::test
