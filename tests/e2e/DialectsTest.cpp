// SPDX-License-Identifier: LGPL-2.1-or-later
// What docs/dialects says of each dialect: every message of a call, in its order.
#include <filesystem>
#include <regex>

#include <gtest/gtest.h>

#include "Conversation.hpp"

namespace e2e {
namespace {

namespace fs = std::filesystem;

std::string nameOf(const ::testing::TestParamInfo<Talk>& info) {
  return info.param.name;
}

class Dialects : public ::testing::TestWithParam<Talk> {
 protected:
  E2E_SHARED_GATEWAY((Gateway::Options{}));
};

TEST_P(Dialects, EveryMessageOfACall) {
  const Talk& talk = GetParam();
  Conversation call(*gateway, talk);
  ASSERT_TRUE(call.begin());
  EXPECT_EQ(call.record().header("Sec-WebSocket-Protocol"), talk.offered);
  RtpPeer& rtp = call.phone().rtp();
  const size_t openings = talk.opening.size();

  rtp.play(sine(rtp.rate(), 500, 0.5, 8000));
  rtp.playDtmf('5', 100);
  ASSERT_TRUE(call.waitControls(openings + 1)) << "the key";
  const auto frames = call.frames();
  EXPECT_NEAR(static_cast<double>(frames.size()), 25, 1);
  for (const Samples& frame : frames)
    ASSERT_EQ(frame.size(), static_cast<size_t>(talk.rate / 50));
  expectTone(louderThan(joined(frames), talk.rate, -40), talk.rate, 500, 0.5);

  const size_t first = call.packets();
  call.playTone(700, 0.6);
  call.mark("one");
  ASSERT_TRUE(call.waitControls(openings + 2)) << "the mark behind the audio";
  ASSERT_TRUE(call.waitPackets(5));
  const auto marked = call.controls().back().at;
  const double behind = millisBetween(call.firstHeard(first), marked);
  EXPECT_GE(behind, 550) << "before the audio was played";
  EXPECT_LE(behind, 580 + 120 * kTimeScale) << "long after the audio was played";
  expectTone(call.heard(first), rtp.rate(), 700, 0.6);

  const size_t second = call.packets();
  call.playTone(900, 5);
  call.mark("two");
  ASSERT_TRUE(call.waitPackets(15));
  EXPECT_EQ(call.controls().size(), openings + 2) << "the mark waits";
  const auto before = Clock::now();
  call.send(talk.clear);
  ASSERT_TRUE(call.waitControls(openings + (talk.clearAnswer.empty() ? 3 : 4)));
  EXPECT_LT(millisBetween(before, call.controls().at(openings + 2).at), 100 * kTimeScale);
  const size_t quiet = call.packets() + 3;
  ASSERT_TRUE(call.waitPackets(20));
  EXPECT_TRUE(call.heard(quiet).empty()) << "goes on behind the clear";
  EXPECT_NEAR(dominantHertz(call.heard(second), rtp.rate()), 900, 8);

  call.expectNormalEnd();
  std::vector<std::string> wanted = talk.opening;
  wanted.push_back(talk.key);
  wanted.push_back(replaced(talk.played, "<label>", "one"));
  wanted.push_back(replaced(talk.cleared, "<label>", "two"));
  if (!talk.clearAnswer.empty()) wanted.push_back(talk.clearAnswer);
  if (!talk.end.empty()) wanted.push_back(talk.end);
  call.expectTranscript(wanted);
}

INSTANTIATE_TEST_SUITE_P(Calls, Dialects, ::testing::ValuesIn(talks()), nameOf);

class Others : public ::testing::Test {
 protected:
  // So small that what is sent at once makes it stop to read.
  E2E_SHARED_GATEWAY((Gateway::Options{.set = {{"audio.max-playout", "4000"}}}));
};

TEST_F(Others, JambonzClearMarksForgetsThemAndPlaysOn) {
  Conversation call(*gateway, jambonzTalk());
  ASSERT_TRUE(call.begin());
  call.playTone(700, 0.6);
  call.mark("gone");
  call.send(R"({"type":"clearMarks"})");
  call.mark("kept");
  ASSERT_TRUE(call.waitControls(2));
  ASSERT_TRUE(call.waitPackets(5));
  expectTone(call.heard(), call.phone().rtp().rate(), 700, 0.6);
  call.send(R"({"type":"disconnect"})");
  EXPECT_TRUE(call.phone().sip().waitRequest("BYE", 5s).has_value());
  call.expectTranscript(
      {jambonzTalk().opening.front(), replaced(jambonzTalk().played, "<label>", "kept")});
}

TEST_F(Others, TheEndpointIsToldOfAFullQueue) {
  std::vector<std::pair<Talk, std::unique_ptr<Conversation>>> calls;
  for (const Talk& talk : talks()) {
    if (talk.full.empty()) continue;
    calls.emplace_back(talk, std::make_unique<Conversation>(*gateway, talk));
    ASSERT_TRUE(calls.back().second->begin()) << talk.name;
    // An endpoint of the dialect wsbridge that never sends an action is not told.
    calls.back().second->send(R"({"action":"hello"})");
    calls.back().second->playTone(700, 4.2);
  }
  for (const auto& [talk, call] : calls) {
    SCOPED_TRACE(talk.name);
    ASSERT_TRUE(call->waitControls(3));
    const auto controls = call->controls();
    // From 4.0 to 4.2 s, as the reads come, down to 3.2 s.
    EXPECT_NEAR(millisBetween(controls[1].at, controls[2].at), 900, 250 * kTimeScale);
    call->expectTranscript({talk.opening.front(), talk.full, talk.room});
  }
}

// A stream's time goes on while the caller sends nothing.
TEST_F(Others, TwilioTimestampsCountPauses) {
  Conversation call(*gateway, twilioTalk());
  ASSERT_TRUE(call.begin());
  RtpPeer& rtp = call.phone().rtp();
  const Samples tone = sine(8000, 500, 0.2, 8000);
  rtp.play(tone);
  rtp.pause(600);
  rtp.play(tone);
  ASSERT_TRUE(call.waitFrames(19));
  std::vector<int> stamps;
  for (const auto& message : call.record().messages) {
    if (call.isAudio(message))
      stamps.push_back(std::stoi(memberOf(message.data, {"media", "timestamp"})));
  }
  EXPECT_EQ(stamps.front(), 0);
  EXPECT_NEAR(stamps.back(), 980, 60);
}

// Barge-in: the clear does not wait for the audio that it is to throw away.
TEST_F(Others, TwilioClearsAtOnceBehindALongMessage) {
  Conversation call(*gateway, twilioTalk());
  ASSERT_TRUE(call.begin());
  call.playTone(700, 6);
  call.mark("m");
  ASSERT_TRUE(call.waitPackets(10));  // by now nothing more is read
  call.send(twilioTalk().clear);
  const size_t quiet = call.packets() + 5;
  ASSERT_TRUE(call.waitPackets(20));
  EXPECT_TRUE(call.heard(quiet).empty()) << "goes on behind the clear";
  EXPECT_TRUE(call.waitControls(3)) << "the mark comes back";
}

// Five times what may be queued, in one message and in many.
TEST_F(Others, TwilioPlaysLongAudioComplete) {
  const Samples spoken = syllables(8000, 20);
  Gateway roomy;
  struct Way {
    const Gateway* gateway;
    size_t messages;
    std::unique_ptr<Conversation> call = {};
  };
  Way ways[] = {{&roomy, 1}, {gateway.get(), 1}, {gateway.get(), 40}};
  for (Way& way : ways) {
    way.call = std::make_unique<Conversation>(*way.gateway, twilioTalk());
    ASSERT_TRUE(way.call->begin());
    const size_t size = spoken.size() / way.messages;
    for (size_t i = 0; i < way.messages; ++i)
      way.call->play(slice(spoken, i * size, size));
    way.call->mark("end");
  }
  for (Way& way : ways) {
    SCOPED_TRACE(std::to_string(way.messages) + (way.gateway == &roomy ? " roomy" : " narrow"));
    ASSERT_TRUE(way.call->waitControls(3, 25s));
    ASSERT_TRUE(way.call->waitPackets(5));
    EXPECT_NEAR(millisBetween(way.call->firstHeard(0), way.call->controls()[2].at), 20'000,
                300 * kTimeScale);
    const Samples heard = way.call->phone().rtp().decoded();
    const Match match = findIn(slice(spoken, 160, spoken.size() - 160), heard);
    EXPECT_GT(match.correlation, 0.98);
    EXPECT_NEAR(match.gainDb, 0, 0.3);
    way.call->expectNormalEnd();
  }
}

// What an endpoint gets wrong, or another one would understand.
struct Faults {
  Talk talk;
  std::vector<std::string> texts;
  std::string unknown;  // an action among them that no dialect has
  bool warned;          // of the bad ones among them
  std::vector<std::string> answers = {};

