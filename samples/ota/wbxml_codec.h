// SyncML messages as WBXML (application/vnd.syncml.dm+wbxml): libwbxml2 converts from and to the
// XML of xml_codec.h.
#pragma once

#include <string>
#include <string_view>

#include "samples/ota/message.h"

namespace romdelta::ota {

inline constexpr const char* wbxml_media_type = "application/vnd.syncml.dm+wbxml";

enum class Encoding { xml, wbxml };

// WBXML 1.2 with the public id of SyncML 1.2, UTF-8, no string table.
std::string encode_wbxml(const Message& message);

// Throws cli::Error (bad_input). The library sees bytes only that check_wbxml() accepts.
Message decode_wbxml(std::string_view bytes);

// The structure of a SyncML document in WBXML, without its meaning: a header, tags that nest and
// close, strings and opaque data that end inside the document. No attributes, extensions or
// documents inside documents, which DM does not use. Throws cli::Error (bad_input) with the offset.
void check_wbxml(std::string_view bytes);

// By the media type of an HTTP message; parameters ("; charset=UTF-8") are ignored. Throws
// cli::Error (bad_input) for another type.
Encoding encoding_of(std::string_view media_type);
const char* media_type_of(Encoding encoding);

std::string encode(const Message& message, Encoding encoding);
Message decode(std::string_view bytes, Encoding encoding);

}  // namespace romdelta::ota
