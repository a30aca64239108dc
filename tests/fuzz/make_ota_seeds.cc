// Writes the seeds of the over-the-air sample's fuzz targets below the directory given: the
// recorded messages of a server in both encodings, messages with the commands that they lack, and a
// push.
#include <filesystem>
#include <fstream>
#include <iostream>

#include "samples/ota/notification.h"
#include "samples/ota/wbxml_codec.h"
#include "samples/ota/xml_codec.h"
#include "tests/ota/recorded.h"

namespace romdelta::ota {
namespace {

std::filesystem::path seeds_directory;

void write_seed(const std::string& target, const std::string& name, const std::string& bytes) {
  const std::filesystem::path directory = seeds_directory / target;
  std::filesystem::create_directories(directory);
  std::ofstream file(directory / name, std::ios::binary);
  file << bytes;
  if (!file.flush()) throw std::runtime_error("cannot write " + name);
}

void write_message(const std::string& name, const Message& message) {
  write_seed("fuzz_syncml_xml", name + ".xml", encode_xml(message));
  write_seed("fuzz_syncml_wbxml", name + ".wbxml", encode_wbxml(message));
}

Command command(Verb verb, std::uint32_t id, const std::string& target,
                const std::string& data = {}) {
  Command result;
  result.verb = verb;
  result.id = id;
  result.items.push_back(make_value(target, data.empty() ? "" : "chr", data));
  if (data.empty()) result.items[0].data.reset();
  return result;
}

Message empty_message() {
  Message message;
  message.session_id = message.message_id = "1";
  message.source = "http://server.example/dm";
  message.target = "IMEI:1";
  message.final = true;
  return message;
}

void write_messages() {
  for (int i = 1; i <= 7; ++i) {
    const std::string name = '0' + std::to_string(i) + "_s2c";
    write_message("recorded-" + name, decode_xml(recorded(name + ".xml")));
  }
  Message tree = empty_message();
  tree.commands = {command(Verb::get, 2, "./DevDetail?list=StructData"),
                   command(Verb::replace, 3, "./FwUpdate/A/PkgName", "name"),
                   command(Verb::remove, 4, "./FwUpdate/A"), command(Verb::copy, 5, "./DevInfo")};
  write_message("tree", tree);
  Message object = empty_message();
  object.commands = {command(Verb::add, 2, "./FwUpdate/B/Update/PkgData", "AAECAwQF")};
  object.commands[0].items[0].meta.format = "b64";
  object.commands[0].items[0].meta.size = 12;
  object.commands[0].items[0].more_data = true;
  object.final = false;
  write_message("piece", object);
  Message sequence = empty_message();
  Command outer = command(Verb::sequence, 2, "");
  outer.items.clear();
  outer.commands = {command(Verb::get, 3, "."), command(Verb::exec, 4, "./FwUpdate/A/Download")};
  outer.commands[1].correlator = "c";
  sequence.commands = {outer, make_alert(alert::next_message), make_alert(1101)};
  sequence.commands[1].id = 5;
  sequence.commands[2].id = 6;
  write_message("sequence", sequence);
}

}  // namespace
}  // namespace romdelta::ota

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: make_ota_seeds DIRECTORY\n";
    return 2;
  }
  using namespace romdelta::ota;
  seeds_directory = argv[1];
  write_messages();
  const std::string push = wrap_push(encode_notification(
      {UiMode::interaction, true, 7, "srv"}, {AuthType::md5, "srv", "another", "nonce"}));
  write_seed("fuzz_notification", "push", push);
  write_seed("fuzz_notification", "push-with-vendor", push + "vendor");
  write_seed("fuzz_notification", "package", push.substr(6));
  return 0;
}
