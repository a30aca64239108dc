// Fields of tag, length and value: what manifests of packages and of super packages share.
// docs/format.md section 4.1.
#pragma once

#include <cstdint>
#include <string_view>

#include "format/bytes.h"
#include "format/digest.h"
#include "format/manifest.h"
#include "format/text.h"

namespace romdelta {

// Bit 15 of a tag: a reader may ignore the field when it does not know it.
inline constexpr std::uint16_t non_critical_field = 0x8000;

inline std::string_view as_text(ByteSpan bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline Digest read_digest(ByteReader* reader) {
  Digest digest;
  copy_bytes(digest.value.data(), reader->bytes(Digest::bytes));
  return digest;
}

// The rest of a value. False when it is not of the alphabet, or too long.
inline bool read_package_id(ByteReader* reader, PackageId* id) {
  const std::string_view text = as_text(reader->bytes(reader->remaining()));
  return is_valid_package_id(text) && id->assign(text);
}
inline bool read_version(ByteReader* reader, Version* version) {
  const std::string_view text = as_text(reader->bytes(reader->remaining()));
  return is_valid_version(text) && version->assign(text);
}
inline bool read_name(ByteReader* reader, IdentityName* name) {
  const std::string_view text = as_text(reader->bytes(reader->remaining()));
  return is_printable(text) && name->assign(text);
}

inline bool read_hardware(ByteReader* reader, DeviceFilter* device) {
  device->has_hardware_range = true;
  device->hardware_min = reader->u32();
  device->hardware_max = reader->u32();
  return reader->ok() && device->hardware_min <= device->hardware_max;
}

inline void write_field(ByteWriter* writer, std::uint16_t tag, ByteSpan value) {
  writer->u16(tag);
  writer->u16(static_cast<std::uint16_t>(value.size()));
  writer->bytes(value);
}

}  // namespace romdelta
