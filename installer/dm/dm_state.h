// The states of a FUMO object and the arrows between them: Figure 2 of FUMO 1.0. docs/dm.md.
#pragma once

#include <cstdint>

namespace romdelta {

// FUMO's own numbers, as x/State reads. Written to flash: never renumber.
enum class DmState : std::uint8_t {
  idle = 10,
  download_failed = 20,
  downloading = 30,
  downloaded = 40,
  ready = 50,
  updating = 60,
  failed_have_data = 70,
  failed_no_data = 80,
  updated_have_data = 90,
  updated_no_data = 100,
};

bool is_dm_state(std::uint8_t number);

// True when Figure 2 has this arrow.
bool is_dm_arrow(DmState from, DmState to);

// What an Exec asked for. Written to flash: never renumber.
enum class DmOperation : std::uint8_t {
  none = 0,
  download = 1,
  update = 2,
  download_and_update = 3,
};

// How far an operation is. Written to flash: never renumber.
enum class DmPhase : std::uint8_t {
  none = 0,      // There is no operation.
  download = 1,  // The download agent's turn.
  update = 2,    // The update agent's turn.
  alert = 3,     // Ended: the final alert has not been answered yet.
};

}  // namespace romdelta
