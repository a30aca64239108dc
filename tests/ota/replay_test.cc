// The recorded session: our server answers another client's messages as its own server did, and our
// client's messages are built like that client's.
#include <gtest/gtest.h>

#include <pugixml.hpp>
#include <set>

#include "samples/ota/xml_codec.h"
#include "tests/ota/loop.h"
#include "tests/ota/recorded.h"

namespace romdelta::ota {
namespace {

// "1/Alert 200": the reference of a status to a command, the command, and the code.
std::multiset<std::string> statuses_of(const Message& message) {
  std::multiset<std::string> found;
  for (const Command& command : message.commands) {
    if (command.verb != Verb::status) continue;
    found.insert(command.command_ref + '/' + command.command_name + ' ' +
                 std::to_string(command.code));
  }
  return found;
}

DeviceAccount recorded_device() {
  DeviceAccount device;
  device.id = "DMCtest";
  device.client = {AuthType::basic, "funambol", "funambol", ""};
  device.server = {AuthType::md5, "funambol", "srvpwd", ""};
  return device;
}

TEST(Replay, EveryMessageOfTheRecordedClientGetsTheRecordedStatuses) {
  Loop loop;
  loop.offer("update.pks");
  TemporaryFolder folder;
  const Shelf shelf(loop.config, folder.path("work"));
  std::unique_ptr<Campaign> campaign;
  std::unique_ptr<ServerSession> session;
  int count = 0;
  for (int i = 1; i <= 7; ++i) {
    const std::string name = '0' + std::to_string(i);
    const std::string body = recorded(name + "_c2s.xml");
    const Message message = decode_xml(body);
    if (message.message_id == "1") {
      campaign = std::make_unique<Campaign>(loop.config, shelf, &loop.record, loop.now_s);
      session =
          std::make_unique<ServerSession>("http://127.0.0.1:8080/funambol/dm", recorded_device(),
                                          campaign.get(), message.session_id);
    }
    const Message answer = session->answer(message, {body, ""});
    EXPECT_EQ(statuses_of(answer), statuses_of(decode_xml(recorded(name + "_s2c.xml")))) << name;
    EXPECT_EQ(answer.target, "DMCtest");
    EXPECT_EQ(answer.message_id, message.message_id);
    EXPECT_TRUE(session->is_authenticated());
    count += static_cast<int>(statuses_of(answer).size());
  }
  EXPECT_EQ(count, 12);
  EXPECT_EQ(loop.record.info["./DevInfo/Mod"], "test model");
  EXPECT_EQ(loop.record.info["./DevInfo/Ext/Intel/test1"], "data of test1");
}

TEST(Replay, ARefusedAnswerIsGivenAgainWithTheNonceOfTheClient) {
  // Message 6 says 401 and gives a nonce; the recorded server then repeats its Get.
  Loop loop;
  loop.offer("update.pks");
  TemporaryFolder folder;
  const Shelf shelf(loop.config, folder.path("work"));
  Campaign campaign(loop.config, shelf, &loop.record, loop.now_s);
  ServerSession session("http://127.0.0.1:8080/funambol/dm", recorded_device(), &campaign, "2");
  const std::string first = recorded("05_c2s.xml");
  const std::string refusal = recorded("06_c2s.xml");
  const Message before = session.answer(decode_xml(first), {first, ""});
  const Message again = session.answer(decode_xml(refusal), {refusal, ""});
  EXPECT_EQ(commands_of({before}, Verb::get).size(), commands_of({again}, Verb::get).size());
  ASSERT_TRUE(again.credential);
  EXPECT_EQ(again.credential->data, md5_digest("funambol", "srvpwd", "xQkOO3BXkZk="));
}

// Paths of all elements: "SyncML/SyncHdr/VerDTD".
void collect_paths(pugi::xml_node node, const std::string& path, std::set<std::string>* paths) {
  for (const pugi::xml_node child : node.children()) {
    if (child.type() != pugi::node_element) continue;
    const std::string here = path + '/' + child.name();
    paths->insert(here);
    collect_paths(child, here, paths);
  }
}

std::set<std::string> paths_of(const std::string& text) {
  pugi::xml_document document;
  EXPECT_TRUE(document.load_string(text.c_str()));
  std::set<std::string> paths;
  collect_paths(document, "", &paths);
  return paths;
}

// The children of an element in order, each run of equal ones once.
std::string children_of(const std::string& text, const char* path) {
  pugi::xml_document document;
  EXPECT_TRUE(document.load_string(text.c_str()));
  std::string names;
  std::string last;
  for (const pugi::xml_node child : document.first_element_by_path(path).children()) {
    if (child.name() != last) names += (names.empty() ? "" : " ") + std::string(child.name());
    last = child.name();
  }
  return names;
}

class Structure : public testing::Test {
 protected:
  void SetUp() override {
    loop.account.client.type = loop.known.client.type = AuthType::basic;
    loop.offer("update.pks");
    ASSERT_EQ(loop.hold_session(), ClientSession::End::done);
    first = loop.from_client;
    ASSERT_EQ(loop.rig.download_done(), Status::ok);
    ASSERT_EQ(loop.rig.update_done(), Status::ok);
    ASSERT_EQ(loop.hold_session(), ClientSession::End::done);
    second = loop.from_client;
  }

