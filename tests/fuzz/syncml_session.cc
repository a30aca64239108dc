#include "tests/fuzz/syncml_session.h"

#include "installer/cli/error.h"
#include "samples/ota/client_session.h"
#include "samples/ota/xml_codec.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/support/dm_rig.h"

namespace romdelta::test {
namespace {

using namespace romdelta::ota;

constexpr int kAnswersMax = 4;

Account account_at(const std::string& server_id, Encoding encoding) {
  Account account;
  account.server_url = "http://server.example/dm";
  account.client = {AuthType::basic, "user", "secret", ""};
  account.server = {AuthType::basic, server_id, "secret", ""};
  account.encoding = encoding;
  account.message_bytes_max = 4096;
  return account;
}

// The message as one of this session, from a server with the right password.
Message believed(Message message, int number) {
  message.version_protocol = "DM/1.2";
  message.session_id = "1";
  message.message_id = std::to_string(number);
  message.credential =
      Credential{{"b64", "syncml:auth-basic", "", "", {}, {}, {}}, basic_digest("srv1", "secret")};
  Command accepted;
  accepted.verb = Verb::status;
  accepted.message_ref = std::to_string(number);
  accepted.command_ref = "0";
  accepted.command_name = "SyncHdr";
  accepted.code = status::authenticated;
  message.commands.insert(message.commands.begin(), accepted);
  if (message.commands.size() > limits::commands) message.commands.resize(limits::commands);
  return message;
}

void run_session(const Message& message) {
  DmRig rig;
  require(rig.restart(), "the device starts");
  rig.make_object("A");
  DmTree tree(rig.dm.get(), {"IMEI:1", "Example", "x1", "en", "1", "1"});
  ClientSession session(account_at(rig.server, Encoding::xml), "IMEI:1", rig.dm.get(), &tree,
                        {1, true});
  std::optional<Envelope> ours = session.begin();
  for (int i = 1; ours && i <= kAnswersMax; ++i) {
    const Message sent = decode_xml(ours->body);
    require(!sent.commands.empty(), "an answer says something");
    const std::string text = encode_xml(believed(message, i));
    if (text.size() > limits::message_bytes) return;
    ours = session.answer({text, ""});
  }
  tree.drop_object();
  require(rig.restart(), "the device starts again");
}

}  // namespace

void run_syncml(std::string_view bytes, Encoding encoding) {
  std::string text;
  try {
    const Message message = decode(bytes, encoding);
    text = encode_xml(message);
    if (text.size() > limits::message_bytes) return;
    require(encode_xml(decode_xml(text)) == text, "what was read is written and read alike");
  } catch (const cli::Error&) {
    require(text.empty(), "what was written can be read");
    return;
  }
  try {
    run_session(decode_xml(text));
  } catch (const cli::Error& error) {
    // A command that is larger than any message: said, not sent.
    require(error.exit() == cli::Exit::internal || error.exit() == cli::Exit::bad_input,
            "nothing else goes wrong");
  }
}

}  // namespace romdelta::test