  friend std::ostream& operator<<(std::ostream& out, const Faults& bad) { return out << bad.talk; }
};

std::vector<Faults> faults() {
  const std::string foreign = R"("streamSid":"MZ00000000000000000000000000000000")";
  const std::string tone = base64(RtpPeer::encodePayload("PCMU", sine(8000, 1500, 0.5, 8000)));
  const std::vector<std::string> ofTwilio = {
      R"({"event":"dance","streamSid":"<stream>"})",
      R"({"event":"hangup","streamSid":"<stream>"})",
      R"({"event":"transfer","uri":"sip:desk@example.org"})",
      R"({"event":"mark","streamSid":"<stream>"})",
      R"({"event":"mark","mark":"m"})",
      R"({"event":"mark","mark":{"name":7}})",
      R"({"event":"mark","mark":{"name":"m"},)" + foreign + "}",
      R"({"event":"clear",)" + foreign + "}",
      R"({"event":"media"})",
      R"({"event":"media","media":[]})",
      R"({"event":"media","media":{}})",
      R"({"event":"media","media":{"payload":7}})",
      R"({"event":"media","media":{"payload":""}})",
      R"({"event":"media","media":{"payload":"@@@@@@@@"}})",
      R"({"event":"media","media":{"payload":")" + tone + "\"}," + foreign + "}",
      R"({"event":"media","media":{"payload":"","x":")" + tone + "\"}}",
      R"({"Event":"clear"})"};
  const std::vector<std::string> ofL16 = {R"({"action":"dance"})",
                                          R"({"action":"dtmf"})",
                                          R"({"action":"dtmf","digits":"12x"})",
                                          R"({"action":"dtmf","digits":12})",
                                          R"({"action":null})",
                                          R"({"Action":"clear"})"};
  const std::vector<std::string> ofJambonz = {
      R"({"type":"dance"})",
      R"({"type":"hangup"})",
      R"({"type":"transfer","uri":"sip:desk@example.org"})",
      R"({"type":"mark"})",
      R"({"type":"mark","data":"m"})",
      R"({"type":"mark","data":{}})",
      R"({"type":"mark","data":{"name":7}})",
      R"({"type":"playAudio","data":{"audioContent":")" + tone + "\"}}"};
  const std::vector<std::string> ofAsterisk = {
      "DANCE",
      "DANCE with me",
      "mark_media x",
      R"({"command":"DANCE"})",
      R"({"command":7})",
      R"({"command":"hangup"})",
      R"({"command":"transfer","uri":"sip:d@example.org"})",
      "hangup",
      " HANGUP"};
  std::vector<Faults> all;
  for (const Talk& talk : talks()) {
    if (talk.dialect == "twilio") all.push_back({talk, ofTwilio, "dance", true});
    if (talk.dialect == "jambonz") all.push_back({talk, ofJambonz, "dance", true});
    if (talk.dialect == "asterisk") {
      // A "{" alone, among the nonsense.
      all.push_back({talk,
                     ofAsterisk,
                     "DANCE",
                     true,
                     {R"({"event":"ERROR","channel_id":"<channel>",)"
                      R"("error_text":"Unable to parse JSON command"})"}});
    }
    if (talk.offered == "WSBRIDGE") all.push_back({talk, ofL16, "dance", false});
  }
  return all;
}

