// ScriptReader: a script in the spill -> groups. docs/format.md section 7.13.
#pragma once

#include "installer/grain_set.h"
#include "installer/script.h"
#include "installer/source_reader.h"
#include "installer/spill.h"

namespace romdelta {

// Told which part of the source a group copies. ok, or the failure that ends the reading.
class CopyObserver {
 public:
  virtual Status copies(std::uint64_t position, std::uint64_t count) = 0;

 protected:
  ~CopyObserver() = default;
};

class ScriptReader {
 public:
  ScriptReader() = default;
  // Script `key`, which has `bytes`. `window` (limits::script_window_bytes) is the caller's.
  ScriptReader(const Spill* spill, std::uint32_t key, std::uint32_t bytes, MutableByteSpan window)
      : spill_(spill), window_(window), key_(key), bytes_(bytes) {}

  // Takes what stands before the first section. malformed_chunk, or the failure of the spill; the
  // same below.
  Status begin();

  // Where the next section begins, to come back to.
  std::uint32_t offset() const { return at_; }
  void seek(std::uint32_t offset) { at_ = offset; }

  // A group, as the section that comes next tells it: where it lies in the target, and its size.
  struct Section {
    std::uint64_t begin = 0;
    std::uint32_t bytes = 0;
  };

  // Moves over a section. `*checksum`: what the group has when it is made.
  Status skip(const Section& section, std::uint32_t* checksum);

  // Reports what a section copies, and moves over it.
  Status report_copies(const Section& section, CopyObserver* observer);

  // Makes the group into `made`. source_damaged when it is not what was unpacked.
  Status make(const Section& section, SourceReader* source, MutableByteSpan made);

 private:
  struct Group;

  Status run(const Section& section, Group* group);
  Status copy(Group* group, std::uint64_t count);
  Status changes(const Group& group, std::uint64_t begin, std::uint64_t count);
  Status change(const Group& group, std::uint64_t begin, std::uint64_t end, std::uint64_t unit,
                std::uint32_t by) const;
  Status literals(Group* group, std::uint64_t count);

  // The next bytes of the script. False once there were too few, or the flash failed: failure_.
  bool take(MutableByteSpan out);
  std::uint64_t varint();
  bool byte(std::uint8_t* out) { return take({out, 1}); }
  std::uint32_t number(std::size_t count);

  const Spill* spill_ = nullptr;
  MutableByteSpan window_;
  std::uint32_t key_ = 0;
  std::uint32_t bytes_ = 0;
  std::uint32_t at_ = 0;
  unsigned unit_bytes_ = 4;
  std::uint64_t expected_ = 0;  // Where the last copy of the group ended.
  RecentChanges recent_;
  Status failure_ = Status::ok;
  std::uint32_t window_begin_ = 0;  // What of the script is in the window;
  std::uint32_t window_end_ = 0;    // nothing when both are equal.
};

}  // namespace romdelta
