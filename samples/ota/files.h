// Files that are replaced as a whole, and programs that are run.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace romdelta::ota {

// Writes a temporary file beside `path`, makes it durable and gives it the name. Throws cli::Error
// (io).
void write_durably(const std::string& path, std::string_view content);
// Makes the content of a file durable. False when that is not possible.
bool sync_file(const std::string& path);
// Makes renames and removals inside the folder durable; without effect where that is not possible.
void sync_folder(const std::string& folder);

// One process at a time. The system releases it when the process ends, however it ends.
class FileLock {
 public:
  // Makes the file when it is missing. Throws cli::Error (io) when another process holds it.
  explicit FileLock(const std::string& path);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int descriptor_;
};

struct ProgramResult {
  int exit = -1;       // Exit status; 128 + signal when one ended it; 127 when it could not start.
  std::string output;  // Its standard output, up to a megabyte.
};
// Runs a program (looked for in PATH) to its end. Standard error stays ours. The program is killed
// when this process dies, as on a device that loses power. Throws cli::Error (io) when it cannot be
// started.
ProgramResult run_program(const std::vector<std::string>& arguments);

}  // namespace romdelta::ota
