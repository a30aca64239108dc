#include "samples/ota/status_page.h"

#include <nlohmann/json.hpp>
#include <sstream>

#include "format/result_code.h"

namespace romdelta::ota {
namespace {

constexpr const char* kHead = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="refresh" content="5">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>)";

constexpr const char* kStyle = R"(</title>
<style>
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
body { margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .45rem .6rem;
  border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); }
.phase { display: inline-block; border-radius: 1rem; padding: 0 .7rem; background: #8884; }
.done .phase { background: #1a7f3766; }
.stopped .phase { background: #cf222e66; }
.executing .phase, .downloaded .phase { background: #0969da66; }
small { opacity: .75; }
</style>
</head>
)";

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&': result += "&amp;"; break;
      case '<': result += "&lt;"; break;
      case '>': result += "&gt;"; break;
      case '"': result += "&quot;"; break;
      case '\'': result += "&#39;"; break;
      default: result += c;
    }
  }
  return result;
}

std::string info_of(const DeviceRecord& record, const char* leaf) {
  const auto found = record.info.find(std::string("./DevInfo/") + leaf);
  return found == record.info.end() ? "" : found->second;
}

std::string name_of(int code) { return to_string(static_cast<ResultCode>(code)); }

void add_device(const DeviceRecord& record, std::uint64_t now_s, std::ostream& out) {
  out << "<tr class=\"device " << to_string(record.phase) << "\" data-phase=\""
      << to_string(record.phase) << "\"><td>" << escaped(record.id) << "<br><small>"
      << escaped(info_of(record, "Man") + ' ' + info_of(record, "Mod")) << "</small></td><td>";
  for (const auto& [package_id, version] : record.versions) {
    out << escaped(package_id) << " <b>" << escaped(version.version) << "</b><br>";
  }
  out << "</td><td><span class=\"phase\">" << to_string(record.phase) << "</span><br><small>"
      << escaped(record.note) << "</small></td><td>" << escaped(record.fumo_state) << "</td><td>";
  for (const OperationResult& result : record.results) {
    out << "<span class=\"result\" data-code=\"" << result.code << "\"><b>" << result.code
        << "</b> " << escaped(name_of(result.code)) << "</span> <small>" << escaped(result.type)
        << ", " << escaped(result.package) << "</small><br>";
  }
  out << "</td><td>";
  if (record.last_seen_s == 0)
    out << "never";
  else
    out << now_s - record.last_seen_s << " s ago";
  out << "</td></tr>\n";
}

}  // namespace

std::string status_page(const ServerConfig& config, const std::vector<DeviceRecord>& devices,
                        std::uint64_t now_s) {
  std::size_t done = 0;
  for (const DeviceRecord& record : devices) done += record.phase == Phase::done;
  std::ostringstream out;
  out << kHead << "Release " << escaped(config.campaign.release) << kStyle
      << "<body data-devices=\"" << devices.size() << "\" data-done=\"" << done
      << "\">\n<h1>Release " << escaped(config.campaign.release) << "</h1>\n<p>" << done << " of "
      << devices.size()
      << " devices have it.</p>\n<table>\n<thead><tr><th>Device</th><th>ROM packages</th>"
      << "<th>Phase</th><th>State</th><th>Results</th><th>Last seen</th></tr></thead>\n<tbody>\n";
  for (const DeviceRecord& record : devices) add_device(record, now_s, out);
  out << "</tbody>\n</table>\n</body>\n</html>\n";
  return out.str();
}

std::string status_json(const ServerConfig& config, const std::vector<DeviceRecord>& devices) {
  using Json = nlohmann::ordered_json;
  Json list = Json::array();
  for (const DeviceRecord& record : devices) {
    Json versions = Json::object();
    for (const auto& [package_id, version] : record.versions) {
      versions[package_id] = version.version;
    }
    Json results = Json::array();
    for (const OperationResult& result : record.results) {
      results.push_back({{"code", result.code},
                         {"name", name_of(result.code)},
                         {"type", result.type},
                         {"package", result.package}});
    }
    list.push_back({{"id", record.id},
                    {"phase", to_string(record.phase)},
                    {"note", record.note},
                    {"state", record.fumo_state},
                    {"versions", versions},
                    {"results", results}});
  }
  return Json{{"schema", 1}, {"release", config.campaign.release}, {"devices", list}}.dump(
             2, ' ', false, Json::error_handler_t::replace) +
         '\n';
}

}  // namespace romdelta::ota
