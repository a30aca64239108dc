#include "samples/ota/message_log.h"

#include <filesystem>
#include <fstream>
#include <iomanip>
#include <sstream>

#include "installer/cli/error.h"
#include "samples/ota/xml_codec.h"

namespace romdelta::ota {

MessageLog::MessageLog(std::string folder, Encoding encoding)
    : folder_(std::move(folder)), encoding_(encoding) {
  if (!folder_.empty()) std::filesystem::create_directories(folder_);
}

void MessageLog::add(std::uint16_t session_id, const std::string& sender, const Envelope& message) {
  if (folder_.empty()) return;
  std::ostringstream name;
  name << folder_ << "/" << std::setfill('0') << std::setw(4) << std::hex << session_id << std::dec
       << '_' << std::setw(2) << ++count_ << '_' << sender;
  if (encoding_ == Encoding::xml) {
    std::ofstream(name.str() + ".xml", std::ios::binary) << message.body;
    return;
  }
  std::ofstream(name.str() + ".wbxml", std::ios::binary) << message.body;
  try {
    const std::string xml = encode_xml(decode(message.body, encoding_));
    std::ofstream(name.str() + ".xml", std::ios::binary) << xml;
  } catch (const cli::Error&) {
    // What cannot be read is kept as it came.
  }
}

}  // namespace romdelta::ota
