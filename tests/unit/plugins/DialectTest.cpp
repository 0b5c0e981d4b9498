// SPDX-License-Identifier: LGPL-2.1-or-later
#include <string>

#include <gtest/gtest.h>

#include "dialects/Dialect.hpp"

namespace {

using namespace wsbridge;

std::unique_ptr<Dialect> original() {
  return Dialect::create(DialectKind::Wsbridge);
}
std::unique_ptr<Dialect> vonage() {
  return Dialect::create(DialectKind::Vonage);
}

TEST(WsbridgeDialect, FirstMessageHasTheCustomKeysAndTheContentTypeLast) {
  EXPECT_EQ(original()->firstMessage(R"({"name_1":"value_1","name_2":"value_2"})", {16000}),
            R"({"name_1":"value_1","name_2":"value_2","content-type":"audio/l16;rate=16000"})");
  EXPECT_EQ(original()->firstMessage("", {8000}), R"({"content-type":"audio/l16;rate=8000"})");
}

TEST(WsbridgeDialect, AContentTypeOfTheCallerIsReplaced) {
  EXPECT_EQ(original()->firstMessage(R"({"content-type":"audio/wav","a":[1,2.5,null,{"b":true}]})",
                                     {48000}),
            R"({"a":[1,2.5,null,{"b":true}],"content-type":"audio/l16;rate=48000"})");
}

TEST(WsbridgeDialect, Dtmf) {
  EXPECT_EQ(original()->dtmf('#', 100), R"({"digit":"#","duration":100})");
}

TEST(VonageDialect, Messages) {
  EXPECT_EQ(vonage()->firstMessage(R"({"event":"mine","k":"v"})", {16000}),
            R"({"event":"websocket:connected","content-type":"audio/l16;rate=16000","k":"v"})");
  EXPECT_EQ(vonage()->dtmf('5', 260), R"({"event":"websocket:dtmf","digit":"5","duration":260})");
  EXPECT_EQ(vonage()->cleared(), R"({"event":"websocket:cleared"})");
}

TEST(Dialects, ControlMessages) {
  for (const auto& dialect : {original(), vonage()}) {
    EXPECT_TRUE(
        std::holds_alternative<ClearCommand>(dialect->decodeText(R"( {"action":"clear"} )")));
    EXPECT_TRUE(
        std::holds_alternative<HangupCommand>(dialect->decodeText(R"({"action":"hangup"})")));
    const auto notify = dialect->decodeText(R"({"action":"notify","payload":{"id":[1,"x"]}})");
    ASSERT_TRUE(std::holds_alternative<NotifyCommand>(notify));
    EXPECT_EQ(std::get<NotifyCommand>(notify).reply,
              R"({"event":"websocket:notify","payload":{"id":[1,"x"]}})");
    const auto dtmf = dialect->decodeText(R"({"action":"dtmf","digits":"12#"})");
    ASSERT_TRUE(std::holds_alternative<DtmfCommand>(dtmf));
    EXPECT_EQ(std::get<DtmfCommand>(dtmf).digits, "12#");
    const auto other = dialect->decodeText(R"({"action":"dance"})");
    ASSERT_TRUE(std::holds_alternative<OtherCommand>(other));
    EXPECT_EQ(std::get<OtherCommand>(other).action, "dance");
  }
}

TEST(Dialects, WhatIsNoControlMessageIsText) {
  const std::string brackets(200000, '[');
  const std::string objects = [] {
    std::string text;
    for (int i = 0; i < 50000; ++i)
      text += R"({"a":)";
    return text;
  }();
  for (const std::string& text :
       {std::string("hello"), std::string(), std::string("[1]"), std::string("{"),
        std::string(R"({"event":"x"})"), std::string(R"({"action":5})"), brackets, objects}) {
    EXPECT_TRUE(std::holds_alternative<PlainText>(original()->decodeText(text)))
        << text.substr(0, 30);
  }
}

TEST(Dialects, ALongTextIsNotSearchedForCommands) {
  std::string text = R"({"action":"clear")";
  for (int i = 0; i < 100000; ++i)
    text += ",\"k\":" + std::to_string(i);
  EXPECT_TRUE(std::holds_alternative<PlainText>(original()->decodeText(text + "}")));
}

TEST(Dialects, BadValuesInControlMessagesAreNoCommands) {
  EXPECT_TRUE(std::holds_alternative<OtherCommand>(
      original()->decodeText(R"({"action":"dtmf","digits":"12x"})")));
  const auto dtmf = original()->decodeText(R"({"action":"dtmf","digits":"1","duration":{"a":1}})");
  ASSERT_TRUE(std::holds_alternative<DtmfCommand>(dtmf));
  EXPECT_EQ(std::get<DtmfCommand>(dtmf).duration_ms, 160U);
}

TEST(CustomHeaders, FaultsNameTheFaultAndTheRemedy) {
  EXPECT_FALSE(faultInCustomHeaders("{}"));
  EXPECT_FALSE(faultInCustomHeaders(""));
  EXPECT_FALSE(faultInCustomHeaders(R"({"ü":"é"})"));
  for (const char* text : {"[]", "1", "{", "{\"a\":1} x", "{\"a\":\"\xff\"}"}) {
    EXPECT_TRUE(faultInCustomHeaders(text)) << text;
  }
  EXPECT_TRUE(faultInCustomHeaders("{\"a\":\"" + std::string(8192, 'x') + "\"}"));
}

TEST(ContentType, ParsesWhatTheProtocolAllows) {
  EXPECT_EQ(ContentType::parse("audio/l16;rate=16000")->rate, 16000);
  EXPECT_EQ(ContentType::parse(" \"AUDIO/L16; Rate=8000\" ")->rate, 8000);
  for (const int rate : {8000, 16000, 24000, 32000, 48000}) {
    EXPECT_EQ(ContentType::parse(ContentType{rate}.text())->rate, rate);
  }
  for (const char* text : {"", "audio/l16", "audio/l16;rate=", "audio/l16;rate=11025",
                           "audio/l16;rate=16000x", "audio/l16;rate=-16000", "audio/pcmu;rate=8000",
                           "audio/l16;rate=16000;channels=2", "audio/l16;rate=99999999999999999999",
                           "audio/l16;rate=16000                                            "}) {
    EXPECT_FALSE(ContentType::parse(text)) << text;
  }
}

}  // namespace
