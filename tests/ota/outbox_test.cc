// outbox.h: messages of limited size, and large objects.
#include "samples/ota/outbox.h"

#include <gtest/gtest.h>

#include "installer/cli/error.h"
#include "samples/ota/xml_codec.h"

namespace romdelta::ota {
namespace {

constexpr std::size_t kMessageBytes = 1200;

Message empty_message() {
  Message message;
  message.session_id = message.message_id = "1";
  message.source = "device";
  return message;
}

Command replace(const std::string& data) {
  Command command;
  command.verb = Verb::replace;
  command.items.push_back(make_value("./FwUpdate/a/PkgName", "chr", data));
  return command;
}

// Every message that the outbox fills, each as large as it may be.
std::vector<Message> drained(Outbox* outbox) {
  std::vector<Message> messages;
  do {
    messages.push_back(empty_message());
    outbox->fill(&messages.back());
    EXPECT_LE(encode_xml(messages.back()).size(), kMessageBytes);
  } while (!messages.back().final && messages.size() < 1000);
  return messages;
}

TEST(Outbox, SendsWhatFitsInOneMessage) {
  Outbox outbox(kMessageBytes);
  outbox.push(make_alert(alert::client_session));
  outbox.push(replace("AAAA"));
  const std::vector<Message> messages = drained(&outbox);
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_EQ(messages[0].commands[0].id, 1U);
  EXPECT_EQ(messages[0].commands[1].id, 2U);
}

TEST(Outbox, SpreadsCommandsOverMessages) {
  Outbox outbox(kMessageBytes);
  for (int i = 0; i < 40; ++i) outbox.push(make_status(empty_message(), "1", "Get", status::ok));
  std::size_t count = 0;
  const std::vector<Message> messages = drained(&outbox);
  for (const Message& message : messages) count += message.commands.size();
  EXPECT_GT(messages.size(), 2U);
  EXPECT_EQ(count, 40U);
}

TEST(Outbox, CutsALargeObjectThatTheInboxPutsTogether) {
  std::string data;
  for (int i = 0; i < 9000; ++i) data += i % 97 == 0 ? "&" : i % 89 == 0 ? "\xC3\xA9" : "x";
  Outbox outbox(kMessageBytes);
  outbox.push(replace(data));
  outbox.push(make_alert(alert::next_message));
  const std::vector<Message> messages = drained(&outbox);
  EXPECT_GT(messages.size(), 5U);
  EXPECT_EQ(messages[0].commands[0].items[0].meta.size, data.size());
  EXPECT_FALSE(messages[1].commands[0].items[0].meta.size);
  Inbox inbox;
  std::string arrived;
  for (Message message : messages) {
    Message decoded = decode_xml(encode_xml(message));
    for (Command& command : decoded.commands) {
      EXPECT_FALSE(inbox.is_interrupted_by(command));
      if (command.verb != Verb::replace) continue;
      const bool is_last = !command.items[0].more_data;
      EXPECT_EQ(inbox.take(&command), is_last ? Inbox::State::complete : Inbox::State::piece);
      if (is_last) arrived = *command.items[0].data;
    }
  }
  EXPECT_EQ(arrived, data);
}

TEST(Outbox, SaysThatACommandFitsNowhere) {
  Outbox outbox(300);
  Command exec;
  exec.verb = Verb::exec;
  exec.items.push_back(make_value(std::string(500, 'x'), "chr", ""));
  outbox.push(exec);
  Message message = empty_message();
  EXPECT_THROW(outbox.fill(&message), cli::Error);
}

Command piece(const std::string& data, bool more, std::optional<std::uint64_t> size) {
  Command command = replace(data);
  command.items[0].more_data = more;
  command.items[0].meta.size = size;
  return command;
}

TEST(Inbox, NoticesAnObjectOfAnotherSize) {
  Inbox inbox;
  Command first = piece("abc", true, 7);
  Command last = piece("def", false, {});
  EXPECT_EQ(inbox.take(&first), Inbox::State::piece);
  EXPECT_EQ(inbox.take(&last), Inbox::State::bad_size);
  EXPECT_FALSE(inbox.is_inside_object());
}

TEST(Inbox, NoticesACommandInTheMiddleOfAnObject) {
  Inbox inbox;
  Command first = piece("abc", true, 6);
  EXPECT_EQ(inbox.take(&first), Inbox::State::piece);
  Command get;
  get.verb = Verb::get;
  get.items.emplace_back().target = "./DevInfo";
  EXPECT_FALSE(inbox.is_interrupted_by(make_alert(alert::next_message)));
  EXPECT_TRUE(inbox.is_interrupted_by(get));
  EXPECT_FALSE(inbox.is_interrupted_by(get));
}

TEST(Inbox, RefusesAnObjectWithoutEnd) {
  Inbox inbox;
  Command first = piece("abc", true, limits::object_bytes + 1);
  EXPECT_EQ(inbox.take(&first), Inbox::State::too_large);
  EXPECT_FALSE(inbox.is_inside_object());
}

}  // namespace
}  // namespace romdelta::ota
