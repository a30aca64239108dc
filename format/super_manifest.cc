#include "format/super_manifest.h"

#include <algorithm>

#include "format/fields.h"

namespace romdelta {
namespace {

enum Tag : std::uint16_t {
  tag_name = 0x0001,
  tag_release = 0x0002,
  tag_vendor = 0x0009,
  tag_model = 0x000a,
  tag_hardware = 0x000b,
  tag_security_counter = 0x000c,
  tag_requirement = 0x0020,
  tag_member = 0x0030,
};

constexpr std::size_t kFieldHeaderBytes = 4;
// Everything of a member but its texts.
constexpr std::size_t kMemberBytesMax =
    32 + 6 * 8 + 5 + 2 * 40 + limits::package_id_bytes_max + 2 * limits::version_bytes_max;
constexpr std::size_t kRequirementBytesMax =
    1 + limits::package_id_bytes_max +
    limits::requirement_version_count_max * (1 + limits::version_bytes_max);

// The next field of what was parsed before, or is being parsed.
struct Field {
  std::uint16_t tag = 0;
  ByteSpan value;
};

Field read_raw_field(ByteReader* reader) {
  Field field;
  field.tag = reader->u16();
  field.value = reader->bytes(reader->u16());
  return field;
}

// A text whose length is given before it.
bool read_counted_version(ByteReader* reader, std::size_t bytes, Version* version) {
  ByteReader text(reader->bytes(bytes));
  return read_version(&text, version);
}

bool read_counted_id(ByteReader* reader, std::size_t bytes, PackageId* id) {
  ByteReader text(reader->bytes(bytes));
  return read_package_id(&text, id);
}

bool read_image(ByteReader* reader, std::size_t version_bytes, ImageIdentity* image) {
  image->bytes = reader->u64();
  image->digest = read_digest(reader);
  return read_counted_version(reader, version_bytes, &image->version) && reader->ok() &&
         image->bytes <= limits::image_bytes_max;
}

Status read_member(ByteSpan value, SuperMember* member) {
  ByteReader reader(value);
  SuperMember parsed;
  parsed.manifest_digest = read_digest(&reader);
  parsed.file_bytes = reader.u64();
  parsed.ram_bytes = reader.u64();
  parsed.scratch_bytes = reader.u64();
  parsed.order.security_counter = reader.u64();
  parsed.order.device_counter = reader.u64();
  parsed.order.number = reader.u64();
  const std::uint8_t layout = reader.u8();
  const std::uint8_t source_count = reader.u8();
  const std::uint8_t id_bytes = reader.u8();
  const std::uint8_t target_version_bytes = reader.u8();
  const std::uint8_t source_version_bytes = reader.u8();
  if (!reader.ok()) return Status::malformed_manifest;
  parsed.layout = static_cast<Layout>(layout);
  if (parsed.layout != Layout::ab && parsed.layout != Layout::in_place) {
    return Status::unsupported_layout;
  }
  if (source_count > 1) return Status::malformed_manifest;
  parsed.has_source = source_count == 1;
  bool good = parsed.has_source || source_version_bytes == 0;
  good = good && read_counted_id(&reader, id_bytes, &parsed.package_id) &&
         read_image(&reader, target_version_bytes, &parsed.target);
  if (good && parsed.has_source) good = read_image(&reader, source_version_bytes, &parsed.source);
  if (!good || !reader.done()) return Status::malformed_manifest;
  if (parsed.file_bytes == 0 || parsed.file_bytes > limits::member_bytes_max) {
    return Status::malformed_manifest;
  }
  *member = parsed;
  return Status::ok;
}

bool read_requirement(ByteSpan value, SuperRequirement* requirement) {
  ByteReader reader(value);
  SuperRequirement parsed;
  if (!read_counted_id(&reader, reader.u8(), &parsed.package_id)) return false;
  while (reader.ok() && reader.remaining() != 0) {
    if (parsed.version_count == parsed.versions.size()) return false;
    Version& version = parsed.versions[parsed.version_count];
    if (!read_counted_version(&reader, reader.u8(), &version)) return false;
    const bool ascends = parsed.version_count == 0 ||
                         parsed.versions[parsed.version_count - 1].view() < version.view();
    if (!ascends) return false;
    ++parsed.version_count;
  }
  if (!reader.done() || parsed.version_count == 0) return false;
  *requirement = parsed;
  return true;
}

// What must hold between a member and the one before it.
bool follows(const SuperMember& before, const SuperMember& member) {
  if (before.package_id == member.package_id) {
    // Alternatives: one target, in ascending order of sources, the full package last.
    if (before.layout != member.layout || before.target.bytes != member.target.bytes ||
        before.target.digest != member.target.digest ||
        !(before.target.version == member.target.version) || !before.has_source) {
      return false;
    }
    return !member.has_source || before.source.digest.value < member.source.digest.value;
  }
  // What can be undone comes first.
  return before.layout == Layout::ab || member.layout == Layout::in_place;
}

// True when the members before `count` have one of this id.
bool has_member(ByteSpan fields, const PackageId& id) {
  SuperMembers members(fields);
  SuperMember member;
  while (members.next(&member)) {
    if (member.package_id == id) return true;
  }
  return false;
}

// Reads the fields in order and keeps what the next one is judged by.
class Parser {
 public:
  Status parse(ByteSpan bytes, SuperManifest* manifest) {
    ByteReader reader(bytes);
    std::uint32_t last_tag = 0;
    while (reader.ok() && reader.remaining() != 0) {
      const std::size_t begin = reader.offset();
      const Field field = read_raw_field(&reader);
      if (!reader.ok()) return Status::malformed_manifest;
      const bool may_repeat = field.tag == tag_requirement || field.tag == tag_member;
      if (field.tag < last_tag || (field.tag == last_tag && !may_repeat)) {
        return Status::malformed_manifest;
      }
      last_tag = field.tag;
      const Status status = take(field, bytes, begin);
      if (status != Status::ok) return status;
    }
    if (!reader.done() || parsed_.facts.name.empty() || parsed_.member_count == 0) {
      return Status::malformed_manifest;
    }
    if (!requirements_are_no_members()) return Status::malformed_manifest;
    *manifest = parsed_;
    return Status::ok;
  }

