// Client and server against each other: the server's items S1 to S4 of the derived conformance list
// (docs/ota.md), authentication in sessions, large objects, and what both do about bad answers.
#include <gtest/gtest.h>

#include "installer/cli/error.h"
#include "samples/ota/xml_codec.h"
#include "tests/ota/loop.h"

namespace romdelta::ota {
namespace {

using End = ClientSession::End;

class Sessions : public testing::TestWithParam<Encoding> {
 protected:
  // The device does what it was told, and how that ended.
  void carry_out(Status download, Status update = Status::ok) {
    ASSERT_EQ(loop.rig.download_done(download), Status::ok);
    if (download != Status::ok) return;
    ASSERT_EQ(loop.rig.update_started(), Status::ok);
    ASSERT_EQ(loop.rig.update_done(update), Status::ok);
  }
  // The codes of the statuses that the server sent for commands of this kind.
  std::vector<int> answers(const std::string& name) const {
    std::vector<int> codes;
    for (const Command& status : commands_of(loop.from_server, Verb::status)) {
      if (status.command_name == name) codes.push_back(status.code);
    }
    return codes;
  }

  Loop loop{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Encodings, Sessions, testing::Values(Encoding::xml, Encoding::wbxml),
                         [](const auto& tested) {
                           return tested.param == Encoding::xml ? "Xml" : "Wbxml";
                         });

TEST_P(Sessions, S1TheServerSendsExecToTheSupportedNode) {
  for (const auto& [delivery, operation] :
       {std::pair{Delivery::download_and_update, "DownloadAndUpdate"},
        std::pair{Delivery::download_then_update, "Download"},
        std::pair{Delivery::push, "Update"}}) {
    Loop device(GetParam());
    device.config.delivery = delivery;
    device.offer("p.pku");
    write_file(device.config.catalog + "/p.pku", "a package");
    EXPECT_EQ(device.hold_session(), End::done);
    const std::vector<Command> execs = commands_of(device.from_server, Verb::exec);
    ASSERT_EQ(execs.size(), 1U);
    EXPECT_EQ(execs[0].items[0].target, std::string("./FwUpdate/update1/") + operation);
    EXPECT_EQ(execs[0].correlator, "operation-1");
    EXPECT_EQ(device.record.phase, Phase::executing);
    ASSERT_TRUE(device.rig.task());
  }
}

TEST_P(Sessions, S1ADownloadThatWasReportedIsFollowedByExecOfUpdate) {
  loop.config.delivery = Delivery::download_then_update;
  loop.offer("p.pku");
  EXPECT_EQ(loop.hold_session(), End::done);
  ASSERT_EQ(loop.rig.download_done(), Status::ok);
  EXPECT_EQ(loop.hold_session(), End::done);
  const std::vector<Command> execs = commands_of(loop.from_server, Verb::exec);
  ASSERT_EQ(execs.size(), 1U);
  EXPECT_EQ(execs[0].items[0].target, "./FwUpdate/update1/Update");
  ASSERT_EQ(loop.rig.update_done(), Status::ok);
  loop.offer("");
  EXPECT_EQ(loop.hold_session(), End::done);
  EXPECT_EQ(loop.record.phase, Phase::done);
  ASSERT_EQ(loop.record.results.size(), 2U);
  EXPECT_EQ(loop.record.results[0].type, "download");
  EXPECT_EQ(loop.record.results[1].type, "update");
}

TEST_P(Sessions, S2TheServerSetsThePkgUrl) {
  loop.offer("p.pku");
  EXPECT_EQ(loop.hold_session(), End::done);
  EXPECT_EQ(loop.rig.value("./FwUpdate/update1/DownloadAndUpdate/PkgURL"),
            "http://packages.example/p.pku");
  EXPECT_EQ(loop.rig.value("./FwUpdate/update1/PkgVersion"), "2.0");
}

TEST_P(Sessions, S2TheServerSendsPkgDataAsALargeObject) {
  loop.config.delivery = Delivery::push;
  loop.account.message_bytes_max = 4096;
  std::string package;
  for (int i = 0; i < 60'000; ++i) package += static_cast<char>(i * i >> 4);
  write_file(loop.config.catalog + "/p.pku", package);
  loop.offer("p.pku");
  EXPECT_EQ(loop.hold_session(), End::done);
  EXPECT_EQ(loop.rig.incoming["update1"], package);
  EXPECT_EQ(loop.rig.state("update1"), 60);
  for (const Message& message : loop.from_server) {
    EXPECT_LE(encode_xml(message).size(), loop.account.message_bytes_max);
  }
}

TEST_P(Sessions, S2APackageThatTheDeviceHasNoRoomForIsNotExecuted) {
  loop.config.delivery = Delivery::push;
  loop.account.message_bytes_max = 4096;
  write_file(loop.config.catalog + "/p.pku", std::string(60'000, 'x'));
  loop.offer("p.pku");
  loop.rig.store_is_full = true;
  EXPECT_EQ(loop.hold_session(), End::done);
  EXPECT_EQ(loop.record.phase, Phase::stopped);
  EXPECT_NE(loop.record.note.find("was answered 420"), std::string::npos) << loop.record.note;
  EXPECT_FALSE(loop.rig.task());
}

TEST_P(Sessions, S3TheFinalAlertIsAnsweredAndItsResultKept) {
  loop.offer("p.pku");
  EXPECT_EQ(loop.hold_session(), End::done);
  carry_out(Status::ok, Status::bad_signature);
  EXPECT_EQ(loop.rig.alert_count(), 1U);
  EXPECT_EQ(loop.hold_session(), End::done);
  EXPECT_EQ(answers("Alert"), (std::vector<int>{200, 200}));
  EXPECT_EQ(loop.rig.alert_count(), 0U);
  ASSERT_EQ(loop.record.results.size(), 1U);
  EXPECT_EQ(loop.record.results[0].code, 404);
  EXPECT_EQ(loop.record.phase, Phase::stopped);
}

TEST_P(Sessions, S3AnAlertWithoutCorrelatorIsTaken) {
  loop.config.with_correlator = false;
  loop.offer("p.pku");
  EXPECT_EQ(loop.hold_session(), End::done);
  carry_out(Status::ok);
  loop.offer("");
  EXPECT_EQ(loop.hold_session(), End::done);
  EXPECT_EQ(loop.record.phase, Phase::done);
}

TEST_P(Sessions, S3AnAlertThatIsToldTwiceCountsOnce) {
  loop.offer("p.pku");
  EXPECT_EQ(loop.hold_session(), End::done);
  carry_out(Status::network_failed);
  // The answer is lost: the device tells it again.
  loop.tamper = [](Message* message) {
    std::erase_if(message->commands,
                  [](const Command& command) { return command.command_name == "Alert"; });
  };
  EXPECT_EQ(loop.hold_session(), End::done);
  EXPECT_EQ(loop.rig.alert_count(), 1U);
  loop.tamper = {};
  EXPECT_EQ(loop.hold_session(), End::done);
  EXPECT_EQ(loop.rig.alert_count(), 0U);
  ASSERT_EQ(loop.record.results.size(), 1U);
  EXPECT_EQ(loop.record.results[0].code, 503);
}

TEST_P(Sessions, S4ARequestOfTheDeviceIsAnswered) {
  loop.offer("");
  EXPECT_EQ(loop.hold_session(), End::done);
  EXPECT_EQ(loop.record.phase, Phase::done);
  for (const auto kind : {ROMDELTA_DM_USER_REQUEST, ROMDELTA_DM_DEVICE_REQUEST}) {
    ASSERT_EQ(romdelta_dm_request(loop.rig.dm.get(), kind, nullptr, "anything new?"), ROMDELTA_OK);
    loop.offer("p.pku");
    EXPECT_EQ(loop.hold_session(), End::done);
    EXPECT_EQ(answers("Alert"), (std::vector<int>{200, 200}));
    EXPECT_EQ(loop.rig.alert_count(), 0U);
  }
  EXPECT_TRUE(loop.rig.task());
}

TEST_P(Sessions, WithoutAWayToTheReleaseTheReasonIsKept) {
  loop.offer_nothing("no delta from 1.0");
  EXPECT_EQ(loop.hold_session(), End::done);
  EXPECT_EQ(loop.record.phase, Phase::stopped);
  EXPECT_EQ(loop.record.note, "nothing leads to 2.0: no delta from 1.0");
}

TEST_P(Sessions, AShelfThatCannotBeReadStopsTheCampaignNotTheSession) {
  write_file(loop.config.pkgtool, "#!/bin/sh\nexit 3\n");
  EXPECT_EQ(loop.hold_session(), End::done);
  EXPECT_EQ(loop.record.phase, Phase::stopped);
  EXPECT_NE(loop.record.note.find("pkgtool ended with status 3"), std::string::npos);
  EXPECT_EQ(loop.account.server.nonce, loop.record.server_nonce);
}

TEST_P(Sessions, ThatBreaksOffLeavesTheNonceThatTheServerHas) {
  // The device's second message, which has the server's next nonce, never arrives.
  ClientSession client(loop.account, loop.known.id, loop.rig.dm.get(), &loop.tree, {1, false});
  TemporaryFolder folder;
  const Shelf shelf(loop.config, folder.path("work"));
  Campaign campaign(loop.config, shelf, &loop.record, loop.now_s);
  ServerSession server(loop.account.server_url, loop.known, &campaign, "1");
  const Envelope first = client.begin();
  const Message answer = server.answer(decode(first.body, GetParam()), first);
  ASSERT_TRUE(client.answer(server.seal(answer, GetParam())));
  EXPECT_NE(client.server_nonce(), server.server_nonce());
  EXPECT_EQ(client.server_nonce_before(), server.server_nonce());
}

TEST_P(Sessions, AFailureThatMayPassIsTriedAgainLaterAndNotForEver) {
  loop.offer("p.pku");
  EXPECT_EQ(loop.hold_session(), End::done);
  for (std::uint64_t failure = 1; failure <= loop.config.retries; ++failure) {
    carry_out(Status::server_unavailable);
    EXPECT_EQ(loop.hold_session(), End::done);
    EXPECT_EQ(loop.record.phase, Phase::waiting);
    EXPECT_FALSE(loop.rig.task());
    EXPECT_FALSE(Campaign::wants_session(loop.record, loop.now_s));
    loop.now_s = loop.record.try_again_s;
    EXPECT_TRUE(Campaign::wants_session(loop.record, loop.now_s));
    EXPECT_EQ(loop.hold_session(), End::done);
    ASSERT_TRUE(loop.rig.task());
  }
  carry_out(Status::server_unavailable);
  EXPECT_EQ(loop.hold_session(), End::done);
  EXPECT_EQ(loop.record.phase, Phase::stopped);
}

TEST_P(Sessions, ADeviceThatWasResetIsToldAgain) {
  loop.offer("p.pku");
  EXPECT_EQ(loop.hold_session(), End::done);
  Loop fresh(GetParam());
  fresh.offer("p.pku");
  fresh.record = loop.record;
  fresh.record.client_nonce = fresh.account.client.nonce;
  fresh.record.server_nonce = fresh.account.server.nonce;
  EXPECT_EQ(fresh.hold_session(), End::done);
  ASSERT_TRUE(fresh.rig.task());
  EXPECT_EQ(fresh.record.object_id, "update2");
}

TEST_P(Sessions, EveryKindOfCredentialsWorksInEachDirection) {
  for (const AuthType client : {AuthType::basic, AuthType::md5, AuthType::hmac}) {
    for (const AuthType server : {AuthType::basic, AuthType::md5, AuthType::hmac}) {
      for (const bool is_in_step : {true, false}) {
        Loop device(GetParam());
        device.offer("p.pku");
        device.account.client.type = device.known.client.type = client;
        device.account.server.type = device.known.server.type = server;
        if (!is_in_step) {
          device.record.client_nonce = "another";
          device.record.server_nonce = "yet another";
        }
        EXPECT_EQ(device.hold_session(), End::done)
            << to_string(client) << ' ' << to_string(server) << ' ' << is_in_step;
        EXPECT_TRUE(device.rig.task());
        // The next session, and the next notification, begin in step.
        if (client != AuthType::basic) {
          EXPECT_EQ(device.account.client.nonce, device.record.client_nonce);
        }
        if (server != AuthType::basic) {
          EXPECT_EQ(device.account.server.nonce, device.record.server_nonce);
        }
      }
    }
  }
}

TEST_P(Sessions, ADeviceWithTheWrongSecretLearnsNothing) {
  loop.offer("p.pku");
  loop.account.client.secret = "guess";
  EXPECT_EQ(loop.hold_session(), End::refused);
  EXPECT_TRUE(commands_of(loop.from_server, Verb::get).empty());
  EXPECT_TRUE(commands_of(loop.from_server, Verb::exec).empty());
  EXPECT_TRUE(loop.record.info.empty());
}

TEST_P(Sessions, AServerWithTheWrongSecretChangesNothing) {
  loop.offer("p.pku");
  loop.known.server.secret = "guess";
  EXPECT_EQ(loop.hold_session(), End::refused);
  EXPECT_FALSE(loop.rig.task());
  EXPECT_TRUE(commands_of(loop.from_client, Verb::results).empty());
}

TEST_P(Sessions, AnAnswerToAnotherSessionEndsThisOne) {
  loop.tamper = [](Message* message) { message->session_id = "2"; };
  EXPECT_EQ(loop.hold_session(), End::aborted);
}

TEST_P(Sessions, TheServerMayBreakASessionOff) {
  loop.tamper = [](Message* message) {
    Command abort = make_alert(alert::abort_session);
    abort.id = 99;
    message->commands.push_back(abort);
  };
  EXPECT_EQ(loop.hold_session(), End::aborted);
}

// What a device answers to commands that the server of the sample does not send.
class Commands : public testing::Test {
 protected:
  // The codes with which the device answers the commands, put into the server's first answer.
  std::vector<int> answers_to(std::vector<Command> commands) {
    for (std::size_t i = 0; i < commands.size(); ++i) {
      commands[i].id = 100 + static_cast<std::uint32_t>(i);
    }
    bool is_first = true;
    loop.tamper = [&](Message* message) {
      if (is_first) {
        message->commands.insert(message->commands.end(), commands.begin(), commands.end());
      }
      is_first = false;
    };
    EXPECT_EQ(loop.hold_session(), End::done);
    std::vector<int> codes;
    for (const Command& status : commands_of(loop.from_client, Verb::status)) {
      if (std::stoi(status.command_ref) >= 100) codes.push_back(status.code);
    }
    return codes;
  }
  static Command command(Verb verb, const std::string& target) {
    Command result;
    result.verb = verb;
    if (!target.empty()) result.items.emplace_back().target = target;
    return result;
  }

  Loop loop;
};

TEST_F(Commands, GetReadsEveryPartOfTheTree) {
  std::vector<Command> gets;
  for (const char* uri :
       {".", "./DevInfo", "./DevDetail/LrgObj", "./DevDetail?list=StructData", "./Vendor",
        "./FwUpdate", "./Vendor/MSFT/ROMPackage", "./DevInfo/DevId"}) {
    gets.push_back(command(Verb::get, uri));
  }
  EXPECT_EQ(answers_to(gets), std::vector<int>(gets.size(), 200));
  std::map<std::string, std::string> values;
  for (const Command& results : commands_of(loop.from_client, Verb::results)) {
    for (const Item& item : results.items) values[item.source] = item.data.value_or("");
  }
  EXPECT_EQ(values["."], "DevDetail/DevInfo/FwUpdate/Vendor");
  EXPECT_EQ(values["./DevInfo"], "DevId/DmV/Lang/Man/Mod");
  EXPECT_EQ(values["./DevDetail/LrgObj"], "true");
  EXPECT_EQ(values["./DevDetail/URI/MaxDepth"], "0");
  EXPECT_EQ(values["./Vendor"], "MSFT");
  EXPECT_EQ(values["./DevInfo/DevId"], "IMEI:1");
}

TEST_F(Commands, WhatIsNotThereOrNotAllowedIsSaid) {
  Command copy = command(Verb::copy, "./DevInfo");
  Command add = command(Verb::add, "./DevInfo/Ext/x");
  add.items[0].data = "1";
  EXPECT_EQ(answers_to({command(Verb::get, "./Nothing"), command(Verb::exec, "./DevInfo"),
                        command(Verb::replace, "./DevInfo/Man"), command(Verb::remove, "./Nothing"),
                        command(Verb::add, "./DevInfo/Man"), add, copy,
                        command(Verb::get, "./DevInfo?prop=ACL"), command(Verb::get, ""),
                        command(Verb::exec, "./FwUpdate/none/Update")}),
            (std::vector<int>{404, 405, 405, 404, 418, 405, 406, 406, 412, 404}));
}

TEST_F(Commands, ASequenceIsCarriedOutInOrderAndAnAtomicIsNotSupported) {
  Command sequence = command(Verb::sequence, "");
  sequence.commands = {command(Verb::get, "./DevInfo/Man"), command(Verb::get, "./DevInfo/No")};
  sequence.commands[0].id = 200;
  sequence.commands[1].id = 201;
  Command atomic = command(Verb::atomic, "");
  atomic.commands = {command(Verb::get, "./DevInfo/Man")};
  atomic.commands[0].id = 202;
  EXPECT_EQ(answers_to({sequence, atomic}), (std::vector<int>{200, 200, 404, 406}));
}

TEST_F(Commands, AnotherCommandInsideALargeObjectDropsIt) {
  Command piece = command(Verb::add, "./FwUpdate/a/Update/PkgData");
  piece.items[0].data = "half of it";
  piece.items[0].more_data = true;
  piece.items[0].meta.size = 20;
  EXPECT_EQ(answers_to({piece, command(Verb::get, "./DevInfo/Man")}), (std::vector<int>{213, 200}));
  bool told = false;
  for (const Command& sent : commands_of(loop.from_client, Verb::alert)) {
    told = told || sent.code == alert::no_end_of_data;
  }
  EXPECT_TRUE(told);
  EXPECT_TRUE(loop.rig.packages.empty());
}

TEST_F(Commands, AListThatIsLargerThanAMessageComesInSeveral) {
  loop.account.message_bytes_max = 2048;
  std::vector<Command> gets(6, command(Verb::get, "./DevDetail?list=StructData"));
  EXPECT_EQ(answers_to(gets), std::vector<int>(6, 200));
  EXPECT_GT(loop.from_client.size(), 6U);
  for (const Message& message : loop.from_client) EXPECT_LE(encode_xml(message).size(), 2048U);
}

}  // namespace
}  // namespace romdelta::ota
