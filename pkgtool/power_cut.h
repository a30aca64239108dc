// PowerCut: what may lie on the flashes after power failed during one operation, and every other
// fault that a device is put through, each with a line of text that names it.
//
//   fault         what happens
//   cut_before    power fails before the operation
//   cut_after     power fails after it, before the engine hears of it
//   torn_program  some units are programmed; the next is blank but weak, partly or wrongly
//   programmed torn_erase    some blocks are erased; the next partly, or it is all zero, noise, or
//   blank but weak unstable      every unit of the operation reads old, new or noise, read by read,
//   until erased unsynced      of what a volatile cache held, a subset is lost io_*          the
//   operation fails, once or from then on, having done nothing, half or all of it misdirected   a
//   program goes to another place of the same flash duplicated    a program goes to another place,
//   too flip          one or two bits of a part change between two boots watchdog      power fails
//   every `op` operations, for ever
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pkgtool/simulated_storage.h"

namespace romdelta::pkgtool {

enum class FaultKind : std::uint8_t {
  cut_before,
  cut_after,
  torn_program,
  torn_erase,
  unstable,
  unsynced,
  io_read,
  io_erase,
  io_program,
  io_sync,
  misdirected,
  duplicated,
  flip,
  watchdog,
};
inline constexpr std::size_t fault_kind_count = 14;
const char* to_string(FaultKind kind);

struct Fault {
  FaultKind kind = FaultKind::cut_before;
  // Which operation, counted from 0 over all flashes of a boot; of io_* among its own kind.
  std::uint64_t op = 0;
  std::uint32_t variant = 0;
  std::uint64_t seed = 0;
  friend auto operator<=>(const Fault&, const Fault&) = default;
};

// Faults of one boot after the other: "op=12 fault=torn_program variant=3 seed=1 then op=...".
using FaultPath = std::vector<Fault>;
std::string to_string(const FaultPath& path);
// Nothing when the text is no such line.
std::optional<FaultPath> parse_fault_path(std::string_view text);

// How many variants are tried of what could be tried without end.
struct FaultLimits {
  std::size_t prefixes = 16;  // Units after which a program, blocks after which an erase is torn.
  std::size_t subsets = 64;   // Of more than 8 writes that were not synced, at random.
  std::size_t losses = 256;   // Of those, and of prefixes, single losses and single survivors.
  bool every_style = true;    // Else one or two ways to tear a unit or a block.
};

// Every way in which power can fail at this operation. `storage` is as it was before.
std::vector<Fault> cuts_at(const SimulatedStorage& storage, const FlashOp& op, std::uint64_t index,
                           const FaultLimits& limits, std::uint64_t seed);

// Makes of the storage before the operation what the cut leaves. False when the fault is none of a
// cut at such an operation.
bool cut_power(SimulatedStorage* storage, const FlashOp& op, const Fault& fault);

// Variant of misdirected: the write goes nowhere at all, and nobody says so.
inline constexpr std::uint32_t stray_nowhere = 1;

// What io_* faults do.
struct IoFault {
  enum class Effect : std::uint8_t { none, half, all };
  bool for_good = false;
  Effect effect = Effect::none;
};
inline constexpr std::uint32_t io_fault_variants = 6;
IoFault io_fault(std::uint32_t variant);

}  // namespace romdelta::pkgtool
