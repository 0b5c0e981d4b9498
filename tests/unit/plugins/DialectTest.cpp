// SPDX-License-Identifier: LGPL-2.1-or-later
#include <string>

#include <gtest/gtest.h>

#include "common/CustomHeaders.hpp"
#include "dialects/Dialect.hpp"

namespace {

using namespace wsbridge;
using common::faultInCustomHeaders;

std::unique_ptr<Dialect> make(const std::string& name) {
  return makeDialect(*common::findDialect(name));
}
std::unique_ptr<Dialect> original() {
  return make("wsbridge");
}
std::unique_ptr<Dialect> vonage() {
  return make("vonage");
}
std::string opening(Dialect& dialect, const std::string& custom, int rate) {
  const auto messages = dialect.opening({custom, {rate}, "call-1"});
  return messages.size() == 1 ? messages.front() : std::to_string(messages.size()) + " messages";
}

/// `pattern` with ? for any character: what is drawn at random.
bool matches(const std::string& text, const std::string& pattern) {
  if (text.size() != pattern.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (pattern[i] != '?' && pattern[i] != text[i]) return false;
  }
  return true;
}
const std::string kUuid =
    std::string(8, '?') + "-\?\?\?\?-\?\?\?\?-\?\?\?\?-" + std::string(12, '?');

template <class Wanted>
bool is(const Command& command) {
  return std::holds_alternative<Wanted>(command);
}

TEST(WsbridgeDialect, FirstMessageHasTheCustomKeysAndTheContentTypeLast) {
  EXPECT_EQ(opening(*original(), R"({"name_1":"value_1","name_2":"value_2"})", 16000),
            R"({"name_1":"value_1","name_2":"value_2","content-type":"audio/l16;rate=16000"})");
  EXPECT_EQ(opening(*original(), "", 8000), R"({"content-type":"audio/l16;rate=8000"})");
}

TEST(WsbridgeDialect, AContentTypeOfTheCallerIsReplaced) {
  EXPECT_EQ(
      opening(*original(), R"({"content-type":"audio/wav","a":[1,2.5,null,{"b":true}]})", 48000),
      R"({"a":[1,2.5,null,{"b":true}],"content-type":"audio/l16;rate=48000"})");
}

TEST(WsbridgeDialect, Dtmf) {
  EXPECT_EQ(original()->write(DtmfNotice{'#', 100}), R"({"digit":"#","duration":100})");
}

TEST(WsbridgeDialect, WhoSendsNoActionHearsOfKeysOnly) {
  const auto dialect = original();
  EXPECT_EQ(dialect->write(QueueNotice{true}), "");
  EXPECT_EQ(dialect->write(HoldNotice{true}), "");
  dialect->decodeText("hello");
  EXPECT_EQ(dialect->write(HoldNotice{false}), "");
  dialect->decodeText(R"({"action":"anything"})");
  EXPECT_EQ(dialect->write(QueueNotice{true}), R"({"event":"websocket:queue","state":"high"})");
  EXPECT_EQ(dialect->write(HoldNotice{true}), R"({"event":"websocket:hold"})");
}

TEST(VonageDialect, Messages) {
  EXPECT_EQ(opening(*vonage(), R"({"event":"mine","k":"v"})", 16000),
            R"({"event":"websocket:connected","content-type":"audio/l16;rate=16000","k":"v"})");
  EXPECT_EQ(vonage()->write(DtmfNotice{'5', 260}),
            R"({"event":"websocket:dtmf","digit":"5","duration":260})");
  EXPECT_EQ(vonage()->write(ClearedNotice{}), R"({"event":"websocket:cleared"})");
  EXPECT_EQ(vonage()->write(MarkNotice{R"({"id":7})", false}),
            R"({"event":"websocket:notify","payload":{"id":7}})");
  EXPECT_EQ(vonage()->write(MarkNotice{"", true}), R"({"event":"websocket:notify"})");
  EXPECT_EQ(vonage()->write(QueueNotice{true}), R"({"event":"websocket:queue","state":"high"})");
  EXPECT_EQ(vonage()->write(QueueNotice{false}), R"({"event":"websocket:queue","state":"low"})");
}

TEST(Dialects, ControlMessages) {
  for (const auto& dialect : {original(), vonage()}) {
    EXPECT_TRUE(is<ClearCommand>(dialect->decodeText(R"( {"action":"clear"} )")));
    EXPECT_TRUE(is<HangupCommand>(dialect->decodeText(R"({"action":"hangup"})")));
    const auto notify = dialect->decodeText(R"({"action":"notify","payload":{"id":[1,"x"]}})");
    ASSERT_TRUE(is<MarkCommand>(notify));
    EXPECT_EQ(dialect->write(MarkNotice{std::get<MarkCommand>(notify).label, false}),
              R"({"event":"websocket:notify","payload":{"id":[1,"x"]}})");
    const auto dtmf = dialect->decodeText(R"({"action":"dtmf","digits":"12#"})");
    ASSERT_TRUE(is<DtmfCommand>(dtmf));
    EXPECT_EQ(std::get<DtmfCommand>(dtmf).digits, "12#");
    const auto other = dialect->decodeText(R"({"action":"dance"})");
    ASSERT_TRUE(is<OtherCommand>(other));
    EXPECT_EQ(std::get<OtherCommand>(other).action, "dance");
  }
}

TEST(TwilioDialect, MessagesAreNumberedInTheOrderInWhichTheyAreWritten) {
  const auto twilio = make("twilio");
  const auto messages =
      twilio->opening({R"({"k":"v","n":1.5,"o":{"a":[true]}})", {8000}, "call-1"});
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[0], R"({"event":"connected","protocol":"Call","version":"1.0.0"})");
  const std::string hex(32, '?');
  ASSERT_TRUE(matches(
      messages[1],
      R"({"event":"start","sequenceNumber":"1","start":{"accountSid":"AC)" + hex +
          R"(","streamSid":"MZ)" + hex + R"(","callSid":"CA)" + hex +
          R"(","tracks":["inbound"],"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,)"
          R"("channels":1},"customParameters":{"k":"v","n":"1.5","o":"{\"a\":[true]}"}},)"
          R"("streamSid":"MZ)" +
          hex + "\"}"))
      << messages[1];
  const std::string stream = messages[1].substr(messages[1].size() - 36, 34);
  std::string audio;
  const std::vector<uint8_t> silence(160, 0xff);
  twilio->writeAudio(silence, 1'000'000, audio);
  std::string payload;
  for (int i = 0; i < 53; ++i)
    payload += "////";
  const std::string media =
      R"(,"payload":")" + payload + R"(/w=="},"streamSid":")" + stream + "\"}";
  EXPECT_EQ(audio,
            R"({"event":"media","sequenceNumber":"2","media":{"track":"inbound","chunk":"1",)"
            R"("timestamp":"0")" +
                media);
  EXPECT_EQ(twilio->write(DtmfNotice{'1', 100}),
            R"({"event":"dtmf","streamSid":")" + stream +
                R"(","sequenceNumber":"3","dtmf":{"track":"inbound_track","digit":"1"}})");
  twilio->writeAudio(silence, 1'030'000, audio);
  EXPECT_EQ(audio,
            R"({"event":"media","sequenceNumber":"4","media":{"track":"inbound","chunk":"2",)"
            R"("timestamp":"20")" +
                media);
  EXPECT_EQ(twilio->write(MarkNotice{"a \"b\"", false}),
            R"({"event":"mark","sequenceNumber":"5","streamSid":")" + stream +
                R"(","mark":{"name":"a \"b\""}})");
  EXPECT_EQ(twilio->write(ClearedNotice{}), "") << "the marks are the answer";
  const std::string stop = twilio->write(EndNotice{});
  EXPECT_TRUE(matches(stop, R"({"event":"stop","sequenceNumber":"6","stop":{"accountSid":"AC)" +
                                hex + R"(","callSid":"CA)" + hex + R"("},"streamSid":")" + stream +
                                "\"}"))
      << stop;
}

