#include "tests/support/manifest_maker.h"

#include <algorithm>
#include <string>

#include "format/hash_tree.h"

namespace romdelta::test {
namespace {

bool coin(Random* random) { return pick(random, 0, 1) == 1; }

std::uint32_t pick32(Random* random, std::uint32_t low, std::uint32_t high) {
  return static_cast<std::uint32_t>(pick(random, low, high));
}

std::string random_text(Random* random, std::string_view alphabet, std::size_t most) {
  std::string text(pick(random, 1, most), '\0');
  for (char& c : text) c = alphabet[pick(random, 0, alphabet.size() - 1)];
  return text;
}

Digest random_digest(Random* random) {
  Digest digest;
  for (std::uint8_t& byte : digest.value) byte = static_cast<std::uint8_t>((*random)());
  return digest;
}

ImageIdentity random_image(Random* random) {
  ImageIdentity image;
  image.bytes = coin(random) ? pick(random, 0, limits::image_bytes_max) : pick(random, 0, 100000);
  image.digest = random_digest(random);
  (void)image.version.assign(random_text(random, "aZ09._-+~:", limits::version_bytes_max));
  return image;
}

void fill_sources(Random* random, Manifest* m) {
  m->source_count = pick(random, 0, 3);
  if (pick(random, 0, 9) == 0) m->source_count = limits::source_count_max;
  for (std::size_t i = 0; i < m->source_count; ++i) m->sources[i] = random_image(random);
  std::sort(m->sources.begin(), m->sources.begin() + static_cast<std::ptrdiff_t>(m->source_count),
            [](const auto& a, const auto& b) { return a.digest.value < b.digest.value; });
}

void fill_chunks(Random* random, Manifest* m) {
  if (m->target.bytes == 0) return;
  const auto most = std::min<std::uint64_t>(m->target.bytes, limits::chunk_count_max);
  m->chunk_count = static_cast<std::uint32_t>(
      pick(random, 1, coin(random) ? most : std::min<std::uint64_t>(most, 100)));
  m->tree_root = random_digest(random);
  m->chunk_stored_bytes_max = pick32(random, 1, limits::chunk_stored_bytes_max);
  m->chunk_decoded_bytes_max = pick32(random, 0, limits::chunk_decoded_bytes_max);
  const std::uint64_t stored_most = std::uint64_t{m->chunk_count} * m->chunk_stored_bytes_max;
  m->payload_bytes = tree_bytes_total(m->chunk_count) + pick(random, 1, stored_most);
}

void fill_map(Random* random, Manifest* m) {
  if (m->chunk_count == 0 || !coin(random)) return;
  m->codec = Codec::context;
  m->chunk_decoded_bytes_max = 0;
  if (m->source_count != 1 || !coin(random)) return;
  m->map.bytes = pick32(random, 1, coin(random) ? 1000 : limits::map_bytes_max);
  m->map.step_count = pick32(random, 1, limits::map_step_count_max);
  m->map.digest = random_digest(random);
  m->payload_bytes += m->map.bytes;
}

void fill_geometry(Random* random, Manifest* m) {
  m->erase_block_bytes = std::uint32_t{1} << pick(random, 0, 20);
  m->group_bytes = m->erase_block_bytes * pick32(random, 1, 8);
}

// A delta in place needs a plan, and groups that it can count.
void fill_plan(Random* random, Manifest* m) {
  m->layout = Layout::in_place;
  m->erase_block_bytes = std::uint32_t{1} << pick(random, 6, 16);
  m->group_bytes = m->erase_block_bytes * pick32(random, 1, 4);
  m->target.bytes = pick(random, 1, std::uint64_t{200} * m->group_bytes);
  m->sources[0].bytes = pick(random, 0, std::uint64_t{200} * m->group_bytes);
  const auto groups = static_cast<std::uint32_t>(m->group_count());
  PlanIdentity& plan = m->plan;
  plan.bytes = pick32(random, 1, coin(random) ? 1000 : limits::plan_bytes_max);
  plan.step_count = pick32(random, 1, groups);
  plan.chunk_steps_max = pick32(random, 1, plan.step_count);
  plan.hole_count = pick32(random, 0, groups - plan.step_count);
  plan.kept_count_max = pick32(random, 0, coin(random) ? 10 : limits::kept_count_max);
  plan.fragment_count_max = pick32(random, 0, coin(random) ? 10 : limits::fragment_count_max);
  plan.program_unit_bytes = std::min(m->erase_block_bytes, std::uint32_t{1} << pick(random, 0, 12));
  plan.block_erase_count = pick32(random, 0, ~0u);
  m->budgets.scratch_bytes = pick(random, 0, 100) * m->erase_block_bytes;
  plan.reserve_blocks = pick32(random, 0, static_cast<std::uint32_t>(m->spill_block_count()));
  m->chunk_count = pick32(random, 1, plan.step_count);
  plan.rewritten_bytes =
      pick(random, m->chunk_count,
           std::min(std::uint64_t{plan.step_count} * m->group_bytes, m->target.bytes));
  plan.digest = random_digest(random);
  const std::uint64_t stored_most = std::uint64_t{m->chunk_count} * m->chunk_stored_bytes_max;
  m->payload_bytes =
      tree_bytes_total(m->chunk_count) + m->map.bytes + plan.bytes + pick(random, 1, stored_most);
}

void fill_device(Random* random, Manifest* m) {
  if (coin(random)) (void)m->device.vendor.assign(random_text(random, " ~Az", 32));
  if (coin(random)) (void)m->device.model.assign(random_text(random, "!x1 ", 32));
  if (coin(random)) {
    m->device.has_hardware_range = true;
    m->device.hardware_min = pick32(random, 0, 1000);
    m->device.hardware_max = pick32(random, m->device.hardware_min, ~0u);
  }
  if (coin(random)) (void)m->member_of.assign("s" + random_text(random, "az09._-", 63));
  if (coin(random)) m->order.security_counter = pick(random, 1, ~std::uint64_t{0});
  if (coin(random)) m->order.device_counter = pick(random, 1, ~std::uint64_t{0});
  if (coin(random)) m->order.number = pick(random, 1, ~std::uint64_t{0});
  m->may_downgrade = coin(random);
  if (coin(random)) m->role = KeyRole::development;
  if (coin(random)) (void)m->encoder.assign(random_text(random, "pkg 1.", 64));
}

}  // namespace

Manifest random_manifest(Random* random) {
  Manifest m;
  (void)m.package_id.assign("a" + random_text(random, "az09._-", 63));
  m.target = random_image(random);
  m.target_checksum.value = (*random)();
  fill_sources(random, &m);
  fill_chunks(random, &m);
  fill_map(random, &m);
  fill_geometry(random, &m);
  if (m.source_count == 0 && coin(random)) m.layout = Layout::in_place;
  if (m.codec == Codec::context && m.source_count == 1 && coin(random)) fill_plan(random, &m);
  m.budgets.ram_bytes = arena_bytes_needed(m) + pick(random, 0, 1000);
  m.budgets.journal_bytes = (*random)();
  m.budgets.flash_write_bytes = (*random)();
  m.budgets.erase_count = (*random)();
  m.budgets.redo_bytes = (*random)();
  fill_device(random, &m);
  return m;
}

Manifest sample_manifest() {
  Manifest m;
  (void)m.package_id.assign("com.example.app");
  m.target.bytes = 6000;
  m.target.digest.value.fill(0x11);
  (void)m.target.version.assign("2.0");
  m.target_checksum.value = 0x1122334455667788;
  m.source_count = 1;
  m.sources[0].bytes = 5000;
  m.sources[0].digest.value.fill(0x22);
  (void)m.sources[0].version.assign("1.0");
  m.payload_bytes = 2000;
  m.chunk_count = 3;
  m.tree_root.value.fill(0x33);
  m.chunk_stored_bytes_max = 1000;
  m.chunk_decoded_bytes_max = 4000;
  m.group_bytes = 2048;
  m.erase_block_bytes = 1024;
  m.budgets.ram_bytes = arena_bytes_needed(m);
  m.budgets.flash_write_bytes = 6000;
  (void)m.device.vendor.assign("example");
  (void)m.device.model.assign("x1");
  m.device.has_hardware_range = true;
  m.device.hardware_min = 1;
  m.device.hardware_max = 4;
  m.order.security_counter = 7;
  (void)m.encoder.assign("by hand");
  return m;
}

Manifest sample_in_place_manifest() {
  Manifest m = sample_manifest();
  m.layout = Layout::in_place;
  m.codec = Codec::context;
  m.chunk_decoded_bytes_max = 0;
  m.chunk_count = 2;
  m.plan.bytes = 90;
  m.plan.step_count = 2;
  m.plan.chunk_steps_max = 1;
  m.plan.hole_count = 1;
  m.plan.kept_count_max = 3;
  m.plan.fragment_count_max = 20;
  m.plan.reserve_blocks = 1;
  m.plan.program_unit_bytes = 16;
  m.plan.block_erase_count = 4;
  m.plan.rewritten_bytes = 3952;
  m.plan.digest.value.fill(0x55);
  m.payload_bytes = tree_bytes_total(2) + m.plan.bytes + 1800;
  m.budgets.scratch_bytes = 4096;
  m.budgets.ram_bytes = arena_bytes_needed(m);
  return m;
}

Bytes encoded(const Manifest& manifest) {
  return written_by([&](ByteWriter* writer) { encode_manifest(manifest, writer); });
}

std::vector<ManifestField> split_fields(ByteSpan bytes) {
  std::vector<ManifestField> fields;
  ByteReader reader(bytes);
  while (reader.ok() && reader.remaining() != 0) {
    const std::uint16_t tag = reader.u16();
    const std::uint16_t count = reader.u16();
    fields.push_back({tag, to_bytes(reader.bytes(count))});
  }
  return fields;
}

Bytes join_fields(const std::vector<ManifestField>& fields) {
  Bytes bytes;
  for (const ManifestField& field : fields) {
    append(&bytes, written_by([&](ByteWriter* writer) {
      writer->u16(field.tag);
      writer->u16(static_cast<std::uint16_t>(field.value.size()));
      writer->bytes(field.value);
    }));
  }
  return bytes;
}

}  // namespace romdelta::test
