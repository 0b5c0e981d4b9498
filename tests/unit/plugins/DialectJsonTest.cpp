// SPDX-License-Identifier: LGPL-2.1-or-later
//
// JSON of others on its way through the dialects: custom keys, which are passed on as they were
// written and never stand for a key of ours, and control messages.
#include <string>

#include <gtest/gtest.h>
#include <json-glib/json-glib.h>

#include "common/CustomHeaders.hpp"
#include "dialects/Dialect.hpp"
#include "dialects/Json.hpp"

namespace {

using namespace wsbridge;
using common::faultInCustomHeaders;

std::unique_ptr<Dialect> make(const std::string& name) {
  return makeDialect(*common::findDialect(name));
}

std::string opening(const std::string& name, const std::string& custom) {
  return make(name)->opening({custom, {16000}, "call-1"}).back();
}

template <class Wanted>
Wanted decode(const std::string& name, const std::string& text) {
  const auto dialect = make(name);
  dialect->opening({"", {16000}, "call-1"});
  const Command command = dialect->decodeText(text);
  EXPECT_TRUE(std::holds_alternative<Wanted>(command)) << text;
  return std::holds_alternative<Wanted>(command) ? std::get<Wanted>(command) : Wanted{};
}

/// As whoever stops at U+0000 reads it.
std::string member(const std::string& object, const char* name) {
  g_autoptr(JsonParser) parser = json_parser_new();
  if (!json_parser_load_from_data(parser, object.c_str(), -1, nullptr)) return "not JSON";
  JsonNode* node = json_object_get_member(json_node_get_object(json_parser_get_root(parser)), name);
  if (node == nullptr) return "missing";
  g_autofree char* text = json_to_string(node, FALSE);
  return text;
}

/// Members that say `value`, in every spelling of `name`.
std::string forged(const std::string& name, const std::string& value) {
  constexpr const char* kHex = "0123456789abcdef";
  std::string escaped;
  for (const char c : name) {
    escaped += "\\u00";
    escaped += kHex[static_cast<unsigned char>(c) >> 4U];
    escaped += kHex[static_cast<unsigned char>(c) & 0x0FU];
  }
  std::string members;
  for (const std::string& spelled : {name, escaped, "\\u00" + escaped.substr(4, 2) + name.substr(1),
                                     name + "\\u0000", name + "\\u0000x", name})
    members += (members.empty() ? "\"" : ",\"") + spelled + "\":" + value;
  return members;
}

// --- The first message.

TEST(CustomKeys, ArriveAsTheyWereWritten) {
  const std::string custom =
      R"({"n":0.1,"e":1e999,"l":12345678901234567890123,"z":"x\u0000y","u":"\u00fc\/\ud83d\ude00",)"
      R"("o":{"a":[1.50,-0.0,1E3]},"t":true,"s":null})";
  EXPECT_EQ(opening("wsbridge", custom),
            custom.substr(0, custom.size() - 1) + R"(,"content-type":"audio/l16;rate=16000"})");
  const std::string members = "," + custom.substr(1);
  EXPECT_TRUE(opening("vonage", custom).ends_with(members));
  EXPECT_TRUE(opening("jambonz", custom).ends_with(members));
  const std::string strings =
      R"({"n":"0.1","e":"1e999","l":"12345678901234567890123","z":"x\u0000y",)"
      R"("u":"\u00fc\/\ud83d\ude00","o":"{\"a\":[1.50,-0.0,1E3]}","t":"true","s":"null"})";
  EXPECT_TRUE(opening("asterisk", custom).ends_with(R"("channel_variables":)" + strings + "}"));
  EXPECT_NE(opening("twilio", custom).find(R"("customParameters":)" + strings + "}"),
            std::string::npos)
      << opening("twilio", custom);
}

TEST(CustomKeys, WhiteSpaceBetweenTheTokensGoes) {
  EXPECT_EQ(
      opening("wsbridge", " { \"name_1\" : \"value 1\" ,\n\t\"o\" : { \"a\" : [ 1 , 2 ] } } "),
      R"({"name_1":"value 1","o":{"a":[1,2]},"content-type":"audio/l16;rate=16000"})");
}

TEST(CustomKeys, OfANameTheLastCounts) {
  EXPECT_EQ(opening("wsbridge", R"({"a":1,"b":2,"\u0061":3})"),
            R"({"a":3,"b":2,"content-type":"audio/l16;rate=16000"})");
}

