// PendingNote: where the package of an unfinished installation is, so that `resume` needs no
// argument. A convenience of this program: the engine does not depend on it.
#pragma once

#include <optional>
#include <string>

namespace romdelta::cli {

class PendingNote {
 public:
  // The note is a file beside ROM.toml.
  explicit PendingNote(const std::string& rom_path) : path_(rom_path + ".pending") {}

  // Whole or not at all, and durable before the journal says that there is something to resume.
  // A note that cannot be written only costs `resume` its default.
  void write(const std::string& package_path) const;
  std::optional<std::string> read() const;
  void clear() const;

 private:
  std::string path_;
};

}  // namespace romdelta::cli