  Loop loop;
  std::vector<Message> first;
  std::vector<Message> second;
};

TEST_F(Structure, TheHeaderHasTheSameElementsInTheSameOrder) {
  const std::string ours = encode_xml(first[0]);
  const std::string theirs = recorded("01_c2s.xml");
  EXPECT_EQ(children_of(ours, "SyncML"), children_of(theirs, "SyncML"));
  EXPECT_EQ(children_of(ours, "SyncML/SyncHdr"), children_of(theirs, "SyncML/SyncHdr"));
  EXPECT_EQ(children_of(ours, "SyncML/SyncHdr/Cred"), children_of(theirs, "SyncML/SyncHdr/Cred"));
}

TEST_F(Structure, PackageOneIsAlertDevInfoFinal) {
  const std::string ours = encode_xml(first[0]);
  const std::string theirs = recorded("01_c2s.xml");
  EXPECT_EQ(children_of(ours, "SyncML/SyncBody"), children_of(theirs, "SyncML/SyncBody"));
  EXPECT_EQ(children_of(ours, "SyncML/SyncBody/Replace"),
            children_of(theirs, "SyncML/SyncBody/Replace"));
  EXPECT_EQ(children_of(ours, "SyncML/SyncBody/Replace/Item"),
            children_of(theirs, "SyncML/SyncBody/Replace/Item"));
}

TEST_F(Structure, TheFinalAlertHasTheSameElements) {
  const auto alert_paths = [](const std::string& text) {
    std::set<std::string> found;
    for (const std::string& path : paths_of(text)) {
      if (path.starts_with("/SyncML/SyncBody/Alert")) found.insert(path);
    }
    return found;
  };
  std::set<std::string> ours = alert_paths(encode_xml(second[0]));
  // The mark, which the recorded client leaves to its default.
  ours.erase("/SyncML/SyncBody/Alert/Item/Meta/Mark");
  EXPECT_EQ(ours, alert_paths(recorded("05_c2s.xml")));
}

TEST_F(Structure, EveryElementOfOurMessagesOccursInTheirs) {
  std::set<std::string> theirs;
  for (int i = 1; i <= 7; ++i) {
    theirs.merge(paths_of(recorded('0' + std::to_string(i) + "_c2s.xml")));
  }
  // What that client leaves out, or had no use for.
  for (const char* path : {"/SyncML/SyncHdr/Meta/MaxObjSize", "/SyncML/SyncBody/Results/TargetRef",
                           "/SyncML/SyncBody/Alert/Item/Meta/Mark"}) {
    theirs.insert(path);
  }
  for (const std::vector<Message>* messages : {&first, &second}) {
    for (const Message& message : *messages) {
      for (const std::string& path : paths_of(encode_xml(message))) {
        EXPECT_TRUE(theirs.contains(path)) << path;
      }
    }
  }
}

}  // namespace
}  // namespace romdelta::ota
