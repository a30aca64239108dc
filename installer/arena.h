// Arena: a bump allocator over the caller's memory, all the RAM that a Session may use.
#pragma once

#include <cstddef>
#include <new>
#include <span>

#include "format/bytes.h"

namespace romdelta {

class Arena {
 public:
  // Every allocation begins on a cache line of the arena; format/manifest.cc counts the same way.
  static constexpr std::size_t line_bytes = 64;

  Arena() = default;
  explicit Arena(MutableByteSpan memory) : memory_(memory) {}

  // `count` bytes, or false and no change when they do not fit. The bytes are not initialised.
  [[nodiscard]] bool allocate(std::uint64_t count, MutableByteSpan* result) {
    if (!range_inside(used_bytes_, count, memory_.size())) return false;
    const auto bytes = static_cast<std::size_t>(count);
    *result = memory_.subspan(used_bytes_, bytes);
    const auto rounded = static_cast<std::size_t>(round_up(count, line_bytes));
    const std::size_t left = memory_.size() - used_bytes_;
    used_bytes_ += rounded < left ? rounded : left;
    return true;
  }

  // `count` objects as their constructors leave them, or false and no change. They are never
  // destroyed. Requires: the arena begins at a multiple of 8.
  template <typename T>
  [[nodiscard]] bool allocate_objects(std::uint64_t count, std::span<T>* result) {
    static_assert(alignof(T) <= 8);
    MutableByteSpan memory;
    if (count > memory_.size() || !allocate(count * sizeof(T), &memory)) return false;
    const auto objects = static_cast<std::size_t>(count);
    *result = {new (memory.data()) T[objects]{}, objects};
    return true;
  }

  std::size_t size_bytes() const { return memory_.size(); }
  // Nothing is ever given back, so this is also the high-water mark.
  std::size_t used_bytes() const { return used_bytes_; }

 private:
  MutableByteSpan memory_;
  std::size_t used_bytes_ = 0;
};

}  // namespace romdelta