 private:
  Status take(const Field& field, ByteSpan bytes, std::size_t begin) {
    ByteReader value(field.value);
    SuperFacts& facts = parsed_.facts;
    bool good = true;
    switch (field.tag) {
      case tag_name: good = read_package_id(&value, &facts.name); break;
      case tag_release: good = read_version(&value, &facts.release); break;
      case tag_vendor: good = read_name(&value, &facts.device.vendor); break;
      case tag_model: good = read_name(&value, &facts.device.model); break;
      case tag_hardware: good = read_hardware(&value, &facts.device); break;
      case tag_security_counter:
        facts.security_counter = value.u64();
        good = facts.security_counter != 0;
        break;
      case tag_requirement:
        parsed_.requirement_fields = extended(parsed_.requirement_fields, bytes, begin, field);
        return take_requirement(field.value);
      case tag_member: {
        const ByteSpan before = parsed_.member_fields;
        parsed_.member_fields = extended(before, bytes, begin, field);
        return take_member(field.value, before);
      }
      default:
        return (field.tag & non_critical_field) != 0 ? Status::ok : Status::unsupported_field;
    }
    return good && value.done() ? Status::ok : Status::malformed_manifest;
  }

  // Fields of one tag lie one after the other.
  static ByteSpan extended(ByteSpan fields, ByteSpan bytes, std::size_t begin, const Field& field) {
    const std::size_t first = begin - fields.size();
    return bytes.subspan(first, fields.size() + kFieldHeaderBytes + field.value.size());
  }

  Status take_requirement(ByteSpan value) {
    SuperRequirement requirement;
    if (parsed_.requirement_count == limits::super_requirement_count_max ||
        !read_requirement(value, &requirement)) {
      return Status::malformed_manifest;
    }
    if (parsed_.requirement_count != 0 && !(last_required_.view() < requirement.package_id.view()))
      return Status::malformed_manifest;
    last_required_ = requirement.package_id;
    ++parsed_.requirement_count;
    return Status::ok;
  }

  Status take_member(ByteSpan value, ByteSpan before) {
    if (parsed_.member_count == limits::super_member_count_max) return Status::malformed_manifest;
    SuperMember member;
    const Status status = read_member(value, &member);
    if (status != Status::ok) return status;
    if (parsed_.member_count != 0) {
      if (!follows(last_member_, member)) return Status::malformed_manifest;
      const bool is_alternative = last_member_.package_id == member.package_id;
      if (!is_alternative && has_member(before, member.package_id)) {
        return Status::malformed_manifest;
      }
    }
    last_member_ = member;
    ++parsed_.member_count;
    // Far from 64-bit overflow by the limits of both.
    parsed_.members_bytes += member.file_bytes;
    parsed_.ram_bytes_max = std::max(parsed_.ram_bytes_max, member.ram_bytes);
    parsed_.scratch_bytes_max = std::max(parsed_.scratch_bytes_max, member.scratch_bytes);
    return Status::ok;
  }

