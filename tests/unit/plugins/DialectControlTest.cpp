// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Call control in the words of each dialect.
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "dialects/Dialect.hpp"

namespace {

using namespace wsbridge;

/// One that the endpoint has spoken to: it hears everything.
std::unique_ptr<Dialect> make(const std::string& name) {
  auto dialect = makeDialect(*common::findDialect(name));
  dialect->opening({"", {16000}, "call-1"});
  dialect->decodeText(R"({"action":"hello"})");
  return dialect;
}

template <class Wanted>
bool is(const Command& command) {
  return std::holds_alternative<Wanted>(command);
}

TEST(Keys, AreBoundedInNumberAndLength) {
  const auto dialect = make("wsbridge");
  const auto press = [&](size_t count) {
    return dialect->decodeText(R"({"action":"dtmf","digits":")" + std::string(count, '1') +
                               R"(","duration":100000})");
  };
  const auto most = press(64);
  ASSERT_TRUE(is<DtmfCommand>(most));
  EXPECT_EQ(std::get<DtmfCommand>(most).duration_ms, 6000U);
  EXPECT_TRUE(is<BadCommand>(press(65)));
}

TEST(MuteWords, OfTheJsonL16Dialects) {
  for (const char* name : {"wsbridge", "vonage"}) {
    SCOPED_TRACE(name);
    const auto dialect = make(name);
    const auto on = dialect->decodeText(R"({"action":"mute","active":true})");
    ASSERT_TRUE(is<MuteCommand>(on));
    EXPECT_TRUE(std::get<MuteCommand>(on).muted);
    const auto off = dialect->decodeText(R"({"action":"mute","active":false})");
    ASSERT_TRUE(is<MuteCommand>(off));
    EXPECT_FALSE(std::get<MuteCommand>(off).muted);
    for (const char* bad :
         {R"({"action":"mute"})", R"({"action":"mute","active":1})",
          R"({"action":"mute","active":"true"})", R"({"action":"mute","active":{}})"}) {
      EXPECT_TRUE(is<BadCommand>(dialect->decodeText(bad))) << bad;
    }
    EXPECT_EQ(dialect->write(MuteNotice{true}),
              R"({"event":"websocket:media:update","method":"update","active":false})");
    EXPECT_EQ(dialect->write(MuteNotice{false}),
              R"({"event":"websocket:media:update","method":"update","active":true})");
  }
}

TEST(MuteWords, OthersHaveNone) {
  for (const char* name : {"twilio", "asterisk", "jambonz"})
    EXPECT_EQ(make(name)->write(MuteNotice{true}), "") << name;
}

class AsteriskDirection : public testing::TestWithParam<bool> {
 protected:
  Command order(const std::string& command, const std::string& direction = {}) {
    if (GetParam())
      return asterisk_->decodeText(direction.empty() ? command : command + " " + direction);
    return asterisk_->decodeText(R"({"command":")" + command + R"(","direction":")" + direction +
                                 "\"}");
  }
  std::unique_ptr<Dialect> asterisk_ = make("asterisk");
};

TEST_P(AsteriskDirection, IsWhatTheEndpointHears) {
  struct Row {
    const char* word;
    bool to_endpoint;
    bool from_endpoint;
  };
  for (const Row& row :
       {Row{"in", true, false}, Row{"out", false, true}, Row{"both", true, true}}) {
    const auto command = order("SET_MEDIA_DIRECTION", row.word);
    ASSERT_TRUE(is<DirectionCommand>(command)) << row.word;
    EXPECT_EQ(std::get<DirectionCommand>(command).to_endpoint, row.to_endpoint) << row.word;
    EXPECT_EQ(std::get<DirectionCommand>(command).from_endpoint, row.from_endpoint) << row.word;
  }
  for (const char* bad : {"", "none", "IN"})
    EXPECT_TRUE(is<BadCommand>(order("SET_MEDIA_DIRECTION", bad))) << bad;
}

TEST_P(AsteriskDirection, WhoIsNotHeardCannotControlThePlayOut) {
  const char* commands[] = {"START_MEDIA_BUFFERING", "STOP_MEDIA_BUFFERING", "MARK_MEDIA",
                            "PAUSE_MEDIA", "CONTINUE_MEDIA"};
  order("SET_MEDIA_DIRECTION", "in");
  for (const char* command : commands)
    EXPECT_TRUE(is<BadCommand>(order(command))) << command;
  EXPECT_TRUE(is<ClearCommand>(order("FLUSH_MEDIA")));
  EXPECT_TRUE(is<StatusCommand>(order("GET_STATUS")));
  order("SET_MEDIA_DIRECTION", "out");
  for (const char* command : commands)
    EXPECT_FALSE(is<BadCommand>(order(command))) << command;
}

INSTANTIATE_TEST_SUITE_P(Forms, AsteriskDirection, testing::Bool(),
                         [](const auto& test) { return test.param ? "Plain" : "Json"; });

