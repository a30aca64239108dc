// xml_codec.h and wbxml_codec.h.
#include <gtest/gtest.h>

#include "installer/cli/error.h"
#include "samples/ota/wbxml_codec.h"
#include "samples/ota/xml_codec.h"
#include "tests/ota/recorded.h"
#include "tests/support/random.h"

namespace romdelta::ota {
namespace {

// Says what the error says; empty when there is none.
template <typename Function>
std::string error_of(Function function) {
  try {
    function();
  } catch (const cli::Error& error) {
    return std::string(error.what()) + " at " + error.where();
  }
  return {};
}

std::string xml_error(const std::string& text) {
  return error_of([&] { (void)decode_xml(text); });
}

std::string wbxml_error(const std::string& bytes) {
  return error_of([&] { (void)decode_wbxml(bytes); });
}

// A message with everything that the model has.
Message rich_message() {
  Message message;
  message.session_id = "1F";
  message.message_id = "3";
  message.target = "http://server.example/dm?a=1&b=2";
  message.source = "IMEI:493005100592800";
  message.source_name = "Bruce1";
  message.credential = Credential{{"b64", "syncml:auth-md5", "", "", {}, {}, {}}, "NTI2OTJh"};
  message.meta.max_msg_size = 16384;
  message.meta.max_obj_size = 1048576;
  Command alert = make_alert(alert::generic);
  alert.id = 1;
  alert.correlator = "abc-123";
  Item result = make_value("", "int", "200");
  result.source = "./FwUpdate/Pkg1/DownloadAndUpdate";
  result.meta.type = "org.openmobilealliance.dm.firmwareupdate.downloadandupdate";
  result.meta.mark = "critical";
  alert.items.push_back(result);
  Command status = make_status(message, "0", "SyncHdr", status::authenticated);
  status.id = 2;
  status.target_refs = {"http://server.example/dm"};
  status.source_refs = {"IMEI:493005100592800"};
  status.challenge = Credential{{"b64", "syncml:auth-md5", "", "LG3iZQhhdmKNHg==", {}, {}, {}}, ""};
  Command replace;
  replace.verb = Verb::replace;
  replace.id = 3;
  replace.items.push_back(make_value("./FwUpdate/a/Update/PkgData", "b64", "AAECAwQF"));
  replace.items[0].meta.size = 4096;
  replace.items[0].more_data = true;
  replace.items.push_back(
      make_value("./FwUpdate/a/PkgName", "chr", "Shell & <ROM> \"1\" \xC3\xA9"));
  Command sequence;
  sequence.verb = Verb::sequence;
  sequence.id = 4;
  sequence.commands.push_back(replace);
  sequence.commands[0].id = 5;
  message.commands = {alert, status, replace, sequence};
  message.final = true;
  return message;
}

TEST(XmlCodec, AMessageComesBackAsItWas) {
  EXPECT_EQ(decode_xml(encode_xml(rich_message())), rich_message());
}

TEST(XmlCodec, SizesOfCommandsAreThoseInMessages) {
  Message message = rich_message();
  const std::size_t all = encode_xml(message).size();
  const std::size_t last = xml_bytes(message.commands.back());
  message.commands.pop_back();
  EXPECT_EQ(encode_xml(message).size(), all - last);
}

TEST(XmlCodec, EveryRecordedMessageIsUnderstood) {
  for (int i = 1; i <= 7; ++i) {
    for (const char* side : {"_c2s.xml", "_s2c.xml"}) {
      const Message message = decode_xml(recorded('0' + std::to_string(i) + side));
      EXPECT_EQ(message.version_protocol, "DM/1.2");
      EXPECT_TRUE(message.final);
      EXPECT_FALSE(message.commands.empty());
    }
  }
  const Message alert = decode_xml(recorded("05_c2s.xml"));
  EXPECT_EQ(alert.commands[0].code, alert::generic);
  EXPECT_EQ(alert.commands[0].correlator, "abc123");
  EXPECT_EQ(alert.commands[0].items[0].data, "200");
  EXPECT_EQ(alert.credential->meta.type, "syncml:auth-basic");
}

TEST(XmlCodec, WhatIsMissingOrWrongIsNamed) {
  const std::string text = recorded("01_c2s.xml");
  const auto without = [&](const std::string& part, const std::string& instead) {
    std::string copy = text;
    const std::size_t at = copy.find(part);
    EXPECT_NE(at, std::string::npos) << part;
    return copy.replace(at, part.size(), instead);
  };
  EXPECT_EQ(xml_error(text), "");
  EXPECT_EQ(xml_error(""), "not XML: No document element found at offset 0");
  EXPECT_EQ(xml_error(text.substr(0, 600)).substr(0, 8), "not XML:");
  EXPECT_EQ(xml_error("<html/>"), "the root element is not SyncML at /html");
  EXPECT_EQ(xml_error(without("<CmdID>2</CmdID>", "")),
            "a command without CmdID at /SyncML/SyncBody/Replace");
  EXPECT_EQ(xml_error(without("<CmdID>2</CmdID>", "<CmdID>-2</CmdID>")),
            "not a number: '-2' at /SyncML/SyncBody/Replace/CmdID");
  EXPECT_EQ(xml_error(without("<Data>1201</Data>", "")),
            "an Alert or Status without Data at /SyncML/SyncBody/Alert");
  EXPECT_EQ(xml_error(without("<SessionID>1</SessionID>", "<SessionID> </SessionID>")),
            "SessionID, MsgID or Source is missing at /SyncML/SyncHdr");
  EXPECT_EQ(xml_error(without("16384", "99999999999999999999999")),
            "not a number: '99999999999999999999999' at /SyncML/SyncHdr/Meta/MaxMsgSize");
}

TEST(XmlCodec, WhatIsTooMuchIsRefused) {
  std::string deep = "<SyncML><SyncHdr/><SyncBody>";
  for (int i = 0; i < 50'000; ++i) deep += "<A>";
  EXPECT_NE(xml_error(deep).find("not XML"), std::string::npos);
  std::string closed = "<SyncML><SyncHdr/><SyncBody>";
  for (int i = 0; i < 30; ++i) closed += "<Sequence>";
  for (int i = 0; i < 30; ++i) closed += "</Sequence>";
  EXPECT_EQ(xml_error(closed + "</SyncBody></SyncML>"), "elements nest too deep at /SyncML");
  EXPECT_EQ(xml_error(std::string(limits::message_bytes + 1, ' ')),
            "the message is too large at SyncML");
  Message message = rich_message();
  message.commands.assign(limits::commands + 1, make_alert(alert::next_message));
  EXPECT_NE(xml_error(encode_xml(message)).find("too many commands"), std::string::npos);
}

TEST(XmlCodec, EntitiesOfTheDocumentAreNotExpanded) {
  std::string text = encode_xml(rich_message());
  text.insert(text.find("<SyncML"),
              "<!DOCTYPE SyncML [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>");
  const std::string name = "Bruce1";
  text.replace(text.find(name), name.size(), "&x;");
  EXPECT_EQ(decode_xml(text).source_name, "&x;");
}

TEST(WbxmlCodec, AMessageComesBackAsItWas) {
  EXPECT_EQ(decode_wbxml(encode_wbxml(rich_message())), rich_message());
}

TEST(WbxmlCodec, TheHeaderIsThatOfSyncMl12) {
  const std::string bytes = encode_wbxml(rich_message());
  EXPECT_EQ(bytes.substr(0, 5), std::string("\x02\xA4\x01\x6A\x00", 5));
}

TEST(WbxmlCodec, EveryRecordedMessageMeansTheSame) {
  for (int i = 1; i <= 7; ++i) {
    for (const char* side : {"_c2s.xml", "_s2c.xml"}) {
      const std::string text = recorded('0' + std::to_string(i) + side);
      const Message message = decode_xml(text);
      const std::string bytes = encode_wbxml(message);
      EXPECT_LT(bytes.size(), text.size());
      EXPECT_EQ(decode_wbxml(bytes), message);
    }
  }
}

TEST(WbxmlCodec, NoPrefixOfAMessageIsAMessage) {
  const std::string bytes = encode_wbxml(rich_message());
  for (std::size_t i = 0; i < bytes.size(); ++i) EXPECT_NE(wbxml_error(bytes.substr(0, i)), "");
  EXPECT_EQ(wbxml_error(bytes + '\0'),
            "bytes follow the document at offset " + std::to_string(bytes.size()));
}

TEST(WbxmlCodec, WhatSyncMlDoesNotUseIsRefused) {
  const std::string head("\x02\xA4\x01\x6A\x00", 5);
  EXPECT_EQ(wbxml_error(head + "\xED\x01"), "a token that SyncML does not use at offset 5");
  EXPECT_EQ(wbxml_error(head + std::string("\x00\x07", 2)), "an unknown code page at offset 6");
  EXPECT_EQ(wbxml_error(head + "\x6D\xC3\xFF\xFF\xFF\x7F"), "the document ends early at offset 11");
  EXPECT_EQ(wbxml_error(head + "\x6D\x83\x00"), "the document ends early at offset 7");
  EXPECT_EQ(wbxml_error(std::string("\x02\xA4\x01\x04\x00", 5)),
            "the character set is not UTF-8 at offset 3");
  EXPECT_EQ(wbxml_error(head + std::string(30, '\x6D')), "elements nest too deep at offset 22");
}

TEST(WbxmlCodec, DamageIsRefusedOrHarmless) {
  test::Random random = test::seeded_random();
  const std::string good = encode_wbxml(rich_message());
  for (int i = 0; i < 5000; ++i) {
    std::string bytes = good;
    for (std::uint64_t n = random() % 4 + 1; n > 0; --n) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    (void)wbxml_error(bytes);
  }
}

TEST(MediaType, NamesTheEncoding) {
  EXPECT_EQ(encoding_of("application/vnd.syncml.dm+xml"), Encoding::xml);
  EXPECT_EQ(encoding_of("application/vnd.syncml.dm+wbxml; charset=UTF-8"), Encoding::wbxml);
  EXPECT_NE(error_of([] { (void)encoding_of("text/html"); }), "");
}

}  // namespace
}  // namespace romdelta::ota
