#include "pkgtool/size_breakdown.h"

#include <algorithm>

#include "pkgtool/image_regions.h"
#include "pkgtool/report.h"
#include "pkgtool/size_meter.h"

namespace romdelta::pkgtool {
namespace {

// Symbols are listed of regions that take at least this part of the payload.
constexpr std::uint64_t kWorthSymbols = 50;

// The smallest parts of the regions, which spending is counted by.
std::vector<std::uint64_t> leaf_ends(const std::vector<Region>& regions) {
  std::vector<std::uint64_t> ends;
  for (const Region& region : regions) {
    if (region.symbols.empty()) ends.push_back(region.end());
    for (const Region& symbol : region.symbols) ends.push_back(symbol.end());
  }
  if (ends.empty()) ends.push_back(0);
  return ends;
}

// What no symbol names becomes one entry, and all but the `top` largest another.
std::vector<RegionCost> largest(std::vector<RegionCost> symbols, std::size_t top) {
  RegionCost unnamed{"(no symbol)", 0, 0, 0, {}, {}};
  for (const RegionCost& symbol : symbols) {
    if (symbol.name.empty()) unnamed.absorb(symbol);
  }
  std::erase_if(symbols, [](const RegionCost& symbol) { return symbol.name.empty(); });
  if (unnamed.count != 0) symbols.push_back(std::move(unnamed));
  std::ranges::stable_sort(symbols, std::ranges::greater{}, &RegionCost::payload_bytes);
  if (symbols.size() <= top + 1) return symbols;
  RegionCost others{"", 0, 0, 0, {}, {}};
  for (std::size_t i = top; i < symbols.size(); ++i) others.absorb(symbols[i]);
  others.name = "(" + std::to_string(symbols.size() - top) + " others)";
  symbols.resize(top);
  symbols.push_back(std::move(others));
  return symbols;
}

// The regions with what was spent on their leaves, which come in the same order.
std::vector<RegionCost> cost_of(const std::vector<Region>& regions,
                                const std::vector<Spending>& leaves) {
  std::vector<RegionCost> costs;
  auto leaf = leaves.begin();
  for (const Region& region : regions) {
    RegionCost cost{region.name, region.begin, region.bytes, 1, {}, {}};
    for (const Region& symbol : region.symbols) {
      cost.symbols.push_back({symbol.name, symbol.begin, symbol.bytes, 1, *leaf, {}});
      cost.spent += *leaf++;
    }
    if (region.symbols.empty()) cost.spent = *leaf++;
    costs.push_back(std::move(cost));
  }
  return costs;
}

void check_source(const Manifest& manifest, ByteSpan source) {
  if (manifest.is_full()) return;
  const Digest digest = digest_of(DigestDomain::image, source);
  for (std::size_t i = 0; i < manifest.source_count; ++i) {
    if (manifest.sources[i].digest == digest) return;
  }
  throw Error(Exit::bad_input, "this is not the image that the package is a delta of", "--source",
              "give the image of version " + std::string(manifest.sources[0].version.view()));
}

void check_target(const Manifest& manifest, ByteSpan target) {
  if (digest_of(DigestDomain::image, target) == manifest.target.digest) return;
  throw Error(Exit::bad_input, "this is not the image that the package makes", "--target",
              "give the image of version " + std::string(manifest.target.version.view()) +
                  ", or leave the option out");
}

Bytes decode(ByteSpan package, const VerifyResult& verified, ByteSpan source) {
  SizeAccount unused({verified.head->manifest.target.bytes});
  return meter_package(package, verified, source, &unused);
}

std::string whole_percent(std::uint64_t part, std::uint64_t whole) {
  if (part != 0 && 200 * part < whole) return "less than 1 %";
  return std::to_string(whole == 0 ? 0 : (100 * part + whole / 2) / whole) + " %";
}

std::string changes_reason(const Spending& total, const std::string& share,
                           std::uint64_t target_bytes) {
  const std::uint64_t spelled = total.of(Stream::spelled_changes) + total.of(Stream::diff_values);
  const bool is_unforeseen = 2 * spelled > total.of(Purpose::changes);
  return share + " of the payload are changes: parts that the source has, too, but with " +
         with_separators(total.changed_bytes) + " bytes that differ (" +
         whole_percent(total.changed_bytes, target_bytes) + " of the target)" +
         (is_unforeseen ? "; most follow no pattern, so they are spelled out." : ".");
}

std::string purpose_reason(const SizeBreakdown& breakdown) {
  const Spending& total = breakdown.total;
  const std::uint64_t target_bytes = breakdown.manifest.target.bytes;
  Purpose most = Purpose::literals;
  for (std::size_t i = 0; i < purpose_count; ++i) {
    const auto purpose = static_cast<Purpose>(i);
    if (total.of(purpose) > total.of(most)) most = purpose;
  }
  const std::string share = whole_percent(total.of(most), breakdown.manifest.payload_bytes);
  switch (most) {
    case Purpose::literals:
      return share + " of the payload are literals: " + with_separators(total.new_bytes) +
             " bytes that the source has nothing like (" +
             whole_percent(total.new_bytes, target_bytes) + " of the target).";
    case Purpose::changes: return changes_reason(total, share, target_bytes);
    case Purpose::control:
      return share +
             " of the payload say where to copy from: the target consists of many short pieces of "
             "the source.";
    case Purpose::structure:
      return share + " of the payload are " +
             (2 * total.of(Stream::address_map) > total.of(most)
                  ? "the address map, which says how code and data moved."
                  : "hash tree and headers: there is hardly anything to send.");
  }
  return "";
}

// Neighbouring regions.
struct Stretch {
  std::size_t first = 0;
  std::size_t count = 0;
  std::uint64_t payload_bytes = 0;
  std::uint64_t bytes = 0;
};

// The shortest that takes three quarters of what all regions take.
Stretch costly_stretch(const std::vector<RegionCost>& regions) {
  std::uint64_t all = 0;
  for (const RegionCost& region : regions) all += region.payload_bytes();
  Stretch now;
  Stretch best;
  for (const RegionCost& region : regions) {
    now.payload_bytes += region.payload_bytes();
    now.bytes += region.bytes;
    ++now.count;
    const auto is_enough = [&](std::uint64_t less) {
      return 4 * (now.payload_bytes - less) >= 3 * all;
    };
    while (now.count > 1 && is_enough(regions[now.first].payload_bytes())) {
      now.payload_bytes -= regions[now.first].payload_bytes();
      now.bytes -= regions[now.first].bytes;
      ++now.first;
      --now.count;
    }
    if (is_enough(0) && (best.count == 0 || now.bytes < best.bytes)) best = now;
  }
  return best;
}

std::string stretch_reason(const SizeBreakdown& breakdown, const Stretch& stretch) {
  const RegionCost& last = breakdown.regions[stretch.first + stretch.count - 1];
  return whole_percent(stretch.payload_bytes, breakdown.manifest.payload_bytes) +
         " of the payload goes to one stretch of the target, from " +
         breakdown.regions[stretch.first].name + " to " + hex_offset(last.begin + last.bytes) +
         ", which is " + whole_percent(stretch.bytes, breakdown.manifest.target.bytes) + " of it.";
}

// The fewest regions that take half of it.
std::string costly_regions_reason(const SizeBreakdown& breakdown) {
  std::uint64_t taken = 0;
  std::uint64_t bytes = 0;
  std::size_t count = 0;
  for (const RegionCost* region : by_payload(breakdown)) {
    if (2 * taken >= breakdown.manifest.payload_bytes) break;
    taken += region->payload_bytes();
    bytes += region->bytes;
    ++count;
  }
  if (3 * bytes > breakdown.manifest.target.bytes) {
    return "It is spread over the whole target: no part of it stands out.";
  }
  return whole_percent(taken, breakdown.manifest.payload_bytes) + " of the payload goes to " +
         std::to_string(count) + " of " + std::to_string(breakdown.regions.size()) +
         (breakdown.are_sections ? " sections" : " ranges") + ", which are " +
         whole_percent(bytes, breakdown.manifest.target.bytes) + " of the target; most to " +
         by_payload(breakdown).front()->name + ".";
}

std::string place_reason(const SizeBreakdown& breakdown) {
  if (breakdown.regions.size() < 2) return "";
  const std::uint64_t payload = breakdown.manifest.payload_bytes;
  const std::uint64_t target = breakdown.manifest.target.bytes;
  const RegionCost& first = *by_payload(breakdown).front();
  if (5 * first.payload_bytes() >= 2 * payload) {
    return (breakdown.are_sections ? "Section " : "The range at ") + first.name + " takes " +
           whole_percent(first.payload_bytes(), payload) + " of the payload and is " +
           whole_percent(first.bytes, target) + " of the target.";
  }
  const Stretch stretch = costly_stretch(breakdown.regions);
  if (!breakdown.are_sections && 3 * stretch.bytes <= target) {
    return stretch_reason(breakdown, stretch);
  }
  return costly_regions_reason(breakdown);
}

}  // namespace

void RegionCost::absorb(const RegionCost& other) {
  bytes += other.bytes;
  count += other.count;
  spent += other.spent;
}

SizeBreakdown break_down(ByteSpan package, const VerifyResult& verified, ByteSpan source,
                         std::optional<ByteSpan> target, const BreakdownOptions& options) {
  SizeBreakdown result;
  result.manifest = verified.head->manifest;
  check_source(result.manifest, source);
  if (target) check_target(result.manifest, *target);
  // Names of regions are in the target, so it has to be known before costs are counted by them.
  const ImageRegions parts =
      target ? image_regions(*target) : image_regions(decode(package, verified, source));
  SizeAccount account(leaf_ends(parts.regions));
  (void)meter_package(package, verified, source, &account);
  result.structure = account.structure();
  result.are_sections = parts.are_sections;
  result.regions = cost_of(parts.regions, account.rounded());
  result.total = result.structure;
  for (const RegionCost& region : result.regions) result.total += region.spent;
  for (RegionCost& region : result.regions) {
    const bool is_large = kWorthSymbols * region.payload_bytes() >=
                          std::max<std::uint64_t>(1, result.manifest.payload_bytes);
    region.symbols =
        is_large ? largest(std::move(region.symbols), options.top) : std::vector<RegionCost>();
  }
  return result;
}

std::vector<const RegionCost*> by_payload(const SizeBreakdown& breakdown) {
  std::vector<const RegionCost*> regions;
  for (const RegionCost& region : breakdown.regions) regions.push_back(&region);
  std::ranges::stable_sort(regions, [](const RegionCost* a, const RegionCost* b) {
    return a->payload_bytes() > b->payload_bytes();
  });
  return regions;
}

std::vector<std::string> main_reasons(const SizeBreakdown& breakdown) {
  std::vector<std::string> reasons;
  if (breakdown.manifest.payload_bytes == 0)
    return {"The target is empty: there is nothing to send."};
  reasons.push_back(breakdown.manifest.is_full()
                        ? "This is a full package: it brings along all of the target, compressed."
                        : purpose_reason(breakdown));
  const std::string place = place_reason(breakdown);
  if (!place.empty()) reasons.push_back(place);
  return reasons;
}

}  // namespace romdelta::pkgtool