TEST(CustomKeys, NeverStandForOneOfOurs) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> ours = {
      {"wsbridge", {"content-type"}},
      {"vonage", {"event", "content-type"}},
      {"jambonz", {"sampleRate", "mixType", "callSid", "direction", "callId"}},
      {"asterisk",
       {"event", "connection_id", "channel", "channel_id", "format", "optimal_frame_size", "ptime",
        "channel_variables"}},
      {"twilio", {"event", "sequenceNumber", "start", "streamSid"}},
  };
  for (const auto& [dialect, names] : ours) {
    for (const std::string& name : names) {
      SCOPED_TRACE(dialect + " " + name);
      const std::string custom = "{" + forged(name, R"("forged")") + R"(,"mine":1})";
      ASSERT_FALSE(faultInCustomHeaders(custom));
      const std::string message = opening(dialect, custom);
      const std::string value = member(message, name.c_str());
      EXPECT_NE(value, "missing");
      EXPECT_NE(value, "not JSON") << message;
      if (name != "start" && name != "channel_variables") {
        EXPECT_EQ(value.find("forged"), std::string::npos) << message;
      }
      EXPECT_NE(message.find("mine"), std::string::npos) << message;
    }
  }
}

TEST(CustomKeys, AreNotOursInAnotherCaseEither) {
  EXPECT_TRUE(opening("jambonz", R"({"CallSid":1,"call\u0053ID":1,"DIRECTION":1,"mine":1,)"
                                 "\"call\xC5\xBFid\":1,\"callSi\":2}")
                  .ends_with(R"("callId":"call-1","mine":1,"callSi":2})"));
  EXPECT_EQ(opening("vonage", R"({"Event":1,"Content-Type":1,"k":1})"),
            R"({"event":"websocket:connected","content-type":"audio/l16;rate=16000","k":1})");
  EXPECT_EQ(opening("wsbridge", R"({"Content-Type":1})"),
            R"({"Content-Type":1,"content-type":"audio/l16;rate=16000"})")
      << "as endpoints of the original module know it";
}

TEST(CustomKeys, OfWsbridgeAreAllButTheContentType) {
  const std::string custom =
      R"("event":"e","callId":"c","callSid":"s","from":"f","direction":"d","resumption":7)";
  EXPECT_EQ(opening("wsbridge", "{" + custom + "}"),
            "{" + custom + R"(,"content-type":"audio/l16;rate=16000"})");
}

TEST(CustomKeys, OneMoreIsOurs) {
  EXPECT_EQ(json::withMember("", "resumption", 1), R"({"resumption":1})");
  EXPECT_EQ(json::withMember(R"({ "a":0.10,"\u0072esumption":9,"b":2})", "resumption", 3),
            R"({"a":0.10,"b":2,"resumption":3})");
  const std::string most = "{\"a\":\"" + std::string(8192 - 8, 'x') + "\"}";
  ASSERT_FALSE(faultInCustomHeaders(most));
  EXPECT_EQ(opening("wsbridge", json::withMember(most, "resumption", 3)),
            most.substr(0, most.size() - 1) +
                R"(,"resumption":3,"content-type":"audio/l16;rate=16000"})");
}

TEST(CustomKeys, WhatIsNoJsonIsRefusedWithByteAndRemedy) {
  for (const char* text :
       {R"({"a":"\ud800x"})", "{'a':1}", "{\"a\":0x10}", "{\"a\":$ff}", "{\"a\":1}//", "{a:1}",
        "{\"a\":1,}", "{\"a\":NaN}", "{\"a\":\"\xED\xA0\x80\"}", "{\"a\":01}"}) {
    const auto fault = faultInCustomHeaders(text);
    ASSERT_TRUE(fault) << text;
    EXPECT_TRUE(fault->starts_with("not JSON at byte ")) << *fault;
    EXPECT_NE(fault->find("; "), std::string::npos) << *fault;
  }
  EXPECT_EQ(faultInCustomHeaders("{\"a\":\"" + std::string(8192, 'x') + "\"}"),
            "longer than 8192 bytes; shorten it");
  for (unsigned depth : {31U, 32U}) {
    const std::string deep = "{\"a\":" + std::string(depth, '[') + std::string(depth, ']') + "}";
    EXPECT_EQ(faultInCustomHeaders(deep).has_value(), depth > 31) << depth;
  }
}

// --- Control messages.

TEST(ControlMessages, AreJsonAndNothingElse) {
  for (const char* text :
       {"{'action':'clear'}", "{\"action\":\"clear\",}", "{\"action\":\"clear\"}}",
        "/**/{\"action\":\"clear\"}", "{\"action\":\"clear\"}//", "{action:\"clear\"}",
        "{\"action\":\"clear\",\"n\":0x10}", "{\"action\":\"clear\",\"s\":\"\\ud800\"}"})
    decode<PlainText>("wsbridge", text);
  decode<ClearCommand>("wsbridge", R"({"\u0061ction":"cl\u0065ar"})");
  decode<ClearCommand>("wsbridge", R"({"action":"hangup","action":"clear"})");
  decode<PlainText>("wsbridge", R"({"action":"clear\u0000x"})");
  decode<PlainText>("wsbridge", R"({"action\u0000":"clear"})");
  for (const char* text : {"{'command':'HANGUP'}", "{\"command\":\"HANGUP\"} x"})
    EXPECT_EQ(decode<BadCommand>("asterisk", text).fault, "Unable to parse JSON command");
}

