#include "pkgtool/report.h"

#include <algorithm>
#include <iomanip>
#include <nlohmann/json.hpp>
#include <sstream>

#include "format/result_code.h"
#include "installer/cli/command_line.h"
#include "pkgtool/key_file.h"
#include "pkgtool/report_json.h"

namespace romdelta::pkgtool {

using cli::text_of;
using cli::to_hex;

namespace {

using Json = nlohmann::ordered_json;

const char* const kColumnNames[column_count] = {"copy_lengths", "extra_lengths", "source_seeks",
                                                "diff_values",  "zero_runs",     "extra"};

// The steps of one chunk.
struct ChunkSteps {
  ChunkSteps(const DecodedPlan& plan, std::size_t chunk) {
    for (std::size_t i = 0; i < chunk; ++i) first += plan.chunks[i].step_count;
    count = plan.chunks[chunk].step_count;
    for (std::size_t i = first; i < first + count; ++i) {
      groups.push_back(plan.plan.steps[i].group);
      kept_grains += plan.plan.steps[i].kept.size();
    }
  }

  std::size_t first = 0;
  std::size_t count = 0;
  std::vector<std::uint32_t> groups;  // In the order of the steps.
  std::uint64_t kept_grains = 0;      // Saved for later steps.
};

Json plan_json(const Manifest& manifest) {
  const PlanIdentity& plan = manifest.plan;
  return {{"bytes", plan.bytes},
          {"steps", plan.step_count},
          {"chunk_steps_max", plan.chunk_steps_max},
          {"rewritten_bytes", plan.rewritten_bytes},
          {"holes", plan.hole_count},
          {"kept_max", plan.kept_count_max},
          {"fragments_max", plan.fragment_count_max},
          {"reserve_blocks", plan.reserve_blocks},
          {"program_unit_bytes", plan.program_unit_bytes},
          {"block_erase_count", plan.block_erase_count}};
}

Json map_json(const MapReport& map) {
  return {{"offset_bytes", map.offset_bytes}, {"base_address", map.base},
          {"segments", map.segment_count},    {"regions", map.region_count},
          {"anchors", map.anchor_count},      {"shifts", map.shift_count}};
}

// In place a chunk makes groups from all over the target.
Json chunk_json(const VerifyResult& result, std::size_t index) {
  const ChunkReport& chunk = result.chunks[index];
  Json json{{"offset_bytes", chunk.offset_bytes}, {"bytes", chunk.bytes}};
  if (!result.plan) json["target_offset_bytes"] = chunk.target_offset;
  json["target_bytes"] = chunk.target_bytes;
  if (result.plan) {
    const ChunkSteps steps(*result.plan, index);
    json["first_step"] = steps.first;
    json["steps"] = steps.count;
    json["script_bytes"] = result.plan->chunks[index].script_bytes;
    json["groups"] = steps.groups;
    json["kept_grains"] = steps.kept_grains;
  }
  if (result.head->manifest.codec == Codec::context) {
    json["source_position"] = chunk.context.source_position;
    json["unit_bytes"] = chunk.context.unit_bytes;
    return json;
  }
  Json columns = Json::object();
  for (std::size_t i = 0; i < column_count; ++i) {
    const ColumnSize& size = chunk.header.columns[i];
    columns[kColumnNames[i]] = {{"raw_bytes", size.raw_bytes}, {"stored_bytes", size.stored_bytes}};
  }
  json["source_position"] = chunk.header.source_position;
  json["columns"] = std::move(columns);
  return json;
}

std::string counted(std::uint64_t count, const char* one) {
  return with_separators(count) + ' ' + one + (count == 1 ? "" : "s");
}

class TextReport {
 public:
  void line(const char* name, const std::string& value) {
    text_ << std::left << std::setw(18) << name << value << '\n';
  }
  void bytes(const char* name, std::uint64_t value, const std::string& note = {}) {
    line(name, with_separators(value) + " bytes" + (note.empty() ? "" : "  (" + note + ")"));
  }
  void image(const char* name, const ImageIdentity& image) {
    line(name, text_of(image.version.view()) + ", " + with_separators(image.bytes) + " bytes, " +
                   to_hex(image.digest.value));
  }
  void chunk(const VerifyResult& result, std::size_t index) {
    const ChunkReport& chunk = result.chunks[index];
    text_ << "  chunk " << index << ": file offset " << chunk.offset_bytes << ", "
          << with_separators(chunk.bytes) << " bytes -> ";
    if (!result.plan) text_ << "target offset " << chunk.target_offset << ", ";
    text_ << with_separators(chunk.target_bytes) << " bytes";
    if (result.plan) text_ << " in " << counted(ChunkSteps(*result.plan, index).count, "group");
    text_ << '\n';
    if (result.plan) steps(*result.plan, index);
    if (result.head->manifest.codec == Codec::context) {
      text_ << "    words of " << unsigned{chunk.context.unit_bytes} << " bytes\n";
      return;
    }
    for (std::size_t i = 0; i < column_count; ++i) {
      const ColumnSize& size = chunk.header.columns[i];
      if (size.raw_bytes == 0) continue;
      text_ << "    " << std::left << std::setw(14) << kColumnNames[i] << std::right
            << std::setw(12) << with_separators(size.raw_bytes) << " -> " << std::setw(12)
            << with_separators(size.stored_bytes) << " bytes\n";
    }
  }
  void steps(const DecodedPlan& plan, std::size_t index) {
    const ChunkSteps steps(plan, index);
    const auto [lowest, highest] = std::ranges::minmax(steps.groups);
    text_ << "    step " << steps.first;
    if (steps.count != 1) text_ << " to " << steps.first + steps.count - 1;
    text_ << ", group " << lowest;
    if (lowest != highest) text_ << " to " << highest;
    text_ << ", script of " << with_separators(plan.chunks[index].script_bytes) << " bytes, "
          << with_separators(steps.kept_grains * limits::grain_bytes) << " bytes kept\n";
  }
  void plan(std::uint64_t offset_bytes, const DecodedPlan& plan) {
    text_ << "  plan: file offset " << offset_bytes << ", "
          << counted(plan.plan.steps.size(), "step") << ", "
          << counted(plan.plan.holes.size(), "hole") << '\n';
  }
  void map(const MapReport& map) {
    text_ << "  address map: file offset " << map.offset_bytes << ", base address 0x" << std::hex
          << map.base << std::dec << ", " << map.segment_count << " segments, " << map.region_count
          << " regions, " << map.anchor_count << " anchors, " << map.shift_count << " shifts\n";
  }
  std::string text() const { return text_.str(); }

