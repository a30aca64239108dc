#include "tests/super/product.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <stdexcept>

#include "installer/inventory.h"
#include "installer/journal.h"
#include "pkgtool/in_place_encoder.h"
#include "pkgtool/packager.h"
#include "tests/support/random.h"

namespace romdelta::test {
namespace {

using pkgtool::Part;
using pkgtool::SimulatedStorage;

constexpr int kPoison = 0xa5;
constexpr std::uint64_t kScratchBlocks = 8;

void require(bool good, const char* what) {
  if (!good) throw std::logic_error(what);
}

}  // namespace

Product::Product(const ProductOptions& options) : options_(options) {
  add("com.example.kernel", Layout::ab, true, 2.6, 1);
  add("com.example.boot", Layout::ab, false, 1.2, 2);
  add("com.example.rootfs", Layout::ab, true, 4.3, 3);
  add("com.example.mcu", Layout::in_place, true, 3.2, 4);
  add("com.example.radio", Layout::in_place, true, 2.4, 5);
  add("com.example.fpga", Layout::in_place, false, 1.6, 6);
  if (!options.only.empty()) {
    std::vector<RomPart> chosen;
    for (const std::size_t index : options.only) chosen.push_back(parts_[index]);
    parts_ = std::move(chosen);
  }
  place();
  std::vector<Bytes> members;
  for (RomPart& part : parts_) {
    part.package =
        build(part, part.is_delta ? ByteSpan(part.source) : ByteSpan(), part.target, "2.0");
    members.push_back(part.package);
  }
  super_ = super_of(members, facts());
}

void Product::add(const char* id, Layout layout, bool is_delta, double blocks, std::uint64_t seed) {
  RomPart part;
  part.id = id;
  part.layout = layout;
  part.is_delta = is_delta;
  const std::uint32_t block = options_.geometry.flash.erase_block_bytes;
  const std::uint32_t unit =
      layout == Layout::in_place ? pkgtool::in_place_group_bytes(block) : block;
  const auto count = static_cast<std::size_t>(blocks * options_.scale * unit);
  part.source = make_image(count, seed);
  part.target = revise(part.source, count + unit / 3, seed + 100);
  const Bytes fresh = make_image(part.target.size(), seed + 200);
  for (std::size_t i = 0; i < part.target.size(); ++i) {
    if (i % 256 < 90) part.target[i] = fresh[i];
  }
  part.slot_bytes = round_up(part.target.size(), unit);
  parts_.push_back(std::move(part));
}

void Product::place() {
  const FlashGeometry flash = options_.geometry.flash;
  std::uint64_t slot_a = 0;
  std::uint64_t slot_b = 0;
  for (RomPart& part : parts_) {
    part.slot_a_at = slot_a;
    part.slot_b_at = slot_b;
    slot_a += part.slot_bytes;
    if (part.layout == Layout::ab) slot_b += part.slot_bytes;
  }
  const auto set = [&](Part part, std::uint64_t bytes) {
    shape_[static_cast<std::size_t>(part)] = {options_.geometry,
                                              round_up(bytes, flash.erase_block_bytes)};
  };
  set(Part::slot_a, slot_a);
  set(Part::slot_b, slot_b);
  const std::uint64_t stride = round_up(JournalRecord::bytes, flash.program_unit_bytes);
  const auto half = [&](std::uint64_t bytes) { return round_up(bytes, flash.erase_block_bytes); };
  set(Part::journal, 2 * half(8 * stride));
  set(Part::inventory, 2 * half(InventoryHeader::bytes + parts_.size() * InventoryRecord::bytes));
  set(Part::scratch, kScratchBlocks * flash.erase_block_bytes);
}

Bytes Product::build(const RomPart& part, ByteSpan source, ByteSpan target,
                     std::string_view version, std::string_view source_version) const {
  pkgtool::BuildRequest request;
  request.package_id = part.id;
  if (!source.empty()) request.source = pkgtool::SourceImage{source, std::string(source_version)};
  request.target = target;
  request.target_version = version;
  request.layout = part.layout;
  request.member_of = options_.member_of;
  request.codec = Codec::context;
  request.use_map = false;
  request.encoder.ram_bytes_max = 256 * 1024;
  request.encoder.erase_block_bytes = options_.geometry.flash.erase_block_bytes;
  request.encoder.program_unit_bytes = options_.geometry.flash.program_unit_bytes;
  request.encoder.scratch_bytes = kScratchBlocks * options_.geometry.flash.erase_block_bytes;
  request.full_if_smaller = false;
  const pkgtool::UnsignedPackage package = pkgtool::build_package(request, {});
  SignatureList signatures;
  require(signatures.insert(sign(test_key(1), package.digest())), "sign");
  return pkgtool::assemble(package, signatures);
}

SuperFacts Product::facts() const {
  SuperFacts facts;
  require(
      facts.name.assign(options_.member_of.empty() ? "com.example.product" : options_.member_of),
      "name");
  return facts;
}

MadeSuper Product::super_of(const std::vector<Bytes>& members, const SuperFacts& facts) const {
  SuperPlan plan;
  plan.facts = facts;
  plan.members = members;
  return make_super(plan);
}

ProductDevice::ProductDevice(const Product& product)
    : product_(product),
      simulator_(product.shape()),
      inspector_(product.shape()),
      record_buffer_(limits::record_buffer_bytes) {
  for (const RomPart& part : product.parts()) {
    RomRegion region;
    region.package_id = part.id;
    region.slot_a = simulator_.region(Part::slot_a).part(part.slot_a_at, part.slot_bytes);
    if (part.layout == Layout::ab) {
      region.slot_b = simulator_.region(Part::slot_b).part(part.slot_b_at, part.slot_bytes);
    }
    regions_.push_back(region);
  }
  device_.regions = regions_;
  device_.journal = simulator_.region(Part::journal);
  device_.inventory = simulator_.region(Part::inventory);
  device_.scratch = simulator_.region(Part::scratch);
  device_.trusted_keys = {&key_.public_key, 1};
}

const SimulatedStorage& ProductDevice::provisioned() {
  if (provisioned_) return *provisioned_;
  SimulatedStorage storage(product_.shape());
  for (const Part part : {Part::slot_a, Part::slot_b, Part::scratch}) {
    const std::uint64_t bytes = product_.shape()[static_cast<std::size_t>(part)].bytes;
    if (bytes == 0) continue;
    Bytes noise(static_cast<std::size_t>(bytes));
    pkgtool::fill_noise(static_cast<std::uint64_t>(part) + 77, noise);
    pkgtool::FlashContents& contents = storage.image(part).contents;
    contents.write(0, noise);
    const FlashGeometry flash = storage.geometry(part).flash;
    for (std::uint64_t at = 0; flash.erase_before_program && at < bytes;
         at += flash.program_unit_bytes) {
      contents.touch(at);
    }
  }
  for (const RomPart& part : product_.parts()) {
    storage.image(Part::slot_a).contents.write(part.slot_a_at, part.source);
  }
  inspector_.boot(std::move(storage));
  Inventory inventory;
  require(inventory.open(inspector_.region(Part::inventory), record_buffer_) == Status::ok,
          "inventory");
  for (const RomPart& part : product_.parts()) {
    InventoryRecord record;
    require(record.package_id.assign(part.id) && record.version.assign("1.0"), "names");
    record.image_bytes = part.source.size();
    record.image_digest = digest_of(DigestDomain::image, part.source);
    require(inventory.update(record) == Status::ok, "provision");
  }
  provisioned_ = inspector_.storage();
  return *provisioned_;
}

InstallResult ProductDevice::install_super(ByteSpan file, std::size_t arena_bytes,
                                           std::size_t piece_bytes) {
  if (arena_bytes == 0) {
    SuperHead head;
    arena_bytes = inspect_super_head(file, &head) == Status::ok
                      ? static_cast<std::size_t>(super_arena_bytes_needed(head))
                      : 64 * 1024;
  }
  arena_.assign(arena_bytes / sizeof(std::uint64_t) + 1, 0xa5a5a5a5a5a5a5a5);
  const MutableByteSpan arena(reinterpret_cast<std::uint8_t*>(arena_.data()), arena_bytes);
  struct Memory {
    alignas(SuperSession) std::array<std::uint8_t, sizeof(SuperSession)> bytes;
  };
  const auto memory = std::make_unique<Memory>();
  std::memset(memory->bytes.data(), kPoison, memory->bytes.size());
  auto* session = new (memory->bytes.data()) SuperSession;
  InstallResult result;
  Status status = session->begin(device_, arena, {});
  while (status == Status::need_input) {
    const std::uint64_t at = session->next_offset_bytes();
    if (at >= file.size()) break;
    const ByteSpan left = file.subspan(static_cast<std::size_t>(at));
    status = session->push(at, left.first(std::min(piece_bytes, left.size())));
    result.fetched_bytes += std::min(piece_bytes, left.size());
  }
  if (status == Status::ok || status == Status::need_input) status = session->finish();
  result.status = status;
  result.already_installed = session->already_installed();
  result.resumed_at_member = session->resumed_at_member();
  result.arena_used_bytes = session->arena_used_bytes();
  const std::size_t count = session->head() != nullptr ? session->head()->manifest.member_count : 0;
  for (std::size_t i = 0; i < count; ++i) {
    result.states.push_back(session->member_state(i));
    result.statuses.push_back(session->member_status(i));
  }
  session->~SuperSession();
  return result;
}

Status ProductDevice::install_package(ByteSpan file) {
  PackageHead head;
  require(inspect_head(file, &head) == Status::ok, "no package");
  arena_.assign(static_cast<std::size_t>(head.manifest.budgets.ram_bytes) / 8 + 1,
                0xa5a5a5a5a5a5a5a5);
  const auto session = std::make_unique<Session>();
  Status status = session->begin(
      device_, {reinterpret_cast<std::uint8_t*>(arena_.data()), arena_.size() * 8}, {});
  while (status == Status::need_input) {
    const std::uint64_t at = session->next_offset_bytes();
    if (at >= file.size()) break;
    status = session->push(at, file.subspan(static_cast<std::size_t>(at)));
  }
  return status == Status::ok || status == Status::need_input ? session->finish() : status;
}

std::vector<InventoryRecord> ProductDevice::records(const SimulatedStorage& storage) {
  inspector_.boot(storage);
  Inventory inventory;
  std::vector<InventoryRecord> records;
  if (inventory.open(inspector_.region(Part::inventory), record_buffer_) != Status::ok) return {};
  for (std::uint32_t i = 0; i < inventory.count(); ++i) {
    InventoryRecord record;
    if (inventory.at(i, &record) != Status::ok) return {};
    records.push_back(record);
  }
  return records;
}

std::optional<JournalRecord> ProductDevice::newest(const SimulatedStorage& storage) {
  inspector_.boot(storage);
  Journal journal;
  const Status status = journal.open(inspector_.region(Part::journal), record_buffer_);
  if (status != Status::ok || !journal.has_record()) return std::nullopt;
  return journal.newest();
}

ProductSet ProductDevice::set_of(const SimulatedStorage& storage) {
  std::size_t sources = 0;
  std::size_t targets = 0;
  const std::vector<InventoryRecord> list = records(storage);
  for (const InventoryRecord& record : list) {
    if (record.state == PackageState::factory && record.version.view() == "1.0") ++sources;
    if (record.state == PackageState::installed && record.version.view() == "2.0") ++targets;
  }
  const std::size_t count = product_.parts().size();
  if (list.size() != count) return ProductSet::other;
  if (sources == count) return ProductSet::source;
  return targets == count ? ProductSet::target : ProductSet::other;
}

Bytes ProductDevice::image(const SimulatedStorage& storage, const RomPart& part, Slot slot,
                           std::size_t bytes) {
  Bytes image(bytes);
  const bool is_a = slot == Slot::a;
  storage.image(is_a ? Part::slot_a : Part::slot_b)
      .contents.read(is_a ? part.slot_a_at : part.slot_b_at, image);
  return image;
}

std::string ProductDevice::fault_of(const SimulatedStorage& storage, bool is_idle) {
  for (const pkgtool::Settled how : pkgtool::all_settlements) {
    const bool is_stable = storage.is_stable();
    const SimulatedStorage now = is_stable ? storage : storage.settled(how);
    const ProductSet set = set_of(now);
    if (set == ProductSet::other) return "L8 the inventory names a mixture";
    for (const InventoryRecord& record : records(now)) {
      const RomPart* part = nullptr;
      for (const RomPart& each : product_.parts()) {
        if (record.package_id.view() == each.id) part = &each;
      }
      if (part == nullptr) return "L8 a record of nobody";
      const bool is_new = set == ProductSet::target;
      // In place the source is gone once the update has begun.
      if (part->layout == Layout::in_place && !is_new && !is_idle) continue;
      const Bytes& expected = is_new ? part->target : part->source;
      if (image(now, *part, record.active_slot, expected.size()) != expected) {
        return "L2 " + part->id + " is not what the inventory says";
      }
    }
    if (is_stable) break;
  }
  return {};
}

}  // namespace romdelta::test
