// SPDX-License-Identifier: LGPL-2.1-or-later
// The endpoint stops the caller's audio, or its own, and lets it go on.
#include <gtest/gtest.h>

#include "Conversation.hpp"

namespace e2e {
namespace {

// How an endpoint of a dialect mutes the caller, and what it is told.
struct Words {
  Talk talk;
  std::string on;
  std::string off;
  std::string onAnswer;
  std::string offAnswer;

  friend std::ostream& operator<<(std::ostream& out, const Words& words) {
    return out << words.talk;
  }
};

std::string direction(bool plain, const std::string& word) {
  return plain ? "SET_MEDIA_DIRECTION " + word
               : R"({"command":"SET_MEDIA_DIRECTION","direction":")" + word + "\"}";
}

std::vector<Words> words() {
  std::vector<Words> all;
  for (const Talk& talk : talks()) {
    const auto update = [](const char* active) {
      return std::string(R"({"event":"websocket:media:update","method":"update","active":)") +
             active + "}";
    };
    if (talk.offered == "WSBRIDGE") {
      all.push_back({talk, R"({"action":"mute","active":true})",
                     R"({"action":"mute","active":false})", update("false"), update("true")});
    }
    if (talk.dialect == "asterisk") {
      const bool plain = talk.name == "AsteriskPlain";
      all.push_back({talk, direction(plain, "out"), direction(plain, "both"), "", ""});
    }
  }
  return all;
}

class Mute : public ::testing::TestWithParam<Words> {
 protected:
  E2E_SHARED_GATEWAY((Gateway::Options{}));
};

TEST_P(Mute, NothingOfTheCallerReachesTheEndpointButKeys) {
  const Words& words = GetParam();
  Conversation call(*gateway, words.talk);
  ASSERT_TRUE(call.begin());
  RtpPeer& rtp = call.phone().rtp();
  std::vector<std::string> wanted = words.talk.opening;
  const auto want = [&](const std::string& text) {
    if (!text.empty()) wanted.push_back(text);
    return call.waitControls(wanted.size());
  };
  rtp.play(sine(rtp.rate(), 500, 0.3, 8000));
  ASSERT_TRUE(call.waitFrames(14));
  ASSERT_TRUE(rtp.waitPlayed(5s));
  call.send(words.on);
  // A mark of an empty queue: where the dialect does not tell of the mute, this says that it holds.
  call.mark("on");
  if (!words.onAnswer.empty()) wanted.push_back(words.onAnswer);
  ASSERT_TRUE(want(replaced(words.talk.played, "<label>", "on")));
  const size_t before = call.frames().size();
  rtp.play(sine(rtp.rate(), 500, 0.4, 8000));
  rtp.playDtmf('5', 100);
  ASSERT_TRUE(want(words.talk.key));
  EXPECT_EQ(call.frames().size(), before) << "audio while muted";
  const size_t from = call.packets();
  call.playTone(700, 0.4);
  ASSERT_TRUE(call.waitPackets(30));
  expectTone(call.heard(from), rtp.rate(), 700, 0.4);

  call.send(words.off);
  if (!words.offAnswer.empty()) wanted.push_back(words.offAnswer);
  call.mark("off");
  ASSERT_TRUE(want(replaced(words.talk.played, "<label>", "off")));
  rtp.play(sine(rtp.rate(), 500, 0.3, 8000));
  ASSERT_TRUE(call.waitFrames(before + 14));
  call.expectNormalEnd();
  if (!words.talk.end.empty()) wanted.push_back(words.talk.end);
  call.expectControls(wanted);
}

INSTANTIATE_TEST_SUITE_P(Calls, Mute, ::testing::ValuesIn(words()),
                         [](const auto& test) { return test.param.talk.name; });

// chan_websocket can stop the endpoint's own audio, too.
class Direction : public ::testing::TestWithParam<bool> {
 protected:
  E2E_SHARED_GATEWAY((Gateway::Options{}));
};

TEST_P(Direction, InIsToHearAndNotToBeHeard) {
  const bool plain = GetParam();
  const Talk talk = asterisk::talk(plain);
  Conversation call(*gateway, talk);
  ASSERT_TRUE(call.begin());
  RtpPeer& rtp = call.phone().rtp();
  const auto status = [&](size_t controls) {
    call.send(asterisk::command(plain, "GET_STATUS"));
    return call.waitControls(controls);
  };
  call.send(direction(plain, "in"));
  const size_t from = call.packets();
  call.playTone(700, 0.4);
  ASSERT_TRUE(status(2));
  EXPECT_TRUE(Script(call.phone().callId())
                  .matches(asterisk::status(plain, 0, false, false), call.controls()[1].data))
      << "queued all the same";
  rtp.play(sine(rtp.rate(), 500, 0.3, 8000));
  EXPECT_TRUE(call.waitFrames(14)) << "the caller is heard";
  ASSERT_TRUE(call.waitPackets(10));
  EXPECT_TRUE(call.heard(from).empty()) << "the endpoint is heard";
  call.send(direction(plain, "both"));
  const size_t back = call.packets();
  call.playTone(700, 0.4);
  ASSERT_TRUE(call.waitPackets(30));
  expectTone(call.heard(back), rtp.rate(), 700, 0.4);
  call.expectNormalEnd();
}

INSTANTIATE_TEST_SUITE_P(Forms, Direction, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "Plain" : "Json"; });

}  // namespace
}  // namespace e2e
