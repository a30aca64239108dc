#include "pkgtool/report_json.h"

#include "installer/cli/command_line.h"
#include "installer/cli/key_text.h"

namespace romdelta::pkgtool {

using Json = nlohmann::ordered_json;
using cli::text_of;
using cli::to_hex;

Json image_json(const ImageIdentity& image) {
  return {{"version", text_of(image.version.view())},
          {"bytes", image.bytes},
          {"digest", to_hex(image.digest.value)}};
}

Json device_json(const DeviceFilter& device) {
  Json json = Json::object();
  if (!device.vendor.empty()) json["vendor"] = text_of(device.vendor.view());
  if (!device.model.empty()) json["model"] = text_of(device.model.view());
  if (device.has_hardware_range) {
    json["hardware_min"] = device.hardware_min;
    json["hardware_max"] = device.hardware_max;
  }
  return json;
}

Json key_ids_json(const SignatureList& signatures) {
  Json ids = Json::array();
  for (const Signature& signature : signatures.view())
    ids.push_back(cli::to_string(signature.key_id));
  return ids;
}

}  // namespace romdelta::pkgtool
