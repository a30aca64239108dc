// Kernels: the few inner loops worth vector instructions, one table an instruction set.
//
// A kernel file includes this header and its intrinsics only and keeps everything else static: an
// inline function compiled for a newer CPU must never win at link time.
#pragma once

#include <cstddef>
#include <cstdint>

namespace romdelta {

struct Kernels {
  const char* name;
  // target[i] += difference[i] (mod 256): predict-and-add. The ranges do not overlap.
  void (*add_bytes)(std::uint8_t* target, const std::uint8_t* difference, std::size_t count);
  // Index of the first byte equal to `value`, or `count`: the next zero-run mark.
  std::size_t (*find_byte)(const std::uint8_t* bytes, std::size_t count, std::uint8_t value);
  // Index of the first byte other than `value`, or `count`: the erased check.
  std::size_t (*find_not)(const std::uint8_t* bytes, std::size_t count, std::uint8_t value);
  // Index of the first difference, or `count`: compare.
  std::size_t (*mismatch)(const std::uint8_t* a, const std::uint8_t* b, std::size_t count);
};

// The tables that this CPU can run, best last, closed by nullptr. "scalar" is always the first.
const Kernels* const* available_kernels();
// The available table of that name, or nullptr.
const Kernels* kernels_by_name(const char* name);
// The fastest available table.
const Kernels& best_kernels();

}  // namespace romdelta
