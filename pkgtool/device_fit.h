// Would a device take this package? What Session asks of a manifest before it looks at the flash,
// asked of the device's report.
#pragma once

#include <string>

#include "format/manifest.h"
#include "pkgtool/catalog.h"
#include "pkgtool/device_report.h"

namespace romdelta::pkgtool {

// The status that the device would refuse the package with, whatever it has installed and as far as
// the report tells; else ok. Source and security counter are for chain.h.
Status fit(const Manifest& manifest, const DeviceTraits& device, const ReportedPackage& package);

// Why, in a few words with the numbers: "it needs 300,000 bytes of RAM, the device gives 262,144".
// Requires: `refusal` is what fit() said.
std::string describe_misfit(Status refusal, const Manifest& manifest, const DeviceTraits& device,
                            const ReportedPackage& package);

// Why the device would refuse the super package whatever its members are; empty: it would not.
std::string describe_misfit(const CatalogSuper& super, const DeviceTraits& device);

}  // namespace romdelta::pkgtool
