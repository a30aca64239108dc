// XML from a server -> decode_xml, and a device's session that takes it.
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/syncml_session.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  romdelta::test::run_syncml({reinterpret_cast<const char*>(data), size},
                             romdelta::ota::Encoding::xml);
  return 0;
}
