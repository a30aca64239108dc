// Keeps every SyncML message of a session as a file, as XML to read and as the bytes that went over
// the line: 0003_01_client.xml, 0003_01_client.wbxml, ...
#pragma once

#include <string>

#include "samples/ota/wbxml_codec.h"

namespace romdelta::ota {

class MessageLog {
 public:
  // `folder` empty: nothing is kept. It is made when it is missing.
  MessageLog(std::string folder, Encoding encoding);

  void add(std::uint16_t session_id, const std::string& sender, const Envelope& message);

 private:
  std::string folder_;
  Encoding encoding_;
  int count_ = 0;
};

}  // namespace romdelta::ota
