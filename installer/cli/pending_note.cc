#include "installer/cli/pending_note.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

namespace romdelta::cli {

void PendingNote::write(const std::string& package_path) const {
  const std::string text = std::filesystem::absolute(package_path).string() + "\n";
  const std::string fresh = path_ + ".new";
  const int descriptor = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor < 0) return;
  const bool written =
      ::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
      ::fsync(descriptor) == 0;
  (void)::close(descriptor);
  if (written) (void)std::rename(fresh.c_str(), path_.c_str());
}

std::optional<std::string> PendingNote::read() const {
  std::ifstream file(path_);
  std::string package_path;
  if (!std::getline(file, package_path) || package_path.empty()) return std::nullopt;
  return package_path;
}

void PendingNote::clear() const { (void)::unlink(path_.c_str()); }

}  // namespace romdelta::cli
