#include "pkgtool/super_report.h"

#include <iomanip>
#include <nlohmann/json.hpp>
#include <sstream>

#include "format/result_code.h"
#include "installer/cli/command_line.h"
#include "pkgtool/key_file.h"
#include "pkgtool/report.h"
#include "pkgtool/report_json.h"

namespace romdelta::pkgtool {
namespace {

using Json = nlohmann::ordered_json;
using cli::text_of;
using cli::to_hex;

Json member_json(const SuperHead& head, const SuperMember& member) {
  return {{"package_id", text_of(member.package_id.view())},
          {"kind", member.has_source ? "delta" : "full"},
          {"layout", to_string(member.layout)},
          {"source", member.has_source ? image_json(member.source) : Json()},
          {"target", image_json(member.target)},
          {"offset_bytes", head.head_bytes + member.offset_bytes},
          {"file_bytes", member.file_bytes},
          {"ram_bytes", member.ram_bytes},
          {"scratch_bytes", member.scratch_bytes},
          {"security_counter", member.order.security_counter},
          {"device_counter", member.order.device_counter},
          {"release_number", member.order.number},
          {"manifest_digest", to_hex(member.manifest_digest.value)}};
}

Json requirements_json(const SuperManifest& manifest) {
  Json list = Json::array();
  for (std::size_t i = 0; i < manifest.requirement_count; ++i) {
    const SuperRequirement requirement = manifest.requirement(i);
    Json versions = Json::array();
    for (std::size_t v = 0; v < requirement.version_count; ++v) {
      versions.push_back(text_of(requirement.versions[v].view()));
    }
    list.push_back(
        {{"package_id", text_of(requirement.package_id.view())}, {"versions", versions}});
  }
  return list;
}

std::string line(const char* name, const std::string& value) {
  std::ostringstream text;
  text << std::left << std::setw(18) << name << value << '\n';
  return text.str();
}

std::string source_text(const SuperMember& member) {
  return member.has_source ? text_of(member.source.version.view()) : "anything";
}

}  // namespace

std::string super_text_report(const SuperVerifyResult& result) {
  const SuperHead& head = *result.head;
  const SuperFacts& facts = head.manifest.facts;
  std::string text = line("Super package", text_of(facts.name.view()));
  if (!facts.release.empty()) text += line("Release", text_of(facts.release.view()));
  text += line("File", with_separators(head.file_bytes()) + " bytes");
  text += line("  metadata", with_separators(head.head_bytes) + " bytes");
  text += line("Device RAM", with_separators(super_arena_bytes_needed(head)) + " bytes, at most");
  if (head.manifest.scratch_bytes_max != 0) {
    text += line("Scratch", with_separators(head.manifest.scratch_bytes_max) + " bytes, at most");
  }
  const Json device = device_json(facts.device);
  text += line("Device", device.empty() ? "any" : device.dump());
  if (facts.security_counter != 0) {
    text += line("Security counter", std::to_string(facts.security_counter));
  }
  for (const Json& requirement : requirements_json(head.manifest)) {
    std::string versions;
    for (const Json& version : requirement["versions"]) {
      versions += (versions.empty() ? "" : " or ") + version.get<std::string>();
    }
    text += line("Requires", requirement["package_id"].get<std::string>() + " " + versions);
  }
  text += line("Manifest digest", to_hex(head.manifest_digest.value));
  for (const Signature& signature : head.signatures.view()) {
    text += line("Signed by", to_string(signature.key_id) + "  (not checked: use pkgtool verify)");
  }
  if (head.signatures.count == 0) text += line("Signed by", "nobody yet");
  text += "Members, in the order in which they are installed:\n";
  SuperMembers members = head.manifest.members();
  SuperMember member;
  for (std::size_t i = 0; members.next(&member); ++i) {
    text += "  " + std::to_string(i) + ": " + text_of(member.package_id.view()) + "  " +
            source_text(member) + " -> " + text_of(member.target.version.view()) + "  " +
            (member.has_source ? "delta" : "full") + ", " + to_string(member.layout) + ", " +
            with_separators(member.file_bytes) + " bytes at offset " +
            std::to_string(head.head_bytes + member.offset_bytes) + '\n';
  }
  return text;
}

std::string super_json_report(const SuperVerifyResult& result) {
  const SuperHead& head = *result.head;
  const SuperFacts& facts = head.manifest.facts;
  Json json;
  json["schema"] = 1;
  json["super_package"] = text_of(facts.name.view());
  json["release"] = facts.release.empty() ? Json() : Json(text_of(facts.release.view()));
  json["file_bytes"] = head.file_bytes();
  json["metadata_bytes"] = head.head_bytes;
  json["ram_bytes"] = super_arena_bytes_needed(head);
  json["scratch_bytes"] = head.manifest.scratch_bytes_max;
  json["device"] = device_json(facts.device);
  json["security_counter"] = facts.security_counter;
  json["requirements"] = requirements_json(head.manifest);
  json["members"] = Json::array();
  SuperMembers members = head.manifest.members();
  SuperMember member;
  while (members.next(&member)) json["members"].push_back(member_json(head, member));
  json["manifest_digest"] = to_hex(head.manifest_digest.value);
  json["key_ids"] = key_ids_json(head.signatures);
  json["status"] = to_string(result.status);
  return json.dump(2) + "\n";
}

std::string super_verdict_json(const SuperVerifyResult& result) {
  Json json;
  json["schema"] = 1;
  json["good"] = result.status == Status::ok;
  json["status"] = to_string(result.status);
  json["fumo_code"] = static_cast<int>(result_code(result.status));
  if (result.status != Status::ok) {
    json["structure"] = result.structure;
    json["offset_bytes"] = result.offset_bytes;
  } else {
    json["members"] = result.members.size();
    json["chunks"] = result.chunk_count;
  }
  if (result.head) {
    json["super_package"] = text_of(result.head->manifest.facts.name.view());
    json["manifest_digest"] = to_hex(result.head->manifest_digest.value);
  }
  return json.dump(2) + "\n";
}

std::string dry_run_text(const SuperHead& head, const DryRun& run) {
  std::string text;
  for (const DryRunStep& step : run.steps) {
    text += step.package_id + "  " + (step.version.empty() ? "none" : step.version) + "  ";
    if (step.status != Status::ok) {
      text += "refused: " + cli::describe(step.status) + '\n';
    } else if (step.is_present) {
      text += "is there already\n";
    } else {
      const SuperMember member = head.manifest.member(step.member);
      text += "-> " + text_of(member.target.version.view()) + "  member " +
              std::to_string(step.member) + ", " + (member.has_source ? "delta" : "full") + ", " +
              to_string(member.layout) + ", " + with_separators(member.file_bytes) + " bytes\n";
    }
  }
  text += run.status == Status::ok
              ? "the device would install it and fetch " + with_separators(run.fetch_bytes) +
                    " of " + with_separators(head.file_bytes()) + " bytes\n"
              : "the device would refuse it: " + cli::describe(run.status) + '\n';
  return text;
}

std::string dry_run_json(const SuperHead& head, const DryRun& run) {
  Json json;
  json["schema"] = 1;
  json["status"] = to_string(run.status);
  json["fumo_code"] = static_cast<int>(result_code(run.status));
  json["fetch_bytes"] = run.fetch_bytes;
  json["file_bytes"] = head.file_bytes();
  json["packages"] = Json::array();
  for (const DryRunStep& step : run.steps) {
    const bool installs = step.status == Status::ok && !step.is_present;
    json["packages"].push_back({{"package_id", step.package_id},
                                {"version", step.version.empty() ? Json() : Json(step.version)},
                                {"status", to_string(step.status)},
                                {"present", step.is_present},
                                {"member", installs ? Json(step.member) : Json()}});
  }
  return json.dump(2) + "\n";
}

}  // namespace romdelta::pkgtool