  bool requirements_are_no_members() const {
    for (std::size_t i = 0; i < parsed_.requirement_count; ++i) {
      if (has_member(parsed_.member_fields, parsed_.requirement(i).package_id)) return false;
    }
    return true;
  }

  SuperManifest parsed_;
  PackageId last_required_;
  SuperMember last_member_;
};

std::uint8_t length_byte(ByteSpan text) { return static_cast<std::uint8_t>(text.size()); }

void write_image(ByteWriter* writer, const ImageIdentity& image) {
  writer->u64(image.bytes);
  writer->bytes(image.digest.value);
  writer->bytes(image.version.bytes());
}

void write_member(const SuperMember& member, ByteWriter* writer) {
  writer->bytes(member.manifest_digest.value);
  writer->u64(member.file_bytes);
  writer->u64(member.ram_bytes);
  writer->u64(member.scratch_bytes);
  writer->u64(member.order.security_counter);
  writer->u64(member.order.device_counter);
  writer->u64(member.order.number);
  writer->u8(static_cast<std::uint8_t>(member.layout));
  writer->u8(member.has_source ? 1 : 0);
  writer->u8(length_byte(member.package_id.bytes()));
  writer->u8(length_byte(member.target.version.bytes()));
  writer->u8(member.has_source ? length_byte(member.source.version.bytes()) : std::uint8_t{0});
  writer->bytes(member.package_id.bytes());
  write_image(writer, member.target);
  if (member.has_source) write_image(writer, member.source);
}

void write_requirement(const SuperRequirement& requirement, ByteWriter* writer) {
  writer->u8(length_byte(requirement.package_id.bytes()));
  writer->bytes(requirement.package_id.bytes());
  for (std::size_t i = 0; i < requirement.version_count; ++i) {
    writer->u8(length_byte(requirement.versions[i].bytes()));
    writer->bytes(requirement.versions[i].bytes());
  }
}

}  // namespace

bool SuperRequirement::allows(const Version& version) const {
  for (std::size_t i = 0; i < version_count; ++i) {
    if (versions[i] == version) return true;
  }
  return false;
}

bool SuperMembers::next(SuperMember* member) {
  ByteReader reader(fields_);
  const Field field = read_raw_field(&reader);
  if (!reader.ok() || read_member(field.value, member) != Status::ok) return false;
  member->offset_bytes = offset_bytes_;
  offset_bytes_ += member->file_bytes;
  fields_ = fields_.subspan(reader.offset());
  return true;
}

SuperMember SuperManifest::member(std::size_t index) const {
  SuperMembers list = members();
  SuperMember result;
  for (std::size_t i = 0; i <= index; ++i) {
    if (!list.next(&result)) break;
  }
  return result;
}

SuperRequirement SuperManifest::requirement(std::size_t index) const {
  ByteReader reader(requirement_fields);
  SuperRequirement result;
  Field field;
  for (std::size_t i = 0; i <= index; ++i) field = read_raw_field(&reader);
  (void)read_requirement(field.value, &result);
  return result;
}

Status parse_super_manifest(ByteSpan bytes, SuperManifest* manifest) {
  if (bytes.size() > limits::super_manifest_bytes_max) return Status::malformed_manifest;
  return Parser().parse(bytes, manifest);
}

void encode_super_manifest(const SuperFacts& facts, std::span<const SuperRequirement> requirements,
                           std::span<const SuperMember> members, ByteWriter* writer) {
  std::uint8_t buffer[std::max(kMemberBytesMax, kRequirementBytesMax)];
  const auto field = [&](std::uint16_t tag, auto&& write_value) {
    ByteWriter value(buffer);
    write_value(&value);
    write_field(writer, tag, value.written());
  };
  write_field(writer, tag_name, facts.name.bytes());
  if (!facts.release.empty()) write_field(writer, tag_release, facts.release.bytes());
  const DeviceFilter& device = facts.device;
  if (!device.vendor.empty()) write_field(writer, tag_vendor, device.vendor.bytes());
  if (!device.model.empty()) write_field(writer, tag_model, device.model.bytes());
  if (device.has_hardware_range) {
    field(tag_hardware, [&](ByteWriter* w) {
      w->u32(device.hardware_min);
      w->u32(device.hardware_max);
    });
  }
  if (facts.security_counter != 0) {
    field(tag_security_counter, [&](ByteWriter* w) { w->u64(facts.security_counter); });
  }
  for (const SuperRequirement& requirement : requirements) {
    field(tag_requirement, [&](ByteWriter* w) { write_requirement(requirement, w); });
  }
  for (const SuperMember& member : members) {
    field(tag_member, [&](ByteWriter* w) { write_member(member, w); });
  }
}

}  // namespace romdelta
