#include "format/manifest.h"

#include <algorithm>

#include "format/fields.h"
#include "format/hash_tree.h"

namespace romdelta {
namespace {

enum Tag : std::uint16_t {
  tag_package_id = 0x0001,
  tag_layout = 0x0002,
  tag_codec = 0x0003,
  tag_target = 0x0004,
  tag_source = 0x0005,
  tag_payload = 0x0006,
  tag_geometry = 0x0007,
  tag_budgets = 0x0008,
  tag_vendor = 0x0009,
  tag_model = 0x000a,
  tag_hardware = 0x000b,
  tag_security_counter = 0x000c,
  tag_map = 0x000d,
  tag_membership = 0x000e,
  tag_role = 0x000f,
  tag_plan = 0x0010,
  tag_order = 0x0011,
  tag_encoder = 0x8001,
};

// One bit a known field, to find the ones that are missing.
constexpr std::uint32_t seen_bit(std::uint16_t tag) {
  return tag == tag_encoder ? 1u << 31 : 1u << tag;
}
constexpr std::uint32_t kRequired =
    seen_bit(tag_package_id) | seen_bit(tag_layout) | seen_bit(tag_codec) | seen_bit(tag_target) |
    seen_bit(tag_payload) | seen_bit(tag_geometry) | seen_bit(tag_budgets);

// Size, digest and version; the version is what remains of the field.
bool read_image(ByteReader* reader, ImageIdentity* image) {
  image->bytes = reader->u64();
  image->digest = read_digest(reader);
  return read_version(reader, &image->version) && reader->ok() &&
         image->bytes <= limits::image_bytes_max;
}

bool read_target(ByteReader* reader, Manifest* m) {
  m->target_checksum.value = reader->u64();
  return read_image(reader, &m->target);
}

bool read_source(ByteReader* reader, Manifest* m) {
  if (m->source_count == m->sources.size()) return false;
  ImageIdentity& source = m->sources[m->source_count];
  if (!read_image(reader, &source)) return false;
  if (m->source_count != 0) {
    const ImageIdentity& before = m->sources[m->source_count - 1];
    if (!(before.digest.value < source.digest.value)) return false;
  }
  ++m->source_count;
  return true;
}

void read_payload(ByteReader* reader, Manifest* m) {
  m->payload_bytes = reader->u64();
  m->chunk_count = reader->u32();
  m->tree_root = read_digest(reader);
}

void read_geometry(ByteReader* reader, Manifest* m) {
  m->chunk_stored_bytes_max = reader->u32();
  m->chunk_decoded_bytes_max = reader->u32();
  m->group_bytes = reader->u32();
  m->erase_block_bytes = reader->u32();
}

void read_plan(ByteReader* reader, PlanIdentity* plan) {
  plan->bytes = reader->u32();
  plan->step_count = reader->u32();
  plan->chunk_steps_max = reader->u32();
  plan->hole_count = reader->u32();
  plan->kept_count_max = reader->u32();
  plan->fragment_count_max = reader->u32();
  plan->reserve_blocks = reader->u32();
  plan->program_unit_bytes = reader->u32();
  plan->block_erase_count = reader->u32();
  plan->rewritten_bytes = reader->u64();
  plan->digest = read_digest(reader);
}

void read_budgets(ByteReader* reader, Budgets* budgets) {
  budgets->ram_bytes = reader->u64();
  budgets->scratch_bytes = reader->u64();
  budgets->journal_bytes = reader->u64();
  budgets->flash_write_bytes = reader->u64();
  budgets->erase_count = reader->u64();
  budgets->redo_bytes = reader->u64();
}

Status read_layout(ByteReader* reader, Manifest* m) {
  const std::uint8_t value = reader->u8();
  if (!reader->ok()) return Status::malformed_manifest;
  m->layout = static_cast<Layout>(value);
  if (m->layout != Layout::ab && m->layout != Layout::in_place) return Status::unsupported_layout;
  return Status::ok;
}

Status read_codec(ByteReader* reader, Manifest* m) {
  const std::uint8_t value = reader->u8();
  if (!reader->ok()) return Status::malformed_manifest;
  m->codec = static_cast<Codec>(value);
  if (m->codec != Codec::zstd && m->codec != Codec::context) return Status::unsupported_codec;
  return Status::ok;
}

// What the field says beside the security counter, which has one of its own.
bool has_order(const Manifest& m) {
  return m.order.device_counter != 0 || m.order.number != 0 || m.may_downgrade;
}

Status read_role(ByteReader* reader, Manifest* m) {
  const std::uint8_t value = reader->u8();
  // 0, a release, is what an absent field says.
  if (!reader->ok() || value == 0) return Status::malformed_manifest;
  m->role = static_cast<KeyRole>(value);
  return m->role == KeyRole::development ? Status::ok : Status::unsupported_field;
}

bool read_order(ByteReader* reader, Manifest* m) {
  m->order.device_counter = reader->u64();
  m->order.number = reader->u64();
  const std::uint8_t may_downgrade = reader->u8();
  m->may_downgrade = may_downgrade == 1;
  return may_downgrade <= 1 && has_order(*m);
}

Status read_field(std::uint16_t tag, ByteReader* value, Manifest* m) {
  bool good = true;
  switch (tag) {
    case tag_package_id: good = read_package_id(value, &m->package_id); break;
    case tag_layout: {
      const Status status = read_layout(value, m);
      if (status != Status::ok) return status;
      break;
    }
    case tag_codec: {
      const Status status = read_codec(value, m);
      if (status != Status::ok) return status;
      break;
    }
    case tag_target: good = read_target(value, m); break;
    case tag_source: good = read_source(value, m); break;
    case tag_payload: read_payload(value, m); break;
    case tag_geometry: read_geometry(value, m); break;
    case tag_budgets: read_budgets(value, &m->budgets); break;
    case tag_vendor: good = read_name(value, &m->device.vendor); break;
    case tag_model: good = read_name(value, &m->device.model); break;
    case tag_hardware: good = read_hardware(value, &m->device); break;
    case tag_security_counter:
      m->order.security_counter = value->u64();
      good = m->order.security_counter != 0;
      break;
    case tag_map:
      m->map.bytes = value->u32();
      m->map.step_count = value->u32();
      m->map.digest = read_digest(value);
      good = m->map.bytes != 0;  // Else the field must be left out.
      break;
    case tag_membership: good = read_package_id(value, &m->member_of); break;
    case tag_role: {
      const Status status = read_role(value, m);
      if (status != Status::ok) return status;
      break;
    }
    case tag_order: good = read_order(value, m); break;
    case tag_plan:
      read_plan(value, &m->plan);
      good = m->plan.present();
      break;
    case tag_encoder: {
      const std::string_view text = as_text(value->bytes(value->remaining()));
      good = is_printable(text) && m->encoder.assign(text);
      break;
    }
    default: return (tag & non_critical_field) != 0 ? Status::ok : Status::unsupported_field;
  }
  return good && value->done() ? Status::ok : Status::malformed_manifest;
}

// What a map says is about one source, and only one codec reads it.
bool map_is_consistent(const Manifest& m) {
  if (!m.map.present()) return true;
  return m.codec == Codec::context && m.source_count == 1 && m.map.bytes <= limits::map_bytes_max &&
         m.map.step_count != 0 && m.map.step_count <= limits::map_step_count_max;
}

// A delta in place has a plan, nothing else has one.
bool plan_is_consistent(const Manifest& m) {
  const PlanIdentity& plan = m.plan;
  const bool needs_plan = m.layout == Layout::in_place && !m.is_full();
  if (plan.present() != needs_plan) return false;
  if (!needs_plan) return m.budgets.scratch_bytes == 0;
  const std::uint64_t groups = m.group_count();
  const std::uint64_t rewritten_most = std::uint64_t{plan.step_count} * m.group_bytes;
  return m.codec == Codec::context && m.source_count == 1 && plan.bytes <= limits::plan_bytes_max &&
         m.group_bytes % limits::grain_bytes == 0 && groups <= limits::group_count_max &&
         m.sources[0].bytes <= std::uint64_t{limits::group_count_max} * m.group_bytes &&
         plan.step_count != 0 && plan.step_count <= groups && plan.chunk_steps_max != 0 &&
         plan.chunk_steps_max <= plan.step_count && plan.hole_count <= groups - plan.step_count &&
         plan.rewritten_bytes != 0 &&
         plan.rewritten_bytes <= std::min(rewritten_most, m.target.bytes) &&
         m.chunk_count <= plan.step_count && plan.kept_count_max <= limits::kept_count_max &&
         plan.fragment_count_max <= limits::fragment_count_max && plan.program_unit_bytes != 0 &&
         plan.program_unit_bytes <= limits::program_unit_bytes_max &&
         m.erase_block_bytes >= limits::spill_block_bytes_min &&
         m.erase_block_bytes % plan.program_unit_bytes == 0 &&
         m.budgets.scratch_bytes % m.erase_block_bytes == 0 &&
         m.budgets.scratch_bytes <= limits::image_bytes_max &&
         m.spill_block_count() <= limits::spill_block_count_max &&
         plan.reserve_blocks <= m.spill_block_count();
}

bool chunks_are_consistent(const Manifest& m) {
  if (m.target.bytes == 0) {
    return m.chunk_count == 0 && m.payload_bytes == 0 && !m.map.present() && !m.plan.present() &&
           m.tree_root == Digest{} && m.chunk_stored_bytes_max == 0 &&
           m.chunk_decoded_bytes_max == 0;
  }
  if (m.chunk_count == 0 || m.chunk_count > limits::chunk_count_max) return false;
  if (m.chunk_count > m.output_bytes()) return false;
  if (m.chunk_stored_bytes_max == 0 || m.chunk_stored_bytes_max > limits::chunk_stored_bytes_max) {
    return false;
  }
  if (m.chunk_decoded_bytes_max > limits::chunk_decoded_bytes_max) return false;
  // Nothing is decoded ahead of its use.
  if (m.codec == Codec::context && m.chunk_decoded_bytes_max != 0) return false;
  if (!map_is_consistent(m)) return false;
  // Both bounds below stay far from 64-bit overflow by the limits just checked.
  const std::uint64_t tree_bytes = tree_bytes_total(m.chunk_count);
  const std::uint64_t stored_most = std::uint64_t{m.chunk_count} * m.chunk_stored_bytes_max;
  const std::uint64_t other_bytes = tree_bytes + m.map.bytes + m.plan.bytes;
  return m.payload_bytes > other_bytes && m.payload_bytes - other_bytes <= stored_most;
}

bool geometry_is_consistent(const Manifest& m) {
  if (m.erase_block_bytes == 0 || m.erase_block_bytes > limits::erase_block_bytes_max) return false;
  return m.group_bytes != 0 && m.group_bytes <= limits::group_bytes_max &&
         m.group_bytes % m.erase_block_bytes == 0;
}

bool is_consistent(const Manifest& m) {
  return geometry_is_consistent(m) && plan_is_consistent(m) && chunks_are_consistent(m) &&
         m.budgets.ram_bytes >= arena_bytes_needed(m);
}

void write_image(ByteWriter* writer, const ImageIdentity& image) {
  writer->u64(image.bytes);
  writer->bytes(image.digest.value);
  writer->bytes(image.version.bytes());
}

}  // namespace

const char* to_string(Layout layout) {
  switch (layout) {
    case Layout::ab: return "ab";
    case Layout::in_place: return "in-place";
  }
  return "unknown";
}

const char* to_string(Codec codec) {
  switch (codec) {
    case Codec::zstd: return "zstd";
    case Codec::context: return "context";
  }
  return "unknown";
}

Status parse_manifest(ByteSpan bytes, Manifest* manifest) {
  if (bytes.size() > limits::manifest_bytes_max) return Status::malformed_manifest;
  ByteReader reader(bytes);
  Manifest parsed;
  std::uint32_t seen = 0;
  std::uint32_t last_tag = 0;
  while (reader.ok() && reader.remaining() != 0) {
    const std::uint16_t tag = reader.u16();
    const ByteSpan value = reader.bytes(reader.u16());
    if (!reader.ok()) return Status::malformed_manifest;
    const bool may_repeat = tag == tag_source;
    if (tag < last_tag || (tag == last_tag && !may_repeat)) return Status::malformed_manifest;
    last_tag = tag;
    ByteReader value_reader(value);
    const Status status = read_field(tag, &value_reader, &parsed);
    if (status != Status::ok) return status;
    if (tag <= tag_order || tag == tag_encoder) seen |= seen_bit(tag);
  }
  if (!reader.done() || (seen & kRequired) != kRequired) return Status::malformed_manifest;
  if (!is_consistent(parsed)) return Status::malformed_manifest;
  *manifest = parsed;
  return Status::ok;
}

void encode_manifest(const Manifest& m, ByteWriter* writer) {
  std::uint8_t buffer[256];
  const auto field = [&](std::uint16_t tag, auto&& write_value) {
    ByteWriter value(buffer);
    write_value(&value);
    write_field(writer, tag, value.written());
  };
  write_field(writer, tag_package_id, m.package_id.bytes());
  field(tag_layout, [&](ByteWriter* w) { w->u8(static_cast<std::uint8_t>(m.layout)); });
  field(tag_codec, [&](ByteWriter* w) { w->u8(static_cast<std::uint8_t>(m.codec)); });
  field(tag_target, [&](ByteWriter* w) {
    w->u64(m.target_checksum.value);
    write_image(w, m.target);
  });
  for (std::size_t i = 0; i < m.source_count; ++i) {
    field(tag_source, [&](ByteWriter* w) { write_image(w, m.sources[i]); });
  }
  field(tag_payload, [&](ByteWriter* w) {
    w->u64(m.payload_bytes);
    w->u32(m.chunk_count);
    w->bytes(m.tree_root.value);
  });
  field(tag_geometry, [&](ByteWriter* w) {
    w->u32(m.chunk_stored_bytes_max);
    w->u32(m.chunk_decoded_bytes_max);
    w->u32(m.group_bytes);
    w->u32(m.erase_block_bytes);
  });
  field(tag_budgets, [&](ByteWriter* w) {
    w->u64(m.budgets.ram_bytes);
    w->u64(m.budgets.scratch_bytes);
    w->u64(m.budgets.journal_bytes);
    w->u64(m.budgets.flash_write_bytes);
    w->u64(m.budgets.erase_count);
    w->u64(m.budgets.redo_bytes);
  });
  if (!m.device.vendor.empty()) write_field(writer, tag_vendor, m.device.vendor.bytes());
  if (!m.device.model.empty()) write_field(writer, tag_model, m.device.model.bytes());
  if (m.device.has_hardware_range) {
    field(tag_hardware, [&](ByteWriter* w) {
      w->u32(m.device.hardware_min);
      w->u32(m.device.hardware_max);
    });
  }
  if (m.order.security_counter != 0) {
    field(tag_security_counter, [&](ByteWriter* w) { w->u64(m.order.security_counter); });
  }
  if (m.map.present()) {
    field(tag_map, [&](ByteWriter* w) {
      w->u32(m.map.bytes);
      w->u32(m.map.step_count);
      w->bytes(m.map.digest.value);
    });
  }
  if (!m.member_of.empty()) write_field(writer, tag_membership, m.member_of.bytes());
  if (m.role != KeyRole::release) {
    field(tag_role, [&](ByteWriter* w) { w->u8(static_cast<std::uint8_t>(m.role)); });
  }
  if (m.plan.present()) {
    field(tag_plan, [&](ByteWriter* w) {
      w->u32(m.plan.bytes);
      w->u32(m.plan.step_count);
      w->u32(m.plan.chunk_steps_max);
      w->u32(m.plan.hole_count);
      w->u32(m.plan.kept_count_max);
      w->u32(m.plan.fragment_count_max);
      w->u32(m.plan.reserve_blocks);
      w->u32(m.plan.program_unit_bytes);
      w->u32(m.plan.block_erase_count);
      w->u64(m.plan.rewritten_bytes);
      w->bytes(m.plan.digest.value);
    });
  }
  if (has_order(m)) {
    field(tag_order, [&](ByteWriter* w) {
      w->u64(m.order.device_counter);
      w->u64(m.order.number);
      w->u8(m.may_downgrade ? 1 : 0);
    });
  }
  if (!m.encoder.empty()) write_field(writer, tag_encoder, m.encoder.bytes());
}

std::uint32_t chunk_buffer_bytes(const Manifest& m) {
  return std::max(m.chunk_stored_bytes_max, m.map.bytes);
}

std::uint64_t grains_of_group(const Manifest& m) {
  const std::uint64_t margin = m.map.present() ? limits::rebase_margin_bytes : 0;
  return (m.group_bytes + 2 * margin) / limits::grain_bytes;
}

namespace {

// Every buffer starts on a cache line; arena.h rounds the same way.
constexpr std::uint64_t line = 64;

std::uint64_t map_arena_bytes(const Manifest& m) {
  if (!m.map.present()) return 0;
  return round_up(m.map.step_count * limits::map_step_bytes, line) +
         round_up(limits::rebase_window_bytes, line);
}

// What only a delta in place needs.
std::uint64_t plan_arena_bytes(const Manifest& m) {
  const std::uint64_t kept = std::uint64_t{m.plan.kept_count_max} + 1;
  const std::uint64_t bitmap_words = (grains_of_group(m) + 31) / 32;
  return round_up(m.plan.bytes, line) + limits::plan_model_bytes +
         round_up((m.group_count() + 31) / 32 * 4, line) +
         2 * round_up(m.plan.chunk_steps_max * std::uint64_t{4}, line) +
         round_up(m.plan.chunk_steps_max * std::uint64_t{8}, line) +
         round_up(m.plan.hole_count * std::uint64_t{8}, line) + round_up(kept * 16, line) +
         round_up(kept * 4 * bitmap_words, line) + 2 * round_up(4 * bitmap_words, line) +
         round_up(m.plan.fragment_count_max * std::uint64_t{24}, line) +
         round_up(m.spill_block_count() * 16, line) + limits::program_unit_bytes_max +
         limits::script_window_bytes;
}

}  // namespace

std::uint64_t arena_bytes_needed(const Manifest& m) {
  std::uint64_t total = limits::head_bytes_max + limits::record_buffer_bytes;
  if (m.chunk_count == 0) return total;
  total += tree_depth(m.chunk_count) * tree_node_bytes_max(m.chunk_count);
  const std::uint64_t chunk_bytes = round_up(chunk_buffer_bytes(m), line);
  const std::uint64_t group_bytes = round_up(m.group_bytes, line);
  if (m.codec == Codec::zstd) {
    return total + limits::zstd_context_bytes + group_bytes + chunk_bytes +
           round_up(m.chunk_decoded_bytes_max, line);
  }
  total += round_up(limits::source_window_bytes, line) + map_arena_bytes(m);
  const std::uint64_t decoding = limits::context_model_bytes + chunk_bytes;
  if (!m.plan.present()) return total + decoding + group_bytes;
  // A chunk is unpacked before a group is made: both have the same memory.
  return total + plan_arena_bytes(m) + std::max(decoding, group_bytes);
}

}  // namespace romdelta
