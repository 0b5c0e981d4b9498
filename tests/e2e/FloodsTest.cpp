// SPDX-License-Identifier: LGPL-2.1-or-later
// One endpoint that sends as fast as it can what is no audio: nobody else notices, and what bots
// really do is no flood.
#include <algorithm>

#include <gtest/gtest.h>

#include "Conversation.hpp"
#include "EndpointFloods.hpp"
#include "Figures.hpp"
#include "RawEndpoint.hpp"

namespace e2e {
namespace {

constexpr double kMaxGrowthKb = 20 * 1024;
constexpr size_t kMaxLog = 1000 * 1000;
constexpr auto kFlood = 2s;

class Floods : public ::testing::TestWithParam<EndpointFlood> {
 protected:
  static void SetUpTestSuite() {
    gateway = std::make_unique<Gateway>(Gateway::Options{.set = {{"media.loops", "1"},
                                                                 {"log.steps", "true"},
                                                                 {"limits.max-loop-delay", "20"},
                                                                 {"limits.max-loop-load", "90"}}});
  }
  static void TearDownTestSuite() { gateway.reset(); }
  inline static std::unique_ptr<Gateway> gateway;
};

TEST_P(Floods, NobodyElseNotices) {
  const EndpointFlood& flood = GetParam();
  SoupEndpoint good({.echo = true, .record = false});
  std::atomic<bool> flooding{false};
  RawEndpoint bad([&](RawConnection& connection) {
    if (!connection.acceptHandshake()) return;
    connection.recvFrame(5s);
    connection.write(flood.first);
    flooding = true;
    const auto end = Clock::now() + kFlood;
    while (Clock::now() < end && connection.write(flood.bytes)) {
    }
    connection.waitPeerGone(60s);
  });
  Phone caller(*gateway);
  ASSERT_EQ(caller.call(good.uri()), 200);
  caller.rtp().play(sine(8000, 440, 10, 8000));
  ASSERT_TRUE(caller.rtp().waitReceived(50, 5s));
  SipCaller stranger({.port = gateway->udpPort()});
  ASSERT_TRUE(stranger.options(5s).has_value());

  const long memory = gateway->process().usage().rssKb;
  const size_t log = gateway->log().size();
  const size_t slowed = gateway->records("endpoint-slowed").size();
  const size_t missed = gateway->records("loop-missed").size();
  caller.rtp().forget();
  Phone victim(*gateway);
  ASSERT_EQ(victim.call(bad.uri()), 200);
  ASSERT_TRUE(eventually([&] { return flooding.load(); }, 5s));
  const auto until = Clock::now() + kFlood;
  double slowest = 0;
  long most = memory;
  while (Clock::now() < until) {
    SipCaller other({.port = gateway->udpPort()});
    const auto asked = Clock::now();
    const auto answer = other.options(5s);
    ASSERT_TRUE(answer.has_value()) << "SIP is not answered";
    slowest = std::max(slowest, millisBetween(asked, Clock::now()));
    most = std::max(most, gateway->process().usage().rssKb);
  }
  Phone late(*gateway);
  EXPECT_EQ(late.call(good.uri()), 200) << "one abuser decides who may call";
  expectSteadyRtp(caller.rtp().packets());
  EXPECT_TRUE(victim.hangUp());
  EXPECT_TRUE(late.hangUp());
  EXPECT_TRUE(caller.hangUp());
  EXPECT_TRUE(gateway->waitEnd(victim.callId()).has_value());
  most = std::max(most, gateway->process().usage().rssKb);
  const size_t logged = gateway->log().size() - log;
  double own = 0;
  const auto late_ticks = gateway->records("loop-missed");
  for (size_t i = missed; i < late_ticks.size(); ++i)
    own += late_ticks[i].number("own");
  std::printf("%s: OPTIONS at most %.1f ms, %ld kB more, %zu bytes of log, %.0f ticks missed\n",
              flood.name, slowest, most - memory, logged, own);
  EXPECT_LT(logged, kMaxLog);
  // Audio waits for the play-out, however it is cut.
  if (std::string(flood.name) != "AudioFragments") {
    EXPECT_GT(gateway->records("endpoint-slowed").size(), slowed) << "that was no flood";
  }
  if (kSanitized) return;
  EXPECT_LT(slowest, 500);
  EXPECT_LT(static_cast<double>(most - memory), kMaxGrowthKb);
  EXPECT_EQ(own, 0) << "ticks that the loop missed by its own doing";
}

INSTANTIATE_TEST_SUITE_P(All, Floods, ::testing::ValuesIn(endpointFloods()),
                         [](const auto& one) { return std::string(one.param.name); });

// Whoever goes on is given up: a small rate, so that the test need not send for a minute.
TEST(FloodsEnd, WhoKeepsAtItIsClosedWith1008) {
  Gateway gateway({.set = {{"websocket.max-control-rate", "5"}}});
  std::atomic<unsigned> code{0};
  std::string reason;
  RawEndpoint bad([&](RawConnection& connection) {
    if (!connection.acceptHandshake()) return;
    connection.write(repeated(5000, encodeFrame(Opcode::Text, true, R"({"action":"x"})")));
    if (const auto frame = connection.recvFrame(Opcode::Close, 30s)) {
      reason = frame->closeReason();
      code = frame->closeCode();
    }
  });
  Phone phone(gateway);
  ASSERT_EQ(phone.call(bad.uri()), 200);
  const auto end = gateway.waitEnd(phone.callId(), 30s);
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ((*end)["reason"], "endpoint-error");
  EXPECT_NE((*end)["detail"].find("1008"), std::string::npos) << (*end)["detail"];
  EXPECT_TRUE(eventually([&] { return code == 1008U; }, 5s));
  EXPECT_NE(reason.find("too many control messages"), std::string::npos) << reason;
  EXPECT_TRUE(phone.sip().waitRequest("BYE", 5s).has_value());
  const auto told = gateway.records("endpoint-slowed");
  ASSERT_FALSE(told.empty());
  EXPECT_LE(told.size(), 14U) << "once a second";
  EXPECT_EQ(told.front()["reason"], "messages");
}

class Bursts : public ::testing::TestWithParam<Talk> {
 protected:
  E2E_SHARED_GATEWAY((Gateway::Options{}));
};

// A bot pushes a reply of a minute at once, a mark behind each frame, and is interrupted.
TEST_P(Bursts, AMinuteWithAMarkBehindEachFramePasses) {
  constexpr size_t kFrames = 2900;  // the queue has room for them
  const Talk& talk = GetParam();
  Conversation conversation(*gateway, talk);
  ASSERT_TRUE(conversation.begin());
  const std::string code = talk.encoding.empty()
                               ? std::string(static_cast<size_t>(talk.rate) / 25, '\x11')
                               : std::string(160, '\x2a');
  const size_t slowed = gateway->records("endpoint-slowed").size();
  const auto began = Clock::now();
  for (size_t i = 0; i < kFrames; ++i) {
    conversation.playBytes(code);
    conversation.mark("m" + std::to_string(i));
  }
  conversation.send(talk.clear);
  EXPECT_TRUE(conversation.waitControls(talk.opening.size() + kFrames, 20s))
      << conversation.controls().size();
  // Other words of the dialect (MEDIA_XOFF) count as well, so the last mark may come behind these.
  const auto last = "m" + std::to_string(kFrames - 1);
  EXPECT_TRUE(eventually(
      [&] {
        const auto controls = conversation.controls();
        return std::any_of(controls.begin(), controls.end(), [&](const EndpointMessage& message) {
          return message.data.find(last) != std::string::npos;
        });
      },
      5s));
  if (!kSanitized) {
    EXPECT_LT(millisBetween(began, Clock::now()), 10'000);
    EXPECT_EQ(gateway->records("endpoint-slowed").size(), slowed) << gateway->log();
  }
  conversation.expectNormalEnd();
}

std::vector<Talk> talksWithMarks() {
  std::vector<Talk> chosen;
  for (const Talk& talk : talks()) {
    if (!talk.mark.empty() && !talk.clear.empty()) chosen.push_back(talk);
  }
  return chosen;
}

INSTANTIATE_TEST_SUITE_P(Dialects, Bursts, ::testing::ValuesIn(talksWithMarks()),
                         [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace e2e
