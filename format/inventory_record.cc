#include "format/inventory_record.h"

namespace romdelta {
namespace {

constexpr std::uint32_t kMagic = 0x31494452;  // "RDI1" in memory order.
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

void write_padded(ByteWriter* writer, ByteSpan text, std::size_t field_bytes) {
  writer->bytes(text);
  writer->fill(0, field_bytes - text.size());
}

}  // namespace

const char* to_string(PackageState state) {
  switch (state) {
    case PackageState::factory: return "factory";
    case PackageState::installed: return "installed";
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
  if (slot > 1 || state < 1 || state > 2) return Status::no_record;
  parsed.active_slot = static_cast<Slot>(slot);
  parsed.state = static_cast<PackageState>(state);
  parsed.security_counter = reader.u64();
  parsed.image_bytes = reader.u64();
  if (parsed.image_bytes > limits::image_bytes_max) return Status::no_record;
  copy_bytes(parsed.image_digest.value.data(), reader.bytes(Digest::bytes));
  copy_bytes(parsed.manifest_digest.value.data(), reader.bytes(Digest::bytes));
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
}

Status parse_inventory_header(ByteSpan bytes, InventoryHeader* header) {
  ByteReader reader(bytes);
  const std::uint32_t magic = reader.u32();
  InventoryHeader parsed;
  parsed.count = reader.u32();
  parsed.sequence = reader.u64();
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
  writer->u64(header.checksum.value);
}

ChecksumStream begin_inventory_checksum(const InventoryHeader& header) {
  std::uint8_t buffer[12];
  ByteWriter writer(buffer);
  writer.u32(header.count);
  writer.u64(header.sequence);
  ChecksumStream stream;
  stream.update(writer.written());
  return stream;
}

}  // namespace romdelta
