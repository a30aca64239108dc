#include "pkgtool/proof_report.h"

#include <iomanip>
#include <nlohmann/json.hpp>
#include <sstream>

#include "pkgtool/report.h"

namespace romdelta::pkgtool {
namespace {

using Json = nlohmann::ordered_json;

// Losses that are listed for people; the first names the cause as a rule.
constexpr std::size_t kLossesShown = 10;

void print_count(std::ostream& text, const char* name, const FaultCount& count) {
  if (count.planned == 0) return;
  text << "  " << std::left << std::setw(14) << name << std::right << std::setw(12)
       << with_separators(count.planned) << std::setw(12) << with_separators(count.fired) << '\n';
}

Json count_json(const FaultCount& count) {
  return {{"planned", count.planned}, {"fired", count.fired}};
}

}  // namespace

std::string proof_text(const Verdict& verdict, const ProofSetting& setting) {
  std::ostringstream text;
  const FlashGeometry& geometry = setting.geometry;
  text << "Flash       " << setting.geometry_name << ": blocks of "
       << with_separators(geometry.erase_block_bytes) << ", units of "
       << with_separators(geometry.program_unit_bytes) << " bytes"
       << (geometry.erase_before_program ? "" : ", overwrites") << '\n';
  if (!verdict.broken.empty()) {
    text << setting.name << ": NOT proven: without any fault: " << verdict.broken << '\n';
    return text.str();
  }
  text << "Operations  " << with_separators(verdict.op_count) << "\nStates      "
       << with_separators(verdict.state_count) << " after a cut, " << verdict.recovery_count
       << " boots from them, " << verdict.full_count << " to the very end\n\n"
       << std::left << std::setw(16) << "Fault" << std::right << std::setw(12) << "planned"
       << std::setw(12) << "fired" << '\n';
  for (std::size_t i = 0; i < fault_kind_count; ++i) {
    print_count(text, to_string(static_cast<FaultKind>(i)), verdict.counts[i]);
  }
  print_count(text, "second cut", verdict.second_cuts);
  text << '\n';
  for (std::size_t i = 0; i < verdict.losses.size() && i < kLossesShown; ++i) {
    text << to_string(verdict.losses[i]) << '\n';
  }
  const FaultCount total = verdict.total();
  text << setting.name << (verdict.proven() ? ": proven: " : ": NOT proven: ")
       << with_separators(total.planned) << " faults planned, " << with_separators(total.fired)
       << " fired, " << with_separators(verdict.lost_count) << " lost\n";
  return text.str();
}

std::string proof_json(const Verdict& verdict, const ProofSetting& setting) {
  Json json;
  json["schema"] = 1;
  json["proven"] = verdict.proven();
  json["geometry"] = {{"name", setting.geometry_name},
                      {"erase_block_bytes", setting.geometry.erase_block_bytes},
                      {"program_unit_bytes", setting.geometry.program_unit_bytes},
                      {"erase_before_program", setting.geometry.erase_before_program}};
  if (!verdict.broken.empty()) json["broken"] = verdict.broken;
  json["operations"] = verdict.op_count;
  json["states"] = verdict.state_count;
  json["recoveries"] = verdict.recovery_count;
  json["recoveries_to_the_end"] = verdict.full_count;
  const FaultCount total = verdict.total();
  json["planned"] = total.planned;
  json["fired"] = total.fired;
  json["lost"] = verdict.lost_count;
  json["faults"] = Json::object();
  for (std::size_t i = 0; i < fault_kind_count; ++i) {
    json["faults"][to_string(static_cast<FaultKind>(i))] = count_json(verdict.counts[i]);
  }
  json["faults"]["second_cut"] = count_json(verdict.second_cuts);
  json["losses"] = Json::array();
  for (const Loss& loss : verdict.losses) {
    json["losses"].push_back({{"replay", to_string(loss.path)}, {"what", loss.what}});
  }
  return json.dump(2) + "\n";
}

}  // namespace romdelta::pkgtool
