// What fuzz_syncml_xml and fuzz_syncml_wbxml share: a message of a server, as far as it can be
// read, is made one of a session that the device believes in, and carried out.
#pragma once

#include "samples/ota/message.h"
#include "samples/ota/wbxml_codec.h"

namespace romdelta::test {

// Reads the bytes; what can be read must come back the same from its encoding. Then a device's
// session takes it as the answer to package 1, and again and again as long as the session goes on.
void run_syncml(std::string_view bytes, ota::Encoding encoding);

}  // namespace romdelta::test