TEST(MediaWords, TellThatRtpStopsAndComesBack) {
  for (const char* name : {"wsbridge", "vonage"}) {
    EXPECT_EQ(make(name)->write(MediaNotice{false}), R"({"event":"websocket:media:timeout"})");
    EXPECT_EQ(make(name)->write(MediaNotice{true}), R"({"event":"websocket:media:resumed"})");
  }
  for (const char* name : {"twilio", "asterisk", "jambonz"})
    EXPECT_EQ(make(name)->write(MediaNotice{false}), "") << name;
}

TEST(EndWords, HaveTheReason) {
  EXPECT_EQ(make("vonage")->write(EndNotice{"caller-hangup"}),
            R"({"event":"websocket:disconnected","reason":"caller-hangup"})");
  EXPECT_EQ(make("wsbridge")->write(EndNotice{"media-timeout"}),
            R"({"event":"websocket:end","reason":"media-timeout"})");
  EXPECT_NE(make("twilio")->write(EndNotice{"draining"}).find(R"({"event":"stop",)"),
            std::string::npos);
  for (const char* name : {"asterisk", "jambonz"})
    EXPECT_EQ(make(name)->write(EndNotice{"draining"}), "") << name;
}

TEST(EndWords, AreNotForEndpointsThatKnowKeysOnly) {
  const auto dialect = makeDialect(0);
  dialect->opening({"", {16000}, "call-1"});
  EXPECT_EQ(dialect->write(EndNotice{"caller-hangup"}), "");
  EXPECT_EQ(dialect->write(MediaNotice{false}), "");
  EXPECT_EQ(dialect->write(MuteNotice{true}), "");
  dialect->decodeText(R"({"action":"clear"})");
  EXPECT_NE(dialect->write(EndNotice{"caller-hangup"}), "");
}

TEST(MessageWords, OfTheJsonL16Dialects) {
  for (const char* name : {"wsbridge", "vonage"}) {
    SCOPED_TRACE(name);
    const auto dialect = make(name);
    EXPECT_EQ(dialect->write(MessageNotice{"text/plain", "a \"b\"\n"}),
              R"({"event":"websocket:message","content-type":"text/plain","body":"a \"b\"\n"})");
    EXPECT_EQ(
        dialect->write(MessageNotice{"application/json", " {\"a\": [1, null]} "}),
        R"({"event":"websocket:message","content-type":"application/json","json":{"a":[1,null]}})");
    for (const std::string text : {"[1]", "{\"a\":", "7", ""}) {
      EXPECT_NE(dialect->write(MessageNotice{"application/json", text}).find("\"body\":"),
                std::string::npos)
          << text;
    }
    EXPECT_EQ(dialect->write(MessageResultNotice{200, ""}),
              R"({"event":"websocket:message:sent","status":200})");
    EXPECT_EQ(dialect->write(MessageResultNotice{486, "Busy \"Here\""}),
              R"({"event":"websocket:message:sent","status":486,"reason":"Busy \"Here\""})");
    const auto decoded = [&](const std::string& members) {
      const auto command = dialect->decodeText(R"({"action":"message",)" + members + "}");
      const auto* message = std::get_if<MessageCommand>(&command);
      return message != nullptr ? message->type + " " + message->body : "none";
    };
    EXPECT_EQ(decoded(R"("body":"x y")"), "text/plain x y");
    EXPECT_EQ(decoded(R"("content-type":"a/b","body":"x")"), "a/b x");
    EXPECT_EQ(decoded(R"("json":{"k": [true]})"), R"(application/json {"k":[true]})");
    EXPECT_EQ(decoded(R"("content-type":"a/b+json","json":{})"), "a/b+json {}");
    EXPECT_EQ(decoded(R"("json":[1])"), "none");
    EXPECT_EQ(decoded(R"("body":7)"), "none");
    EXPECT_TRUE(is<BadCommand>(dialect->decodeText(R"({"action":"message"})")));
  }
  for (const char* name : {"twilio", "asterisk", "jambonz"})
    EXPECT_EQ(make(name)->write(MessageNotice{"text/plain", "a"}), "") << name;
}

TEST(ErrorWords, OfAsterisk) {
  const auto asterisk = make("asterisk");
  EXPECT_TRUE(is<BadCommand>(asterisk->decodeText(" {\"command\":")));
  EXPECT_EQ(asterisk->write(ErrorNotice{"what \"is\" wrong"}),
            R"({"event":"ERROR","channel_id":"call-1","error_text":"what \"is\" wrong"})");
  asterisk->decodeText("GET_STATUS");
  EXPECT_EQ(asterisk->write(ErrorNotice{"what \"is\" wrong"}),
            "ERROR channel_id:call-1 error_text:what \"is\" wrong");
  for (const char* name : {"wsbridge", "vonage", "twilio", "jambonz"})
    EXPECT_EQ(make(name)->write(ErrorNotice{"x"}), "") << name;
}

}  // namespace
