// DeviceState: what the DM client itself has to know after a reboot, beside what the adapter keeps.
// A small JSON file, replaced as a whole: power loss leaves the one before or this one.
#pragma once

#include <cstdint>
#include <string>

#include "samples/ota/notification.h"

namespace romdelta::ota {

struct DeviceState {
  std::string client_nonce;
  std::string server_nonce;
  std::string server_nonce_before;         // When the server may not have got the newest.
  std::uint16_t session_id = 0;            // Of the last session that the device began.
  UiMode ui_mode = UiMode::not_specified;  // Of the notification before the last Exec.

  // About the operation of the adapter with this number.
  std::uint32_t accepted = 0;     // The user agreed.
  std::uint32_t postponed = 0;    // The user wants to be asked again,
  std::uint64_t ask_again_s = 0;  // at this time (of the system's clock),
  std::uint64_t postpones = 0;    // after so many times.
  std::uint32_t installed = 0;    // The installer was successful; the reboot is due or done.
};

// The state as it was saved; a first one when there is none or it cannot be read: the nonces of
// the configuration then serve, and one more challenge.
DeviceState load_state(const std::string& path);
// Durable when it returns. Throws cli::Error (io).
void save_state(const DeviceState& state, const std::string& path);

}  // namespace romdelta::ota
