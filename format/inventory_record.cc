#include "format/inventory_record.h"

namespace romdelta {
namespace {

constexpr std::uint32_t kMagic = 0x32494452;  // "RDI2" in memory order.
constexpr std::size_t kReservedBytes = 6;

// Text in a fixed field: zero bytes fill the rest and cannot occur inside.
bool read_padded(ByteReader* reader, std::size_t field_bytes, std::string_view* text) {
  const ByteSpan field = reader->bytes(field_bytes);
  std::size_t size = 0;
  while (size < field.size() && field[size] != 0) ++size;
  for (std::size_t i = size; i < field.size(); ++i) {
    if (field[i] != 0) return false;
  }
  *text = {reinterpret_cast<const char*>(field.data()), size};
  return true;
}

// Ascending; after the first zero id there are only zero ids.
bool read_vouching_keys(ByteReader* reader, InventoryRecord* record) {
  bool ended = false;
  for (std::size_t i = 0; i < record->vouching_keys.size(); ++i) {
    KeyId& id = record->vouching_keys[i];
    copy_bytes(id.value.data(), reader->bytes(KeyId::bytes));
    if (!reader->ok()) return false;
    const bool is_none = id == KeyId{};
    if (!is_none && (ended || (i != 0 && id <= record->vouching_keys[i - 1]))) return false;
    ended = is_none;
  }
  return true;
}

bool is_state(std::uint8_t value) {
  switch (static_cast<PackageState>(value)) {
    case PackageState::factory:
    case PackageState::installed:
    case PackageState::confirmed:
    case PackageState::broken: return true;
  }
  return false;
}

void write_padded(ByteWriter* writer, ByteSpan text, std::size_t field_bytes) {
  writer->bytes(text);
  writer->fill(0, field_bytes - text.size());
}

}  // namespace

const char* to_string(PackageState state) {
  switch (state) {
    case PackageState::factory: return "factory";
    case PackageState::installed: return "installed";
    case PackageState::confirmed: return "confirmed";
    case PackageState::broken: return "broken";
  }
  return "unknown";
}

Status parse_inventory_record(ByteSpan bytes, InventoryRecord* record) {
  if (bytes.size() != InventoryRecord::bytes) return Status::no_record;
  ByteReader reader(bytes);
  InventoryRecord parsed;
  std::string_view id;
  std::string_view version;
  if (!read_padded(&reader, limits::package_id_bytes_max, &id)) return Status::no_record;
  if (!read_padded(&reader, limits::version_bytes_max, &version)) return Status::no_record;
  if (!is_valid_package_id(id) || !parsed.package_id.assign(id)) return Status::no_record;
  if (!is_valid_version(version) || !parsed.version.assign(version)) return Status::no_record;
  const std::uint8_t slot = reader.u8();
  const std::uint8_t state = reader.u8();
  for (const std::uint8_t byte : reader.bytes(kReservedBytes)) {
    if (byte != 0) return Status::no_record;
  }
  if (slot > 1 || !is_state(state)) return Status::no_record;
  parsed.active_slot = static_cast<Slot>(slot);
  parsed.state = static_cast<PackageState>(state);
  parsed.security_counter = reader.u64();
  parsed.image_bytes = reader.u64();
  if (parsed.image_bytes > limits::image_bytes_max) return Status::no_record;
  copy_bytes(parsed.image_digest.value.data(), reader.bytes(Digest::bytes));
  copy_bytes(parsed.manifest_digest.value.data(), reader.bytes(Digest::bytes));
  if (!read_vouching_keys(&reader, &parsed)) return Status::no_record;
  parsed.release.security_counter = reader.u64();
  parsed.release.device_counter = reader.u64();
  parsed.release.number = reader.u64();
  if (!reader.done()) return Status::no_record;
  *record = parsed;
  return Status::ok;
}

void encode_inventory_record(const InventoryRecord& record, ByteWriter* writer) {
  write_padded(writer, record.package_id.bytes(), limits::package_id_bytes_max);
  write_padded(writer, record.version.bytes(), limits::version_bytes_max);
  writer->u8(static_cast<std::uint8_t>(record.active_slot));
  writer->u8(static_cast<std::uint8_t>(record.state));
  writer->fill(0, kReservedBytes);
  writer->u64(record.security_counter);
  writer->u64(record.image_bytes);
  writer->bytes(record.image_digest.value);
  writer->bytes(record.manifest_digest.value);
  for (const KeyId& id : record.vouching_keys) writer->bytes(id.value);
  writer->u64(record.release.security_counter);
  writer->u64(record.release.device_counter);
  writer->u64(record.release.number);
}

Status parse_inventory_header(ByteSpan bytes, InventoryHeader* header) {
  ByteReader reader(bytes);
  const std::uint32_t magic = reader.u32();
  InventoryHeader parsed;
  parsed.count = reader.u32();
  parsed.sequence = reader.u64();
  parsed.security_counter = reader.u64();
  parsed.keyring_version = reader.u64();
  parsed.checksum.value = reader.u64();
  if (!reader.done() || magic != kMagic) return Status::no_record;
  if (parsed.sequence > limits::record_sequence_max) return Status::no_record;
  *header = parsed;
  return Status::ok;
}

void encode_inventory_header(const InventoryHeader& header, ByteWriter* writer) {
  writer->u32(kMagic);
  writer->u32(header.count);
  writer->u64(header.sequence);
  writer->u64(header.security_counter);
  writer->u64(header.keyring_version);
  writer->u64(header.checksum.value);
}

ChecksumStream begin_inventory_checksum(const InventoryHeader& header) {
  std::uint8_t buffer[28];
  ByteWriter writer(buffer);
  writer.u32(header.count);
  writer.u64(header.sequence);
  writer.u64(header.security_counter);
  writer.u64(header.keyring_version);
  ChecksumStream stream;
  stream.update(writer.written());
  return stream;
}

}  // namespace romdelta
