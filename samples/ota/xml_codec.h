// SyncML messages as XML text (application/vnd.syncml.dm+xml).
#pragma once

#include <string>
#include <string_view>

#include "samples/ota/message.h"

namespace romdelta::ota {

inline constexpr const char* xml_media_type = "application/vnd.syncml.dm+xml";

std::string encode_xml(const Message& message);

// The bytes that a command takes in a message, for messages that must not exceed a size. WBXML
// takes less.
std::size_t xml_bytes(const Command& command);

// Takes what a stranger sent: elements in any order, unknown ones skipped, and everything bounded
// by `limits`. Throws cli::Error (bad_input) naming the element, or the offset where the text is no
// XML.
Message decode_xml(std::string_view text);

}  // namespace romdelta::ota
