#include "tests/hostile/attack_table.h"

#include <algorithm>
#include <cstdio>
#include <set>
#include <string>
#include <vector>

#include "format/result_code.h"
#include "tests/hostile/victim.h"

namespace romdelta::test {
namespace {

struct Row {
  const char* incident = nullptr;
  const char* what = nullptr;
  unsigned long long tried = 0;
  unsigned long long wrongly_accepted = 0;
  std::set<Status> expected;
  std::set<Status> got;
};

// Rows are few, and in the order of the tests.
std::vector<Row>& rows() {
  static std::vector<Row> all;
  return all;
}
Row* open_row = nullptr;

// "corrupt_chunk 402, truncated 402"
std::string list_of(const std::set<Status>& statuses, int (*code)(Status)) {
  std::string text;
  for (const Status status : statuses) {
    text += (text.empty() ? "" : ", ") + std::string(to_string(status)) + ' ' +
            std::to_string(code(status));
  }
  return text;
}

int reported_code(Status status) { return static_cast<int>(result_code(status)); }

}  // namespace

Attack::Attack(const char* incident, const char* what) {
  const std::string name = std::string(incident) + what;
  const auto found = std::ranges::find_if(
      rows(), [&](const Row& row) { return std::string(row.incident) + row.what == name; });
  if (found != rows().end()) {
    open_row = &*found;
    return;
  }
  rows().push_back({incident, what, 0, 0, {}, {}});
  open_row = &rows().back();
}

Attack::~Attack() { open_row = nullptr; }

void note_attack(std::span<const Status> expected, Status got) {
  if (open_row == nullptr) return;
  ++open_row->tried;
  open_row->expected.insert(expected.begin(), expected.end());
  open_row->got.insert(got);
  const bool may_be_accepted = std::ranges::find(expected, Status::ok) != expected.end();
  if (got == Status::ok && !may_be_accepted) ++open_row->wrongly_accepted;
}

unsigned long long print_attack_table() {
  unsigned long long wrongly_accepted = 0;
  std::printf("\nattack | tried | expected | got | wrongly accepted\n");
  for (const Row& row : rows()) {
    wrongly_accepted += row.wrongly_accepted;
    std::printf("%s: %s | %llu | %s | %s | %llu\n", row.incident, row.what, row.tried,
                list_of(row.expected, fumo_code).c_str(), list_of(row.got, reported_code).c_str(),
                row.wrongly_accepted);
  }
  std::printf("%zu attacks with a name, %llu wrongly accepted\n\n", rows().size(),
              wrongly_accepted);
  return wrongly_accepted;
}

}  // namespace romdelta::test