 private:
  std::ostringstream text_;
};

std::string device_text(const DeviceFilter& device) {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (!device.vendor.empty()) add("vendor " + text_of(device.vendor.view()));
  if (!device.model.empty()) add("model " + text_of(device.model.view()));
  if (device.has_hardware_range) {
    add("hardware " + std::to_string(device.hardware_min) + " to " +
        std::to_string(device.hardware_max));
  }
  return text;
}

void in_place_lines(const Manifest& manifest, TextReport* report) {
  const PlanIdentity& plan = manifest.plan;
  report->bytes("Rewritten", plan.rewritten_bytes,
                percent(plan.rewritten_bytes, manifest.target.bytes) + " of the target, " +
                    counted(plan.step_count, "group") + " of " +
                    std::to_string(manifest.group_bytes) + " bytes, at most " +
                    std::to_string(plan.chunk_steps_max) + " at a time");
  report->line("Lent to scratch", counted(plan.hole_count, "hole"));
  report->line("Kept at once", "at most " + std::to_string(plan.kept_count_max) +
                                   " of earlier groups, " +
                                   counted(plan.fragment_count_max, "fragment"));
  report->line("In reserve", counted(plan.reserve_blocks, "scratch block"));
  report->bytes("Program unit", plan.program_unit_bytes, "or a divisor");
  report->line("Wear", "at most " + counted(plan.block_erase_count, "erase") + " of one block");
}

}  // namespace

std::string with_separators(std::uint64_t value) {
  std::string text = std::to_string(value);
  for (std::size_t i = text.size(); i > 3; i -= 3) text.insert(i - 3, ",");
  return text;
}

std::string percent(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return "";
  std::ostringstream text;
  text << std::fixed << std::setprecision(1)
       << 100.0 * static_cast<double>(part) / static_cast<double>(whole) << " %";
  return text.str();
}

std::string json_report(const VerifyResult& result, bool with_chunks) {
  const PackageHead& head = *result.head;
  const Manifest& manifest = head.manifest;
  Json json;
  json["schema"] = 1;
  json["package_id"] = text_of(manifest.package_id.view());
  json["kind"] = manifest.is_full() ? "full" : "delta";
  json["layout"] = to_string(manifest.layout);
  json["source"] = manifest.is_full() ? Json() : image_json(manifest.sources[0]);
  json["target"] = image_json(manifest.target);
  json["file_bytes"] = head.file_bytes();
  json["payload_bytes"] = manifest.payload_bytes;
  json["metadata_bytes"] = head.head_bytes;
  json["ram_bytes"] = manifest.budgets.ram_bytes;
  json["scratch_bytes"] = manifest.budgets.scratch_bytes;
  json["journal_bytes"] = manifest.budgets.journal_bytes;
  json["flash_write_bytes"] = manifest.budgets.flash_write_bytes;
  json["erase_count"] = manifest.budgets.erase_count;
  json["redo_bytes"] = manifest.budgets.redo_bytes;
  json["chunks"] = manifest.chunk_count;
  json["map_bytes"] = manifest.map.bytes;
  json["map_steps"] = manifest.map.step_count;
  if (manifest.plan.present()) json["plan"] = plan_json(manifest);
  json["chunk_stored_bytes_max"] = manifest.chunk_stored_bytes_max;
  json["chunk_decoded_bytes_max"] = manifest.chunk_decoded_bytes_max;
  json["group_bytes"] = manifest.group_bytes;
  json["erase_block_bytes"] = manifest.erase_block_bytes;
  json["codec"] = to_string(manifest.codec);
  json["encoder"] = text_of(manifest.encoder.view());
  json["device"] = device_json(manifest.device);
  json["security_counter"] = manifest.order.security_counter;
  json["device_counter"] = manifest.order.device_counter;
  json["release_number"] = manifest.order.number;
  json["may_downgrade"] = manifest.may_downgrade;
  json["role"] = to_string(manifest.role);
  json["manifest_digest"] = to_hex(head.manifest_digest.value);
  json["key_ids"] = key_ids_json(head.signatures);
  json["status"] = to_string(result.status);
  if (with_chunks) {
    if (result.map) json["map"] = map_json(*result.map);
    json["chunk_list"] = Json::array();
    for (std::size_t i = 0; i < result.chunks.size(); ++i) {
      json["chunk_list"].push_back(chunk_json(result, i));
    }
  }
  return json.dump(2) + "\n";
}

std::string verdict_json(const VerifyResult& result) {
  Json json;
  json["schema"] = 1;
  json["good"] = result.status == Status::ok;
  json["status"] = to_string(result.status);
  json["fumo_code"] = static_cast<int>(result_code(result.status));
  if (result.status != Status::ok) {
    json["structure"] = result.structure;
    json["offset_bytes"] = result.offset_bytes;
  }
  if (result.status == Status::ok) {
    json["chunks"] = result.head->manifest.chunk_count;
    if (result.plan) json["plan_steps"] = result.plan->plan.steps.size();
  }
  if (result.head) {
    json["package_id"] = text_of(result.head->manifest.package_id.view());
    json["manifest_digest"] = to_hex(result.head->manifest_digest.value);
  }
  return json.dump(2) + "\n";
}

std::string text_report(const VerifyResult& result, bool with_chunks) {
  const PackageHead& head = *result.head;
  const Manifest& manifest = head.manifest;
  TextReport report;
  report.line("Package",
              text_of(manifest.package_id.view()) + (manifest.is_full() ? ", full" : ", delta"));
  report.line("Layout, codec",
              std::string(to_string(manifest.layout)) + ", " + to_string(manifest.codec));
  if (!manifest.is_full()) report.image("Source", manifest.sources[0]);
  report.image("Target", manifest.target);
  report.bytes("File", head.file_bytes(),
               percent(head.file_bytes(), manifest.target.bytes) + " of the target");
  report.bytes(
      "  payload", manifest.payload_bytes,
      std::to_string(manifest.chunk_count) + (manifest.chunk_count == 1 ? " chunk" : " chunks"));
  if (manifest.map.present()) {
    report.bytes("  address map", manifest.map.bytes,
                 std::to_string(manifest.map.step_count) + " steps, part of the payload");
  }
  if (manifest.plan.present()) {
    report.bytes("  plan", manifest.plan.bytes,
                 std::to_string(manifest.plan.step_count) + " steps, part of the payload");
  }
  report.bytes("  metadata", head.head_bytes);
  report.bytes("Device RAM", manifest.budgets.ram_bytes);
  report.bytes("Flash writes", manifest.budgets.flash_write_bytes,
               std::to_string(manifest.budgets.erase_count) + " erases of " +
                   std::to_string(manifest.erase_block_bytes) + " bytes");
  report.bytes("Journal", manifest.budgets.journal_bytes, "written");
  if (manifest.budgets.scratch_bytes != 0) {
    report.bytes("Scratch", manifest.budgets.scratch_bytes);
  }
  if (manifest.plan.present()) in_place_lines(manifest, &report);
  report.bytes("Redo after a cut", manifest.budgets.redo_bytes, "at most");
  const std::string device = device_text(manifest.device);
  report.line("Device", device.empty() ? "any" : device);
  if (manifest.order.security_counter != 0) {
    report.line("Security counter", std::to_string(manifest.order.security_counter));
  }
  if (manifest.order.device_counter != 0) {
    report.line("Device counter", std::to_string(manifest.order.device_counter));
  }
  if (manifest.order.number != 0) {
    report.line("Release number", std::to_string(manifest.order.number));
  }
  if (manifest.may_downgrade) report.line("Downgrade", "allowed");
  if (manifest.role != KeyRole::release) {
    report.line("Role", std::string(to_string(manifest.role)) + " (not for devices in production)");
  }
  report.line("Manifest digest", to_hex(head.manifest_digest.value));
  for (const Signature& signature : head.signatures.view()) {
    report.line("Signed by", to_string(signature.key_id) + "  (not checked: use pkgtool verify)");
  }
  if (head.signatures.count == 0) report.line("Signed by", "nobody yet");
  if (!manifest.encoder.empty()) report.line("Made by", text_of(manifest.encoder.view()));
  if (with_chunks) {
    if (result.map) report.map(*result.map);
    if (result.plan) report.plan(result.plan_offset_bytes, *result.plan);
    for (std::size_t i = 0; i < result.chunks.size(); ++i) report.chunk(result, i);
  }
  return report.text();
}

}  // namespace romdelta::pkgtool
