// WBXML from a server -> check_wbxml, libwbxml2, decode_wbxml, and a device's session that takes
// it.
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/syncml_session.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  romdelta::test::run_syncml({reinterpret_cast<const char*>(data), size},
                             romdelta::ota::Encoding::wbxml);
  return 0;
}
