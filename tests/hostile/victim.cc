#include "tests/hostile/victim.h"

#include <algorithm>
#include <array>
#include <sstream>
#include <stdexcept>

#include "format/hash_tree.h"
#include "format/result_code.h"
#include "pkgtool/packager.h"
#include "tests/hostile/attack_table.h"
#include "tests/hostile/tally.h"
#include "tests/support/package_maker.h"
#include "tests/support/random_map.h"

namespace romdelta::test {
namespace {

// What the target slot holds before an attack: neither erased nor any image.
constexpr std::uint8_t kStale = 0xee;

// The package is pushed in pieces of these sizes, one after the other.
constexpr std::array<std::size_t, 3> kPieces = {1 << 20, 509, 97};

// Just enough arena for chunks of 1 to 2 KiB, so that a small package has several.
constexpr std::uint64_t kTightRam = 116'000;

DeviceShape small_shape() {
  DeviceShape shape;
  shape.slot_bytes = 32 * 1024;
  shape.journal_bytes = 4 * 1024;
  shape.inventory_bytes = 4 * 1024;
  return shape;
}

}  // namespace

Victim::Victim(Bytes package, Bytes source, Bytes target)
    : package_(std::move(package)),
      source_(std::move(source)),
      target_(std::move(target)),
      device_(small_shape()),
      target_flash_(&device_.slot_flash(Slot::b)) {
  if (inspect_head(package_, &head_) != Status::ok || head_.manifest.chunk_count == 0) {
    throw std::logic_error("not a package for a victim");
  }
  device_.region.slot_b = {&target_flash_, 0, target_flash_.size_bytes()};
  device_.provision(source_, "1.0", 5);
  slot_a_ = device_.slot_memory(Slot::a);
  inventory_ = device_.inventory_memory();
  find_chunks(tree_depth(head_.manifest.chunk_count) - 1, 0,
              head_.head_bytes + head_.manifest.map.bytes, 0);
}

void Victim::find_chunks(unsigned level, std::uint64_t index, std::uint64_t begin,
                         std::uint64_t target_begin) {
  const std::uint32_t count = head_.manifest.chunk_count;
  const std::size_t node_bytes = tree_node_bytes(count, level, index);
  const ByteSpan node = ByteSpan(package_).subspan(begin, node_bytes);
  begin += node_bytes;
  for (std::size_t i = 0; i < node_bytes / TreeEntry::bytes; ++i) {
    const TreeEntry entry = tree_entry(node, i);
    if (level == 0) {
      chunks_.push_back({begin, begin + entry.payload_bytes, target_begin});
    } else {
      find_chunks(level - 1, index * limits::tree_fanout + i, begin, target_begin);
    }
    begin += entry.payload_bytes;
    target_begin += entry.target_bytes;
  }
}

void Victim::restore() {
  std::ranges::fill(device_.slot_memory(Slot::b), kStale);
  std::ranges::fill(device_.journal_memory(), std::uint8_t{0xff});
  device_.slot_memory(Slot::a) = slot_a_;
  device_.inventory_memory() = inventory_;
  target_flash_.forget();
}

Status Victim::run(ByteSpan file) {
  // The manifest's own number when it is sane, so that the engine gets what it asks for.
  std::uint64_t arena_bytes = head_.manifest.budgets.ram_bytes;
  PackageHead head;
  if (inspect_head(file.first(std::min(file.size(), limits::head_bytes_max)), &head) ==
      Status::ok) {
    arena_bytes = std::max(arena_bytes, arena_bytes_needed(head.manifest));
  }
  AlignedMemory arena(static_cast<std::size_t>(arena_bytes));
  const auto session = std::make_unique<Session>();
  Status status = session->begin(device_.device, arena.span(), {});
  const std::size_t piece = kPieces[piece_++ % kPieces.size()];
  // Every byte is pushed, also those behind the end: whoever downloads does not know where it is.
  if (status != Status::need_input) return status;
  for (std::size_t at = 0; at < file.size();) {
    const std::size_t count = std::min(piece, file.size() - at);
    status = session->push(at, file.subspan(at, count));
    if (status != Status::need_input && status != Status::ok) return status;
    at += count;
  }
  return session->finish();
}

std::string Victim::attack(ByteSpan file, const Verdict& verdict) {
  restore();
  return attack_as_it_is(file, verdict);
}

std::string Victim::attack_as_it_is(ByteSpan file, const Verdict& verdict) {
  ++tally().tried;
  const Status status = run(file);
  ++(status == Status::ok ? tally().accepted : tally().refused);
  return judge(status, verdict);
}

std::string Victim::attack(ByteSpan file, const Verdict& verdict, TrustedKeys keys) {
  const TrustedKeys before = device_.device.trusted_keys;
  device_.device.trusted_keys = keys;
  const std::string problem = attack(file, verdict);
  device_.device.trusted_keys = before;
  return problem;
}

Bytes Victim::install(ByteSpan file, Status* status) {
  restore();
  *status = run(file);
  return *status == Status::ok ? device_.active_image() : Bytes();
}

std::string Victim::judge(Status status, const Verdict& verdict) {
  note_attack(verdict.refused_with, status);
  std::ostringstream problem;
  if (std::ranges::find(verdict.refused_with, status) == verdict.refused_with.end()) {
    problem << "ended with " << to_string(status) << "; ";
  }
  const int code = static_cast<int>(result_code(status));
  if (code != fumo_code(status)) problem << "reported " << code << "; ";
  if (device_.slot_memory(Slot::a) != slot_a_) problem << "changed slot A; ";
  if (device_.inventory_memory() != inventory_) problem << "changed the inventory; ";
  problem << judge_target(verdict);
  return problem.str();
}

std::string Victim::judge_target(const Verdict& verdict) const {
  const std::uint64_t end = round_up(target_.size(), target_flash_.geometry().program_unit_bytes);
  for (const RecordingFlash::Write& write : target_flash_.writes()) {
    if (write.offset + write.bytes.size() > end) return "programmed beyond the target";
    for (std::size_t i = 0; i < write.bytes.size(); ++i) {
      const std::uint64_t at = write.offset + i;
      const bool is_padding = verdict.true_until == target_.size() && at >= target_.size();
      if (at >= verdict.true_until && !is_padding) {
        if (verdict.is_signed) break;
        return "programmed target byte " + std::to_string(at) + ", which nobody vouched for";
      }
      const std::uint8_t expected = is_padding ? std::uint8_t{0xff} : target_[at];
      if (write.bytes[i] != expected)
        return "programmed target byte " + std::to_string(at) + " wrong";
    }
  }
  return {};
}

Verdict Victim::verdict_at(std::uint64_t offset) const {
  const std::uint64_t list_at = head_.head_bytes - head_.signatures.encoded_bytes();
  Verdict verdict;
  if (offset < 8) {
    verdict.refused_with = {Status::bad_magic};
  } else if (offset < 12) {
    verdict.refused_with = {Status::unsupported_format};
  } else if (offset < package_header_bytes) {
    // The end of the manifest moves: what is taken for the signature list may be anything.
    verdict.refused_with = {Status::bad_header, Status::unknown_key, Status::bad_signature,
                            Status::truncated};
  } else if (offset < list_at) {
    verdict.refused_with = {Status::bad_signature};
  } else if (offset < list_at + signature_list_header_bytes) {
    // A larger count takes payload for signatures: where their key ids ascend by chance they are
    // ignored as unknown, the good one counts, and the payload begins too late.
    verdict.refused_with = {Status::bad_header, Status::unknown_key, Status::corrupt_chunk};
  } else if (offset < head_.head_bytes) {
    const bool is_id =
        (offset - list_at - signature_list_header_bytes) % signature_entry_bytes < KeyId::bytes;
    verdict.refused_with = {is_id ? Status::unknown_key : Status::bad_signature};
  } else {
    verdict.refused_with = {Status::corrupt_chunk};
    // The first chunk that this byte is part of or vouches for.
    const auto hit = std::ranges::find_if(chunks_, [&](const auto& c) { return offset < c.end; });
    verdict.true_until = hit->target_begin;
  }
  return verdict;
}

int fumo_code(Status status) {
  switch (status) {
    case Status::ok: return 200;
    case Status::bad_magic:
    case Status::bad_header:
    case Status::truncated:
    case Status::trailing_bytes:
    case Status::corrupt_chunk:
    case Status::malformed_chunk: return 402;
    case Status::unknown_package:
    case Status::wrong_device:
    case Status::wrong_source: return 403;
    case Status::no_trusted_key:
    case Status::wrong_role:
    case Status::unknown_key:
    case Status::bad_signature: return 404;
    case Status::counter_jump:
    case Status::downgrade:
    case Status::unsupported_format:
    case Status::malformed_manifest:
    case Status::unsupported_geometry: return 405;
    case Status::unsupported_field:
    case Status::unsupported_layout:
    case Status::unsupported_codec: return 408;
    case Status::out_of_order: return 409;
    case Status::target_mismatch: return 410;
    case Status::rollback: return 451;
    case Status::not_a_member: return 452;
    case Status::key_revoked: return 454;
    case Status::arena_too_small:
    case Status::slot_too_small:
    case Status::scratch_too_small: return 502;
    default: return -1;  // None of these is an answer to a hostile package.
  }
}

Bytes build_signed(ByteSpan source, ByteSpan target, std::uint64_t ram_bytes,
                   std::uint64_t security_counter) {
  pkgtool::BuildRequest request;
  request.package_id = "com.example.app";
  if (!source.empty()) request.source = pkgtool::SourceImage{source, "1.0"};
  request.target = target;
  request.target_version = "2.0";
  request.order.security_counter = security_counter;
  (void)request.device.vendor.assign("example");
  request.device.has_hardware_range = true;
  request.device.hardware_min = 1;
  request.device.hardware_max = 4;
  request.encoder.ram_bytes_max = ram_bytes;
  request.encoder.erase_block_bytes = 1024;
  request.full_if_smaller = false;
  request.codec = Codec::zstd;  // Codec context: context_victim().
  const pkgtool::UnsignedPackage package = pkgtool::build_package(request, {});
  SignatureList signatures;
  if (!signatures.insert(sign(test_key(1), package.digest()))) throw std::logic_error("sign");
  return pkgtool::assemble(package, signatures);
}

Victim& delta_victim() {
  static Victim& victim = *[] {
    const Bytes source = make_image(24'000, 11);
    const Bytes target = revise(source, 25'000, 12);
    return new Victim(build_signed(source, target, kTightRam, 7), source, target);
  }();
  return victim;
}

Victim& full_victim() {
  static Victim& victim = *[] {
    const Bytes target = make_image(3'500, 13);
    return new Victim(build_signed({}, target, kTightRam, 7), {}, target);
  }();
  return victim;
}

// The plan's security counter and groups are those of all victims.
static Victim* made_by_hand(PackagePlan plan) {
  plan.order.security_counter = 7;
  plan.group_bytes = 1024;
  return new Victim(make_package(plan).file, plan.source, plan.target);
}

Victim& grouped_victim() {
  static Victim& victim = *[] {
    PackagePlan plan;
    plan.source = make_image(9'000, 14);
    plan.target = revise(plan.source, 8'900, 15);
    plan.chunk_bytes = 2048;
    return made_by_hand(plan);
  }();
  return victim;
}

Victim& context_victim() {
  static Victim& victim = *[] {
    PackagePlan plan;
    plan.source = make_image(7'000, 18);
    plan.target = revise(plan.source, 6'900, 19);
    plan.chunk_bytes = 2048;
    plan.coding = Coding::context;
    return made_by_hand(plan);
  }();
  return victim;
}

Victim& map_victim() {
  static Victim& victim = *[] {
    PackagePlan plan;
    Random random(20);
    plan.source = random_code(&random, 7'000, rules::thumb, 0x08000000);
    plan.map = plain_map(rules::thumb, 0x08000000, {{0, 4}, {3000, 0u - 16}, {6000, 0x1000}});
    plan.map->regions.push_back({5000, rules::absolute32});
    plan.target = reference_rebase(plan.source, *plan.map);
    plan.target.resize(6'500);
    for (std::size_t i = 0; i < plan.target.size(); i += 500) plan.target[i] ^= 0x55;
    plan.chunk_bytes = 2048;
    plan.coding = Coding::context;
    return made_by_hand(plan);
  }();
  return victim;
}

Victim& deep_victim() {
  static Victim& victim = *[] {
    PackagePlan plan;
    plan.source = make_image(5'000, 16);
    plan.target = revise(plan.source, 5'200, 17);
    plan.chunk_bytes = 40;
    return made_by_hand(plan);
  }();
  return victim;
}

}  // namespace romdelta::test
