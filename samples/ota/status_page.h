// The server's page for people: devices, what they have, how their updates ended. Everything that a
// device said is text there, never markup.
#pragma once

#include <string>
#include <vector>

#include "samples/ota/device_record.h"
#include "samples/ota/server_config.h"

namespace romdelta::ota {

// A whole HTML document. It loads nothing, and itself again after some seconds.
std::string status_page(const ServerConfig& config, const std::vector<DeviceRecord>& devices,
                        std::uint64_t now_s);
// The same facts for programs: {"schema": 1, "release": ..., "devices": [...]}.
std::string status_json(const ServerConfig& config, const std::vector<DeviceRecord>& devices);

}  // namespace romdelta::ota
