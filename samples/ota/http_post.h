// The client's transport: one SyncML message out, one back (OMA DM over HTTP).
#pragma once

#include <string>

#include "samples/ota/wbxml_codec.h"

namespace romdelta::ota {

// Throws cli::Error (io) when the server is not reached or answers otherwise than with a message,
// and (bad_input) for a message of another media type than ours.
Envelope post_message(const std::string& url, Encoding encoding, const Envelope& message);

}  // namespace romdelta::ota
