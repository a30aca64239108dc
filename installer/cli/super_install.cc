#include "installer/cli/super_install.h"

#include <iostream>
#include <nlohmann/json.hpp>

#include "format/result_code.h"
#include "installer/cli/command_line.h"

namespace romdelta::cli {
namespace {

using Json = nlohmann::ordered_json;

// What a person is told about a member; empty: nothing.
std::string words(const SuperSession& session, std::size_t index, bool is_done) {
  const Status status = session.member_status(index);
  switch (session.member_state(index)) {
    case MemberState::unused: return {};
    case MemberState::present: return "was there already";
    case MemberState::waiting: return "was not looked at";
    case MemberState::ready: return "not begun";
    case MemberState::working: return "not finished";
    case MemberState::complete: return is_done ? "installed" : "written, not active";
    case MemberState::failed:
      return std::string("failed: ") + result_row(status).meaning + " [" + to_string(status) + "]";
  }
  return {};
}

std::string release_of(const SuperFacts& facts) {
  return facts.release.empty() ? std::string() : ' ' + text_of(facts.release.view());
}

}  // namespace

void print_super_report(const SuperSession& session, Status status, const std::string& path) {
  const ResultCode code = result_code(status);
  const std::string fumo =
      "FUMO " + std::to_string(static_cast<int>(code)) + " (" + to_string(code) + ")";
  const bool is_done = status == Status::ok;
  if (!is_done) {
    const ResultRow& row = result_row(status);
    std::cout << path << ": not installed: " << row.meaning << " [" << to_string(status) << "]. "
              << fumo << '\n';
    std::cerr << "hint: " << row.action << '\n';
  } else {
    const SuperFacts& facts = session.head()->manifest.facts;
    std::cout << facts.name.view() << release_of(facts)
              << (session.already_installed() ? " was installed already. " : " is installed. ")
              << fumo << '\n';
  }
  if (session.head() == nullptr) return;
  SuperMembers members = session.head()->manifest.members();
  SuperMember member;
  for (std::size_t i = 0; members.next(&member); ++i) {
    const std::string text = words(session, i, is_done);
    if (text.empty()) continue;
    std::cout << "  " << member.package_id.view() << ' ' << member.target.version.view() << ": "
              << text << '\n';
  }
}

void print_super_json(const SuperSession& session, Status status, bool is_pending) {
  Json json{{"schema", 1},
            {"status", to_string(status)},
            {"fumo_code", static_cast<int>(result_code(status))},
            {"message", result_row(status).meaning},
            {"pending", is_pending},
            {"arena_used_bytes", session.arena_used_bytes()}};
  if (const SuperHead* head = session.head()) {
    const SuperFacts& facts = head->manifest.facts;
    json["super_package"] = text_of(facts.name.view());
    json["release"] = facts.release.empty() ? Json() : Json(text_of(facts.release.view()));
    json["already_installed"] = session.already_installed();
    const std::size_t resumed = session.resumed_at_member();
    json["resumed_at_member"] = resumed == SuperSession::no_member ? Json() : Json(resumed);
    json["ram_bytes"] = super_arena_bytes_needed(*head);
    json["members"] = Json::array();
    SuperMembers members = head->manifest.members();
    SuperMember member;
    for (std::size_t i = 0; members.next(&member); ++i) {
      json["members"].push_back(
          {{"package_id", text_of(member.package_id.view())},
           {"source_version",
            member.has_source ? Json(text_of(member.source.version.view())) : Json()},
           {"target_version", text_of(member.target.version.view())},
           {"layout", to_string(member.layout)},
           {"state", to_string(session.member_state(i))},
           {"status", to_string(session.member_status(i))},
           {"fumo_code", static_cast<int>(result_code(session.member_status(i)))}});
    }
  }
  std::cout << json.dump(2) << '\n';
}

}  // namespace romdelta::cli
