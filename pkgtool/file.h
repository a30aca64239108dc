// Files: images read, results written whole or not at all.
#pragma once

#include <string>

#include "installer/cli/key_text.h"
#include "pkgtool/pipeline.h"

namespace romdelta::pkgtool {

using cli::read_text;

// A file mapped for reading. Throws Error (bad_input) when it cannot be read.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ByteSpan bytes() const { return bytes_; }

 private:
  ByteSpan bytes_;
};

// Says that these bytes, of a MappedFile or not, will not be read for a while: what the file can
// give again need not stay in memory. Changes nothing but that.
void expect_no_use(ByteSpan bytes);

struct WriteOptions {
  bool may_replace = true;
  unsigned mode = 0644;
};

// Writes `bytes` beside `path`, makes them durable and renames: `path` holds all of them or what it
// held before. A device or a pipe is written to as it is. "-" is standard output. Throws Error
// (io), or (usage) when `path` exists and may not be replaced.
void write_file(const std::string& path, ByteSpan bytes, const WriteOptions& options = {});
void write_text(const std::string& path, const std::string& text, const WriteOptions& options = {});

}  // namespace romdelta::pkgtool
