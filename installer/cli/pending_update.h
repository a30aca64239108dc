// PendingUpdate: what an unfinished installation has done so far, in words and for programs. The
// journal says where it is; its package, where it can still be read, says of how much.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "format/journal_record.h"
#include "format/package.h"
#include "installer/cli/super_file.h"

namespace romdelta::cli {

// The head of a package file, whose signatures are not checked; nothing when it is none.
std::optional<PackageHead> read_head(const std::string& path);

class PendingUpdate {
 public:
  // `newest`: of the journal, and not done. `package_path`: where its package was, if that is
  // known.
  PendingUpdate(const JournalRecord& newest, const std::optional<std::string>& package_path);

  // Which ROM package, if its package can be read.
  std::optional<std::string> package_id() const;
  // True when the device can run what it ran before.
  bool is_runnable() const;

  std::string text() const;
  // Adds to an object what text() says, and the numbers.
  void add_to(nlohmann::ordered_json* json) const;

 private:
  bool is_in_place() const { return newest_.layout == Layout::in_place; }
  // True when nothing of the slot was written yet, not even a hole.
  bool is_untouched() const;
  const char* phase() const;
  // The member that is being installed; nothing when none is.
  std::optional<SuperMember> member() const;
  std::string super_text() const;
  std::string progress_text() const;

  JournalRecord newest_;
  std::optional<PackageHead> head_;  // Of the very package that the journal names.
  // Of the super package whose member the journal names.
  std::optional<SuperFile> super_;
  std::size_t member_index_ = 0;  // The number of members: all of it.
  std::optional<std::string> package_path_;
};

}  // namespace romdelta::cli