TEST(TwilioDialect, TheCallSidIsMadeOfTheCallAndTheStreamSidIsNot) {
  const auto start = [] { return make("twilio")->opening({"", {8000}, "call-1"})[1]; };
  const std::string one = start();
  const std::string two = start();
  const auto at = [](const std::string& text, const char* key) {
    return text.substr(text.find(key) + std::string(key).size(), 37);
  };
  EXPECT_EQ(at(one, "callSid"), at(two, "callSid"));
  EXPECT_NE(at(one, "streamSid"), at(two, "streamSid"));
}

TEST(TwilioDialect, SidsThatAreGivenStayAsTheyAre) {
  const std::string call = "CA0123456789abcdef0123456789abcdef";
  const std::string account = "ACfedcba9876543210fedcba9876543210";
  const auto twilio = make("twilio");
  const std::string start = twilio->opening({"", {8000}, call, account})[1];
  EXPECT_NE(start.find(R"("callSid":")" + call + '"'), std::string::npos) << start;
  EXPECT_NE(start.find(R"("accountSid":")" + account + '"'), std::string::npos) << start;
  for (const std::string& none : {account, call + "0", call.substr(1), std::string("CA"),
                                  std::string("CA0123456789ABCDEF0123456789ABCDEG")}) {
    const std::string other = make("twilio")->opening({"", {8000}, none, none})[1];
    EXPECT_EQ(other.find(R"("callSid":")" + none + '"'), std::string::npos) << other;
  }
}

TEST(TwilioDialect, Commands) {
  const auto twilio = make("twilio");
  twilio->opening({"", {8000}, ""});
  EXPECT_TRUE(is<ClearCommand>(twilio->decodeText(R"({"event":"clear"})")));
  const auto mark = twilio->decodeText(R"({"event":"mark","mark":{"name":"m 1"}})");
  ASSERT_TRUE(is<MarkCommand>(mark));
  EXPECT_EQ(std::get<MarkCommand>(mark).label, "m 1");
  EXPECT_TRUE(is<BadCommand>(twilio->decodeText(R"({"event":"mark","mark":{}})")));
  EXPECT_TRUE(is<BadCommand>(twilio->decodeText(R"({"event":"clear","streamSid":"MZother"})")));
  EXPECT_TRUE(is<BadCommand>(twilio->decodeText(R"({"event":"media","media":{}})")));
  EXPECT_TRUE(is<BadCommand>(twilio->decodeText(R"({"event":"media","media":{"payload":""}})")));
  EXPECT_TRUE(is<OtherCommand>(twilio->decodeText(R"({"event":"dance"})")));
  EXPECT_TRUE(is<PlainText>(twilio->decodeText("hello")));
  const auto media = twilio->decodeText(R"({"event":"media","media":{"payload":"/3+AAA=="}})");
  ASSERT_TRUE(is<MediaCommand>(media));
  const std::vector<uint8_t> expected = {0xff, 0x7f, 0x80, 0x00};
  EXPECT_EQ(std::get<MediaCommand>(media).audio, expected);
}

TEST(TwilioDialect, AMinuteInOneMessage) {
  const auto twilio = make("twilio");
  twilio->opening({"", {8000}, ""});
  std::string payload;
  for (int i = 0; i < 160'000; ++i)
    payload += "////";
  for (const bool escaped : {false, true}) {
    std::string sent = payload;
    if (escaped) {
      sent.clear();
      for (const char c : payload.substr(0, 40'000))
        sent += std::string("\\") + c;
    }
    const auto media =
        twilio->decodeText(R"({"event":"media","media":{"payload":")" + sent + R"("},"x":1})");
    ASSERT_TRUE(is<MediaCommand>(media));
    EXPECT_EQ(std::get<MediaCommand>(media).audio.size(), escaped ? 30'000U : 480'000U);
  }
  const auto media =
      twilio->decodeText(R"({"event":"media","media":{"payload":"//8="},"x":")" + payload + "\"}");
  ASSERT_TRUE(is<MediaCommand>(media));
  EXPECT_EQ(std::get<MediaCommand>(media).audio.size(), 2U) << "another long string is no audio";
}

TEST(AsteriskDialect, FormatAndFrameSize) {
  const auto start = [](const ContentType& type) {
    return make("asterisk")->opening({"", type, "call-1"}).front();
  };
  const std::vector<std::pair<ContentType, std::string>> formats = {
      {{8000, AudioEncoding::Ulaw}, R"("format":"ulaw","optimal_frame_size":160,"ptime":20)"},
      {{8000, AudioEncoding::Alaw}, R"("format":"alaw","optimal_frame_size":160,"ptime":20)"},
      {{8000}, R"("format":"slin","optimal_frame_size":320,"ptime":20)"},
      {{48000}, R"("format":"slin48","optimal_frame_size":1920,"ptime":20)"}};
  for (const auto& [type, text] : formats)
    EXPECT_NE(start(type).find(text), std::string::npos) << start(type);
}

TEST(AsteriskDialect, JsonForm) {
  const auto asterisk = make("asterisk");
  const auto start = opening(*asterisk, R"({"K":"v","N":2})", 16000);
  EXPECT_TRUE(matches(
      start, R"({"event":"MEDIA_START","connection_id":")" + kUuid +
                 R"(","channel":"WebSocket/call-1","channel_id":"call-1","format":"slin16",)"
                 R"("optimal_frame_size":640,"ptime":20,"channel_variables":{"K":"v","N":"2"}})"))
      << start;
  const std::string id = R"(,"channel_id":"call-1")";
  EXPECT_EQ(asterisk->write(DtmfNotice{'5', 100}),
            R"({"event":"DTMF_END")" + id + R"(,"digit":"5"})");
  EXPECT_EQ(asterisk->write(QueueNotice{true}), R"({"event":"MEDIA_XOFF")" + id + "}");
  EXPECT_EQ(asterisk->write(QueueNotice{false}), R"({"event":"MEDIA_XON")" + id + "}");
  EXPECT_EQ(asterisk->write(DrainedNotice{}), R"({"event":"QUEUE_DRAINED")" + id + "}");
  const auto mark = asterisk->decodeText(R"({"command":"MARK_MEDIA","correlation_id":"a b"})");
  ASSERT_TRUE(is<MarkCommand>(mark));
  EXPECT_EQ(asterisk->write(MarkNotice{std::get<MarkCommand>(mark).label, true}),
            R"({"event":"MEDIA_MARK_PROCESSED")" + id + R"(,"correlation_id":"a b"})");
  EXPECT_TRUE(is<NoCommand>(asterisk->decodeText(R"({"command":"START_MEDIA_BUFFERING"})")));
  EXPECT_EQ(asterisk->write(StatusNotice{240, 60'000, false, true}),
            R"({"event":"STATUS")" + id +
                R"(,"queue_length":12,"xon_level":2400,"xoff_level":2700,"queue_full":false,)"
                R"("bulk_media":true,"media_paused":true})");
  const auto stop = asterisk->decodeText(R"({"command":"STOP_MEDIA_BUFFERING"})");
  ASSERT_TRUE(is<MarkCommand>(stop));
  EXPECT_EQ(asterisk->write(MarkNotice{std::get<MarkCommand>(stop).label, false}),
            R"({"event":"MEDIA_BUFFERING_COMPLETED")" + id + R"(,"correlation_id":""})");
  EXPECT_EQ(asterisk->write(MarkNotice{std::get<MarkCommand>(stop).label, true}), "");
  EXPECT_TRUE(is<ClearCommand>(asterisk->decodeText(R"({"command":"FLUSH_MEDIA"})")));
  EXPECT_TRUE(is<HangupCommand>(asterisk->decodeText(R"({"command":"HANGUP"})")));
  EXPECT_TRUE(is<NoCommand>(asterisk->decodeText(R"({"command":"ANSWER"})")));
  EXPECT_TRUE(is<StatusCommand>(asterisk->decodeText(R"({"command":"GET_STATUS"})")));
  EXPECT_TRUE(
      is<ReportDrainedCommand>(asterisk->decodeText(R"({"command":"REPORT_QUEUE_DRAINED"})")));
  EXPECT_TRUE(is<OtherCommand>(asterisk->decodeText(R"({"command":"DANCE"})")));
  EXPECT_TRUE(is<PlainText>(asterisk->decodeText(R"({"command":5})")));
}

TEST(AsteriskDialect, PlainTextForm) {
  const auto asterisk = make("asterisk");
  opening(*asterisk, "", 8000);
  const auto pause = asterisk->decodeText("PAUSE_MEDIA\r\n");
  ASSERT_TRUE(is<PauseCommand>(pause));
  EXPECT_TRUE(std::get<PauseCommand>(pause).paused);
  EXPECT_EQ(asterisk->write(DtmfNotice{'5', 100}), "DTMF_END digit:5 channel_id:call-1");
  EXPECT_EQ(asterisk->write(QueueNotice{true}), "MEDIA_XOFF");
  EXPECT_EQ(asterisk->write(DrainedNotice{}), "QUEUE_DRAINED");
  EXPECT_EQ(asterisk->write(StatusNotice{240, 60'000, true, false}),
            "STATUS channel_id:call-1 queue_length:12 xon_level:2400 xoff_level:2700 "
            "queue_full:true bulk_media:false media_paused:false");
  const auto mark = asterisk->decodeText("MARK_MEDIA " + std::string(500, 'x'));
  ASSERT_TRUE(is<MarkCommand>(mark)) << "no limit of 128 bytes";
  EXPECT_EQ(asterisk->write(MarkNotice{std::get<MarkCommand>(mark).label, false}),
            "MEDIA_MARK_PROCESSED " + std::string(500, 'x'));
  const auto stop = asterisk->decodeText("STOP_MEDIA_BUFFERING");
  EXPECT_EQ(asterisk->write(MarkNotice{std::get<MarkCommand>(stop).label, false}),
            "MEDIA_BUFFERING_COMPLETED");
  EXPECT_TRUE(is<PlainText>(asterisk->decodeText("hello there")));
  EXPECT_TRUE(is<PlainText>(asterisk->decodeText("")));
}

TEST(JambonzDialect, Messages) {
  const auto jambonz = make("jambonz");
  const auto first = opening(*jambonz, R"({"sampleRate":1,"k":{"a":1}})", 8000);
  EXPECT_TRUE(matches(first, R"({"sampleRate":8000,"mixType":"mono","callSid":")" + kUuid +
                                 R"(","direction":"inbound","callId":"call-1","k":{"a":1}})"))
      << first;
  EXPECT_EQ(jambonz->write(DtmfNotice{'1', 800}),
            R"({"event":"dtmf","dtmf":"1","duration":"800"})");
  EXPECT_EQ(jambonz->write(MarkNotice{"m", false}),
            R"({"type":"mark","data":{"name":"m","event":"playout"}})");
  EXPECT_EQ(jambonz->write(MarkNotice{"m", true}),
            R"({"type":"mark","data":{"name":"m","event":"cleared"}})");
  EXPECT_TRUE(is<ClearCommand>(jambonz->decodeText(R"({"type":"killAudio"})")));
  EXPECT_TRUE(is<ClearMarksCommand>(jambonz->decodeText(R"({"type":"clearMarks"})")));
  EXPECT_TRUE(is<HangupCommand>(jambonz->decodeText(R"({"type":"disconnect"})")));
  EXPECT_TRUE(is<MarkCommand>(jambonz->decodeText(R"({"type":"mark","data":{"name":"m"}})")));
  EXPECT_TRUE(is<BadCommand>(jambonz->decodeText(R"({"type":"mark","data":{}})")));
  EXPECT_TRUE(is<OtherCommand>(jambonz->decodeText(R"({"type":"dance"})")));
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
  const ContentType ulaw{8000, AudioEncoding::Ulaw};
  const ContentType alaw{8000, AudioEncoding::Alaw};
  for (const char* text : {"audio/pcmu;rate=8000", "audio/PCMU; rate=8000", "audio/pcmu",
                           "audio/basic", "audio/x-mulaw;rate=8000"}) {
    EXPECT_EQ(ContentType::parse(text), ulaw) << text;
  }
  for (const char* text : {"audio/pcma;rate=8000", "audio/pcma", "audio/x-alaw"})
    EXPECT_EQ(ContentType::parse(text), alaw) << text;
  EXPECT_EQ(ulaw.text(), "audio/pcmu;rate=8000");
  EXPECT_EQ(alaw.text(), "audio/pcma;rate=8000");
  for (const char* text :
       {"", "audio/l16", "audio/l16;rate=", "audio/l16;rate=11025", "audio/l16;rate=16000x",
        "audio/l16;rate=-16000", "audio/pcmu;rate=16000", "audio/pcmux",
        "audio/pcmu;rate=8000;channels=2", "audio/opus", "audio/l16;rate=16000;channels=2",
        "audio/l16;rate=99999999999999999999",
        "audio/l16;rate=16000                                            "}) {
    EXPECT_FALSE(ContentType::parse(text)) << text;
  }
}

}  // namespace
