#include "tests/sim/campaign_packages.h"

#include <algorithm>

#include "format/inventory_record.h"
#include "pkgtool/in_place_encoder.h"
#include "tests/support/linked_image.h"
#include "tests/support/random.h"

namespace romdelta::test {
namespace {

constexpr PackageKind kKinds[] = {
    {"delta", true, 3.4, 3.7, 1, Codec::context},
    {"delta-chunks", true, 5.0, 6.2, 5, Codec::context},
    {"delta-zstd", true, 4.1, 3.3, 3, Codec::zstd},
    {"delta-shrinks", true, 5.0, 1.5, 1, Codec::context},
    {"full", false, 2.0, 3.6, 1, Codec::zstd},
    {"full-chunks", false, 3.5, 5.9, 5, Codec::context},
    {"in-place", true, 6.0, 6.4, 1, Codec::context, Layout::in_place, 8},
    {"in-place-moves", true, 7.0, 7.3, 1, Codec::context, Layout::in_place, 6, Change::moves},
    {"in-place-shrinks", true, 7.2, 4.7, 1, Codec::context, Layout::in_place, 8},
    {"in-place-holes", true, 9.0, 9.0, 1, Codec::context, Layout::in_place, 5, Change::holes},
    // With so little scratch that blocks of the spill lie in holes.
    {"in-place-lent", true, 9.0, 9.0, 1, Codec::context, Layout::in_place, 2, Change::holes},
    {"in-place-full", false, 3.5, 5.9, 5, Codec::context, Layout::in_place},
    // With an address map: a write makes stale what lies near it, too.
    {"in-place-map", true, 12.0, 12.0, 1, Codec::context, Layout::in_place, 8, Change::linked},
    // On a device that has something behind it.
    {"in-place-after", true, 2.0, 2.4, 1, Codec::context, Layout::in_place, 6, Change::revision,
     Past::installed},
    {"in-place-after-cut", true, 2.0, 2.4, 1, Codec::context, Layout::in_place, 6, Change::revision,
     Past::cut},
    {"in-place-after-commit", true, 2.0, 2.4, 1, Codec::context, Layout::in_place, 6,
     Change::revision, Past::committing},
    {"in-place-after-hidden", true, 2.0, 2.4, 1, Codec::context, Layout::in_place, 6,
     Change::revision, Past::hidden},
    {"delta-after-commit", true, 2.4, 2.7, 1, Codec::context, Layout::ab, 0, Change::revision,
     Past::committing},
    {"delta-after-hidden", true, 2.4, 2.7, 1, Codec::context, Layout::ab, 0, Change::revision,
     Past::hidden},
};

constexpr PackageKind kTinyKinds[] = {
    {"delta", true, 1.5, 1.6, 1, Codec::context},
    {"full", false, 1.0, 1.4, 1, Codec::context},
    {"delta-chunks", true, 1.8, 2.0, 2, Codec::context},
    {"in-place", true, 2.0, 2.4, 1, Codec::context, Layout::in_place, 6},
    {"in-place-moves", true, 3.0, 3.0, 1, Codec::context, Layout::in_place, 5, Change::moves},
    {"in-place-holes", true, 4.0, 4.0, 1, Codec::context, Layout::in_place, 4, Change::holes},
    {"in-place-full", false, 1.0, 1.4, 1, Codec::context, Layout::in_place},
};

// What sizes are multiples of: groups of an update in place are not smaller than this.
std::uint32_t unit_bytes(const PackageKind& kind, const FlashGeometry& flash) {
  return kind.layout == Layout::in_place ? pkgtool::in_place_group_bytes(flash.erase_block_bytes)
                                         : flash.erase_block_bytes;
}

// Half of it made from the source, half of it new, so that every codec has to send something.
Bytes target_of(ByteSpan source, std::size_t count) {
  Bytes target = revise(source, count, 2);
  const Bytes fresh = make_image(count, 3);
  for (std::size_t i = 0; i < count; ++i) {
    if (i % 512 < 200) target[i] = fresh[i];
  }
  return target;
}

Bytes target_of(const PackageKind& kind, Bytes* source, std::size_t count, std::size_t unit) {
  switch (kind.change) {
    case Change::revision: return target_of(*source, count);
    case Change::moves: {
      // Parts change places, each by less and by more than a group: reads go both ways.
      Bytes target = *source;
      target.resize(count);
      std::rotate(target.begin(), target.begin() + static_cast<std::ptrdiff_t>(unit * 5 / 4),
                  target.end());
      for (std::size_t i = 0; i < count; i += 200) target[i] ^= 0x55;
      return target;
    }
    case Change::holes: {
      PackageKind moves = kind;
      moves.change = Change::moves;
      Bytes target = target_of(moves, source, count, unit);
      // Every third group is blank before and after.
      for (std::size_t at = unit; at + unit <= count; at += 3 * unit) {
        for (Bytes* image : {source, &target}) {
          std::fill_n(image->begin() + static_cast<std::ptrdiff_t>(at), unit, std::uint8_t{0});
        }
      }
      return target;
    }
    case Change::linked: {
      LinkPlan plan;
      plan.function_count = count / 160;
      *source = link_image(plan);
      plan.grown_words.assign(plan.function_count, 0);
      for (std::size_t i = 5; i < plan.function_count; i += 20) plan.grown_words[i] = 4;
      return link_image(plan);
    }
  }
  return {};
}

Bytes sign_and_assemble(const pkgtool::UnsignedPackage& package) {
  SignatureList signatures;
  (void)signatures.insert(sign(test_key(1), package.digest()));
  return pkgtool::assemble(package, signatures);
}

Bytes make_other_package(const PackageKind& kind, const FlashGeometry& flash, std::size_t bytes,
                         bool is_second) {
  const Bytes target = make_image(bytes, is_second ? 8 : 9);
  pkgtool::BuildRequest request;
  request.package_id = is_second ? "com.example.second" : "com.example.app";
  request.target = target;
  request.target_version = "3.0";
  request.codec = Codec::context;
  request.layout = is_second ? Layout::ab : kind.layout;
  request.encoder.program_unit_bytes = flash.program_unit_bytes;
  request.encoder.ram_bytes_max = 8 << 20;
  request.encoder.erase_block_bytes = flash.erase_block_bytes;
  return sign_and_assemble(pkgtool::build_package(request, {}));
}

}  // namespace

std::span<const PackageKind> all_package_kinds() { return kKinds; }

std::span<const PackageKind> tiny_package_kinds() { return kTinyKinds; }

CampaignPackage make_campaign_package(const PackageKind& kind,
                                      const pkgtool::SimulatedGeometry& geometry) {
  CampaignPackage result;
  const std::uint32_t unit = unit_bytes(kind, geometry.flash);
  const auto bytes = [&](double units) { return static_cast<std::size_t>(units * unit); };
  result.source = make_image(bytes(kind.source_blocks), 1);
  result.target = target_of(kind, &result.source, bytes(kind.target_blocks), unit);
  pkgtool::BuildRequest request;
  request.package_id = "com.example.app";
  if (kind.is_delta) request.source = pkgtool::SourceImage{result.source, "1.0"};
  request.target = result.target;
  request.target_version = "2.0";
  request.full_if_smaller = false;
  request.codec = kind.codec;
  request.layout = kind.layout;
  request.encoder.scratch_bytes = kind.scratch_blocks * unit;
  request.encoder.program_unit_bytes = geometry.flash.program_unit_bytes;
  request.encoder.ram_bytes_max = 8 << 20;
  request.encoder.erase_block_bytes = geometry.flash.erase_block_bytes;
  pkgtool::UnsignedPackage package = pkgtool::build_package(request, {});
  if (kind.chunks > 1) {
    // RAM for a part of what one chunk takes.
    const std::uint64_t chunk = std::uint64_t{package.manifest.chunk_stored_bytes_max} +
                                package.manifest.chunk_decoded_bytes_max;
    request.encoder.ram_bytes_max =
        package.manifest.budgets.ram_bytes - chunk + chunk / kind.chunks + 512;
    package = pkgtool::build_package(request, {});
  }
  if (kind.change == Change::linked && !package.manifest.map.present()) {
    throw pkgtool::Error(pkgtool::Exit::internal, "the package was to have an address map");
  }
  result.manifest = package.manifest;
  result.file = sign_and_assemble(package);
  for (const bool is_second : {true, false}) {
    const std::size_t other_bytes = is_second ? unit * 2 - unit / 3 : result.source.size();
    result.others.push_back(make_other_package(kind, geometry.flash, other_bytes, is_second));
  }
  return result;
}

void add_others(const CampaignPackage& package, const pkgtool::SimulatedGeometry& geometry,
                pkgtool::ProofSubject* subject) {
  using pkgtool::Part;
  const auto part = [&](Part which) -> pkgtool::SimulatedPart& {
    return subject->shape[static_cast<std::size_t>(which)];
  };
  for (const Bytes& other : package.others) subject->others.emplace_back(other);
  const std::uint64_t block = geometry.flash.erase_block_bytes;
  const std::uint64_t slot = round_up(
      2 * std::uint64_t{pkgtool::in_place_group_bytes(static_cast<std::uint32_t>(block))}, block);
  part(Part::other_a) = part(Part::other_b) = {geometry, slot};
  // Each copy of the inventory has two records.
  const std::uint64_t records = InventoryHeader::bytes + 2 * InventoryRecord::bytes;
  part(Part::inventory).bytes = std::max(part(Part::inventory).bytes, 2 * round_up(records, block));
}

void add_past(Past past, pkgtool::ProofSubject* subject) {
  using pkgtool::FaultKind;
  if (past == Past::none) return;
  // Of the package for the second ROM package.
  pkgtool::PastBoot boot;
  if (past != Past::installed) {
    pkgtool::ProofDevice device(*subject);
    device.boot(device.provisioned());
    device.simulator().record_ops(true);
    (void)device.run_other(boot.other);
    const std::vector<pkgtool::FlashOp> log = device.simulator().log();
    std::size_t op = log.size() / 2;
    FaultKind kind = FaultKind::cut_before;
    std::uint32_t variant = 0;
    if (past == Past::committing || past == Past::hidden) {
      const auto programs_inventory = [](const pkgtool::FlashOp& each) {
        return each.part == pkgtool::Part::inventory && each.kind == pkgtool::FlashOpKind::program;
      };
      op = static_cast<std::size_t>(std::ranges::find_if(log, programs_inventory) - log.begin());
      kind = FaultKind::unstable;
      variant = past == Past::committing ? 1 : 2;
    }
    boot.fault = pkgtool::Fault{kind, op, variant, 1};
  }
  subject->past.push_back(boot);
}

}  // namespace romdelta::test
