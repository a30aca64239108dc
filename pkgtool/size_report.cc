#include "pkgtool/size_report.h"

#include <algorithm>
#include <iomanip>
#include <nlohmann/json.hpp>
#include <sstream>

#include "pkgtool/report.h"
#include "pkgtool/size_page.h"

namespace romdelta::pkgtool {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kNameWidth = 26;

std::string spaced(std::string name) {
  std::ranges::replace(name, '_', ' ');
  return name;
}

// Names of symbols may be long; their ends tell more apart than their middles.
std::string shortened(const std::string& name) {
  if (name.size() <= kNameWidth) return name;
  const std::size_t front = kNameWidth / 2 - 1;
  return name.substr(0, front) + ".." + name.substr(name.size() - (kNameWidth - front - 2));
}

class SizeText {
 public:
  explicit SizeText(const SizeBreakdown& breakdown)
      : breakdown_(breakdown), payload_bytes_(breakdown.manifest.payload_bytes) {}

  std::string write(std::size_t top) {
    heading();
    streams();
    regions(top);
    symbols(top);
    text_ << '\n';
    for (const std::string& reason : main_reasons(breakdown_)) text_ << reason << '\n';
    return text_.str();
  }

 private:
  void heading() {
    const Manifest& manifest = breakdown_.manifest;
    text_ << "Package  " << manifest.package_id.view() << ", "
          << (manifest.is_full() ? "full" : "delta") << ", codec " << to_string(manifest.codec)
          << "\nTarget   " << with_separators(manifest.target.bytes) << " bytes\nPayload  "
          << with_separators(payload_bytes_) << " bytes";
    if (manifest.target.bytes != 0) {
      text_ << "  (" << percent(payload_bytes_, manifest.target.bytes) << " of the target)";
    }
    text_ << '\n';
  }

  void stream_line(const std::string& name, std::uint64_t bytes) {
    if (bytes == 0) return;
    text_ << "  " << std::left << std::setw(kNameWidth) << name << std::right << std::setw(12)
          << with_separators(bytes) << std::setw(9) << percent(bytes, payload_bytes_) << '\n';
  }

  void streams() {
    if (payload_bytes_ == 0) return;
    text_ << "\nWhat the payload consists of\n";
    for (std::size_t i = 0; i < purpose_count; ++i) {
      const auto purpose = static_cast<Purpose>(i);
      stream_line(to_string(purpose), breakdown_.total.of(purpose));
      if (purpose == Purpose::literals) continue;  // One stream, of the same name.
      for (std::size_t j = 0; j < stream_count; ++j) {
        const auto stream = static_cast<Stream>(j);
        if (purpose_of(stream) != purpose) continue;
        stream_line("  " + spaced(to_string(stream)), breakdown_.total.of(stream));
      }
    }
  }

  void columns(const std::string& title) {
    text_ << '\n' << std::left << std::setw(kNameWidth + 2) << title << std::right;
    text_ << std::setw(12) << "target" << std::setw(11) << "payload" << std::setw(8) << "%";
    for (const char* name : {"literals", "changes", "control", "new", "changed"}) {
      text_ << std::setw(10) << name;
    }
    text_ << '\n';
  }

  void row(const std::string& name, std::uint64_t target_bytes, const Spending& spent) {
    text_ << "  " << std::left << std::setw(kNameWidth) << shortened(name) << std::right
          << std::setw(12) << with_separators(target_bytes) << std::setw(11)
          << with_separators(spent.payload_bytes()) << std::setw(8)
          << percent(spent.payload_bytes(), payload_bytes_);
    for (const std::uint64_t bytes :
         {spent.of(Purpose::literals), spent.of(Purpose::changes), spent.of(Purpose::control),
          spent.new_bytes, spent.changed_bytes}) {
      text_ << std::setw(10) << with_separators(bytes);
    }
    text_ << '\n';
  }

  void regions(std::size_t top) {
    if (breakdown_.regions.empty()) return;
    columns(breakdown_.are_sections ? "By section" : "By offset in the target");
    RegionCost others{"", 0, 0, 0, {}, {}};
    std::size_t listed = 0;
    for (const RegionCost* region : by_payload(breakdown_)) {
      if (listed++ < top && region->payload_bytes() != 0) {
        row(region->name, region->bytes, region->spent);
      } else {
        others.absorb(*region);
      }
    }
    if (others.count != 0) {
      row("(" + std::to_string(others.count) + " others)", others.bytes, others.spent);
    }
    row("(structure)", 0, breakdown_.structure);
  }