TEST(ControlMessages, DepthIsBounded) {
  const auto notify = [](unsigned depth) {
    return R"({"action":"notify","payload":)" + std::string(depth, '[') + std::string(depth, ']') +
           "}";
  };
  decode<MarkCommand>("wsbridge", notify(31));
  decode<PlainText>("wsbridge", notify(32));
  // What one dialect of JSON takes for a string hides brackets from whoever counts them.
  decode<PlainText>("wsbridge", "{\"action\":'\"'," + std::string(5000, '['));
}

TEST(ControlMessages, APayloadComesBackAsItWasWritten) {
  const auto dialect = make("vonage");
  for (const char* payload : {"0.1", "1e999", "12345678901234567890123", R"("x\u0000y\/\u00fc")",
                              R"({"b":1,"a":{"n":-0.0}})", "null"}) {
    const auto mark =
        dialect->decodeText(std::string(R"({"action":"notify", "payload": )") + payload + " }");
    ASSERT_TRUE(std::holds_alternative<MarkCommand>(mark)) << payload;
    EXPECT_EQ(dialect->write(MarkNotice{std::get<MarkCommand>(mark).label, false}),
              std::string(R"({"event":"websocket:notify","payload":)") + payload + "}");
  }
}

TEST(ControlMessages, ADurationBeyondItsRangeIsTheLimit) {
  const auto duration = [](const std::string& value) {
    return decode<DtmfCommand>("wsbridge",
                               R"({"action":"dtmf","digits":"1","duration":)" + value + "}")
        .duration_ms;
  };
  for (const char* large : {"6001", "1e999", "12345678901234567890123", "1e5"})
    EXPECT_EQ(duration(large), 6000U) << large;
  for (const char* small : {"39", "-1e999", "-12345678901234567890123", "0", "1e-999", "-0"})
    EXPECT_EQ(duration(small), 40U) << small;
  EXPECT_EQ(duration("250.0"), 250U);
  EXPECT_EQ(duration("2.5e2"), 250U);
  for (const char* none : {"\"250\"", "null", "true", "[250]"})
    EXPECT_EQ(duration(none), 160U) << none;
}

TEST(ControlMessages, AnObjectForTheCallerIsPassedOnAsItWasWritten) {
  const auto command = decode<MessageCommand>(
      "vonage",
      R"({"action":"message","json":{ "n":0.1, "s":"\u00fc", "l":12345678901234567890123 }})");
  EXPECT_EQ(command.body, R"({"n":0.1,"s":"\u00fc","l":12345678901234567890123})");
  decode<BadCommand>("vonage", R"({"action":"message","body":"x\u0000y"})");
  const auto dialect = make("vonage");
  EXPECT_EQ(dialect->write(MessageNotice{"application/json", " {\"n\": 0.1} "}),
            R"({"event":"websocket:message","content-type":"application/json","json":{"n":0.1}})");
  EXPECT_EQ(dialect->write(MessageNotice{"application/json", "{'n':1}"}),
            R"({"event":"websocket:message","content-type":"application/json","body":"{'n':1}"})");
}

TEST(ControlMessages, LabelsAndIdsAreWrittenAsJson) {
  for (const auto& [name, text] : std::vector<std::pair<std::string, std::string>>{
           {"jambonz", R"({"type":"mark","data":{"name":"a\"\\\n\u00fc\ud83d\ude00"}})"},
           {"twilio", R"({"event":"mark","mark":{"name":"a\"\\\n\u00fc\ud83d\ude00"}})"}}) {
    const auto label = decode<MarkCommand>(name, text).label;
    EXPECT_EQ(label, "a\"\\\n\xC3\xBC\xF0\x9F\x98\x80");
    const auto dialect = make(name);
    dialect->opening({"", {16000}, "call-1"});
    EXPECT_NE(dialect->write(MarkNotice{label, false})
                  .find("{\"name\":\"a\\\"\\\\\\n\xC3\xBC\xF0\x9F\x98\x80\""),
              std::string::npos);
  }
  EXPECT_EQ(decode<BadCommand>("jambonz", R"({"type":"mark","data":{"name":"a\u0000"}})").fault,
            "data.name is missing");
  const auto asterisk = make("asterisk");
  asterisk->opening({"", {16000}, "call \"1\"\n\xFF"});
  EXPECT_EQ(asterisk->write(QueueNotice{true}),
            "{\"event\":\"MEDIA_XOFF\",\"channel_id\":\"call \\\"1\\\"\\n\xEF\xBF\xBD\"}");
}

}  // namespace
