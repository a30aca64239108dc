#include "pkgtool/cover.h"

#include "format/bytes.h"

namespace romdelta::pkgtool {

bool is_valid_cover(const Cover& cover, std::uint64_t source_bytes, std::uint64_t target_bytes) {
  std::uint64_t end = 0;
  for (const Match& match : cover) {
    if (match.bytes == 0 || match.target_offset < end) return false;
    if (!range_inside(match.target_offset, match.bytes, target_bytes)) return false;
    if (!range_inside(match.source_offset, match.bytes, source_bytes)) return false;
    end = match.target_offset + match.bytes;
  }
  return true;
}

}  // namespace romdelta::pkgtool
