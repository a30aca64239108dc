// JSON of what packages and super packages both have.
#pragma once

#include <nlohmann/json.hpp>

#include "format/manifest.h"
#include "format/signature.h"

namespace romdelta::pkgtool {

nlohmann::ordered_json image_json(const ImageIdentity& image);
// What any device may be is left out.
nlohmann::ordered_json device_json(const DeviceFilter& device);
nlohmann::ordered_json key_ids_json(const SignatureList& signatures);

}  // namespace romdelta::pkgtool