// No dialect knows these.
std::vector<std::string> nonsense() {
  return {"",
          "hello",
          "{",
          "}",
          "{}",
          "[]",
          "[{}]",
          "7",
          "\"clear\"",
          "null",
          "\xc3\xa4 \xf0\x9f\x98\x80",  // text beyond ASCII
          R"({"event":7})",
          R"({"event":{}})",
          R"({"action":[]})",
          R"({"type":null})",
          R"({"command":{"command":"HANGUP"}})",
          R"({"event":"dance","action":"dance","type":"dance","command":"dance"})",
          std::string(100'000, '['),
          std::string(100'000, 'x')};
}

class BadMessages : public ::testing::TestWithParam<Faults> {
 protected:
  E2E_SHARED_GATEWAY((Gateway::Options{
      .set = {{"log.steps", "true"}},
      .variables = {{"GST_DEBUG", "default:2"}, {"GST_DEBUG_NO_COLOR", "1"}}}));
};

TEST_P(BadMessages, DoNotEndTheCall) {
  const Faults& bad = GetParam();
  const size_t lines = gateway->process().lineCount();
  Conversation call(*gateway, bad.talk);
  ASSERT_TRUE(call.begin());
  for (const std::string& text : bad.texts)
    call.send(text);
  for (const std::string& text : nonsense())
    call.send(text);
  ASSERT_TRUE(call.waitPackets(30, 2s)) << "the call has ended";
  EXPECT_TRUE(call.phone().sip().requests("REFER").empty()) << "foreign words are followed";
  EXPECT_TRUE(call.heard().empty()) << "a text that is no audio is heard";
  if (call.audioIsText()) {
    const size_t before = call.packets();
    call.endpoint().sendBinary(1, toBytes(sine(8000, 1500, 0.2, 8000)));
    ASSERT_TRUE(call.waitPackets(15));
    EXPECT_TRUE(call.heard(before).empty()) << "BINARY is heard where audio is TEXT";
  }

  RtpPeer& rtp = call.phone().rtp();
  rtp.play(sine(rtp.rate(), 600, 0.5, 8000));
  ASSERT_TRUE(call.waitFrames(24));
  ASSERT_TRUE(rtp.waitPlayed(5s));
  const size_t from = call.packets();
  call.play(louderThan(joined(call.frames()), bad.talk.rate, -40));
  ASSERT_TRUE(call.waitPackets(35));
  expectTone(call.heard(from), rtp.rate(), 600, 0.5);
  call.expectNormalEnd();
  std::vector<std::string> wanted = bad.talk.opening;
  wanted.insert(wanted.end(), bad.answers.begin(), bad.answers.end());
  if (!bad.talk.end.empty()) wanted.push_back(bad.talk.end);
  if (bad.answers.empty()) {
    call.expectTranscript(wanted);
  } else {
    call.expectControls(wanted);
  }

  const auto end = gateway->waitEnd(call.phone().callId()).value_or(LogRecord{});
  EXPECT_EQ(end["reason"], "caller-hangup");
  EXPECT_GT(end.number("ignored"), 0) << "what was ignored is counted";
  const auto since = [&](const std::string& pattern) {
    return gateway->process().waitForLine(pattern, bad.warned ? 1s : 0ms, lines).has_value();
  };
  EXPECT_EQ(since("a message that cannot be used"), bad.warned);
  EXPECT_TRUE(since("control.*" + bad.unknown)) << "the application is told";
}

INSTANTIATE_TEST_SUITE_P(Endpoints, BadMessages, ::testing::ValuesIn(faults()),
                         [](const auto& test) { return test.param.talk.name; });

// The launcher's names of the dialects are those of the element.
TEST(DialectNames, LauncherAndElementAgree) {
  if (kSanitized) GTEST_SKIP() << "gst-inspect-1.0 cannot load a sanitized plugin";
  const fs::path plugins = fs::path(Gateway::program()).parent_path().parent_path() / "plugins";
  const auto linesOf = [&](const std::vector<std::string>& words) {
    auto options = Gateway::environment();
    options.environment["GST_PLUGIN_PATH"] = plugins;
    ChildProcess process(words, options);
    EXPECT_EQ(process.waitExit(20s), 0) << words.front() << "\n" << process.output();
    return process.lines();
  };
  std::string ofElement;
  bool inside = false;
  const std::regex value(R"(^\s+\(\d+\): (\S+) .*)");
  for (const std::string& line : linesOf({"gst-inspect-1.0", "--no-colors", "wsbridgesink"})) {
    std::smatch match;
    if (std::regex_search(line, std::regex(R"(^  [a-z-]+ +: )")))
      inside = line.rfind("  dialect ", 0) == 0;
    if (!inside || !std::regex_match(line, match, value)) continue;
    ofElement += (ofElement.empty() ? "" : ", ") + match[1].str();
    EXPECT_FALSE(linesOf({Gateway::program(), "--check-config", "--set",
                          "websocket.dialect=" + match[1].str()})
                     .empty());
  }
  EXPECT_FALSE(ofElement.empty());
  size_t named = 0;
  const std::regex key(R"(^  (?:websocket\.)?dialect \(one of (.*)\)$)");
  for (const std::string& line : linesOf({Gateway::program(), "--help"})) {
    std::smatch match;
    if (!std::regex_match(line, match, key)) continue;
    ++named;
    EXPECT_EQ(match[1], ofElement);
  }
  EXPECT_EQ(named, 2U) << "websocket.dialect and that of a route";
}

}  // namespace
}  // namespace e2e
