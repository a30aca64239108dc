// SuperFile: the head of a super package on disk, whose signatures are not checked here.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "format/journal_record.h"
#include "format/super_package.h"

namespace romdelta::cli {

class SuperFile {
 public:
  SuperFile(SuperFile&&) = default;
  SuperFile& operator=(SuperFile&&) = default;
  // Nothing when the file is no super package: its first bytes tell.
  static std::optional<SuperFile> read(const std::string& path);

  // Null when the head is damaged or not complete.
  const SuperHead* head() const { return is_whole_ ? &head_ : nullptr; }
  // Which installation of this super package a journal record is of: a member's index, or the
  // number of members for the whole. Nothing: of none.
  std::optional<std::size_t> index_of(const JournalRecord& record) const;

 private:
  SuperFile() = default;

  std::vector<std::uint8_t> bytes_;  // What head_ is a view of; moves with it.
  SuperHead head_;
  bool is_whole_ = false;
};

}  // namespace romdelta::cli