  struct NamedSymbol {
    const RegionCost* region;
    const RegionCost* symbol;
  };

  void symbols(std::size_t top) {
    std::vector<NamedSymbol> symbols;
    for (const RegionCost& region : breakdown_.regions) {
      for (const RegionCost& symbol : region.symbols) {
        // What is left is no symbol to look at.
        const bool is_rest = symbol.count > 1 && symbol.name != "(no symbol)";
        if (symbol.payload_bytes() != 0 && !is_rest) symbols.push_back({&region, &symbol});
      }
    }
    if (symbols.empty()) return;
    std::ranges::stable_sort(symbols, [](const NamedSymbol& a, const NamedSymbol& b) {
      return a.symbol->payload_bytes() > b.symbol->payload_bytes();
    });
    columns("By symbol, the largest");
    symbols.resize(std::min(top, symbols.size()));
    for (const NamedSymbol& named : symbols) {
      const bool is_named = named.symbol->name != "(no symbol)";
      row(named.symbol->name + (is_named ? "" : " " + named.region->name), named.symbol->bytes,
          named.symbol->spent);
    }
  }

  const SizeBreakdown& breakdown_;
  const std::uint64_t payload_bytes_;
  std::ostringstream text_;
};

Json spending_json(const Spending& spent) {
  Json streams = Json::object();
  for (std::size_t i = 0; i < stream_count; ++i) {
    const auto stream = static_cast<Stream>(i);
    if (spent.of(stream) != 0) streams[to_string(stream)] = spent.of(stream);
  }
  return streams;
}

Json cost_json(const RegionCost& cost) {
  Json json{{"name", cost.name}};
  if (cost.count == 1) json["target_offset_bytes"] = cost.begin;
  json["target_bytes"] = cost.bytes;
  json["payload_bytes"] = cost.payload_bytes();
  for (const Purpose purpose : {Purpose::literals, Purpose::changes, Purpose::control}) {
    json[std::string(to_string(purpose)) + "_bytes"] = cost.spent.of(purpose);
  }
  json["new_bytes"] = cost.spent.new_bytes;
  json["changed_bytes"] = cost.spent.changed_bytes;
  json["streams"] = spending_json(cost.spent);
  if (!cost.symbols.empty()) json["symbols"] = Json::array();
  for (const RegionCost& symbol : cost.symbols) json["symbols"].push_back(cost_json(symbol));
  return json;
}

Json size_object(const SizeBreakdown& breakdown) {
  const Manifest& manifest = breakdown.manifest;
  Json json;
  json["schema"] = 1;
  json["package_id"] = std::string(manifest.package_id.view());
  json["kind"] = manifest.is_full() ? "full" : "delta";
  json["codec"] = to_string(manifest.codec);
  json["source_version"] =
      manifest.is_full() ? Json() : Json(std::string(manifest.sources[0].version.view()));
  json["target_version"] = std::string(manifest.target.version.view());
  json["target_bytes"] = manifest.target.bytes;
  json["payload_bytes"] = manifest.payload_bytes;
  for (std::size_t i = 0; i < purpose_count; ++i) {
    const auto purpose = static_cast<Purpose>(i);
    json[std::string(to_string(purpose)) + "_bytes"] = breakdown.total.of(purpose);
  }
  json["new_bytes"] = breakdown.total.new_bytes;
  json["changed_bytes"] = breakdown.total.changed_bytes;
  json["streams"] = spending_json(breakdown.total);
  json["regions_are"] = breakdown.are_sections ? "sections" : "ranges";
  json["regions"] = Json::array();
  for (const RegionCost& region : breakdown.regions) json["regions"].push_back(cost_json(region));
  json["reasons"] = main_reasons(breakdown);
  return json;
}

}  // namespace

std::string size_text(const SizeBreakdown& breakdown, std::size_t top) {
  return SizeText(breakdown).write(top);
}

std::string size_json(const SizeBreakdown& breakdown) {
  return size_object(breakdown).dump(2) + "\n";
}

std::string size_html(const SizeBreakdown& breakdown) {
  std::string page(size_page_begin);
  // Names may hold what ends a script.
  for (const char c : size_object(breakdown).dump()) {
    if (c == '<') {
      page += "\\u003c";
    } else {
      page += c;
    }
  }
  return page.append(size_page_end);
}

}  // namespace romdelta::pkgtool
