// SPDX-License-Identifier: LGPL-2.1-or-later
// What takes its time: bursts of 20 s and a minute, a missing ACK, RTCP, a trickling endpoint. The
// calls of the cases that were chosen all begin with the suite, on one gateway; a case waits for
// its own and says what must have come of it.
#include <future>
#include <string>

#include <gtest/gtest.h>

#include "Phone.hpp"
#include "SoupEndpoint.hpp"

namespace e2e {
namespace {

// A sanitized run looks for faults of memory, which do not take a minute to show.
constexpr int kMinute = kSanitized ? 30 : 60;

struct Burst {
  std::string fault;  // empty when the call came to its end
  Samples words;      // what the endpoint has sent
  std::vector<RtpPacket> packets;
  Samples heard;
  LogRecord end;
};

struct MissingAck {
  int status = 0;
  bool bye = false;
  bool closed = false;
  size_t answers = 0;
  std::optional<LogRecord> end;
};

struct Reports {
  int status = 0;
  std::vector<std::string> packets;
  bool hungUp = false;
};

struct Trickle {
  std::string fault;
  Samples words;
  size_t sentAt = 0;  // packets that had come when the last of it was sent
  Samples heard;
};

// All of the words at once, in messages of that size.
Burst burst(Gateway& gateway, int seconds, size_t messageSize) {
  Burst result;
  // Made before the call: what takes a while on a slow machine is silence in it.
  result.words = syllables(16000, seconds);
  const std::string bytes = toBytes(result.words);
  SoupEndpoint endpoint;
  // This phone only listens.
  Phone phone(gateway, {.codecs = {"L16/16000"}});
  if (phone.call(endpoint.uri()) != 200 || !endpoint.waitTexts(1, 1, 5s)) {
    result.fault = "there is no call";
    return result;
  }
  for (size_t at = 0; at < bytes.size(); at += messageSize)
    endpoint.sendBinary(1, bytes.substr(at, messageSize));
  const size_t packets = phone.rtp().received() + result.words.size() / 320 + 100 * kTimeScale;
  if (!phone.rtp().waitReceived(packets, Millis(seconds * 1000 + 15000)))
    result.fault = "packets are missing";
  result.heard = phone.rtp().decoded();
  result.packets = phone.rtp().packets();
  if (!phone.hangUp()) result.fault = "BYE is not answered";
  const auto end = gateway.waitEnd(phone.callId());
  if (!end) result.fault = "there is no call-end";
  result.end = end.value_or(LogRecord{});
  return result;
}

MissingAck missingAck(Gateway& gateway) {
  MissingAck result;
  SoupEndpoint endpoint;
  Phone phone(gateway, {.autoAck = false});
  phone.dial(endpoint.uri());
  result.status = phone.waitAnswer(5s);
  result.bye = phone.sip().waitRequest("BYE", 45s).has_value();
  result.answers = phone.sip().responses("INVITE").size();
  result.closed = endpoint.waitClosed(1, 5s);
  result.end = gateway.waitEnd(phone.callId(), 15s);
  return result;
}

// How many parts of that type the compound packets have.
int reportsOf(const std::vector<std::string>& packets, int type) {
  int count = 0;
  for (const auto& packet : packets) {
    // Each part has its length in words minus one.
    for (size_t at = 0; at + 4 <= packet.size();) {
      const auto* part = reinterpret_cast<const uint8_t*>(packet.data()) + at;
      if (part[1] == type) ++count;
      at += 4 * (getBig(part + 2, 2) + 1);
    }
  }
  return count;
}

Reports reports(Gateway& gateway) {
  Reports result;
  SoupEndpoint endpoint;
  Phone phone(gateway);
  result.status = phone.call(endpoint.uri());
  phone.rtp().play(syllables(8000, 14));
  eventually([&] { return reportsOf(phone.rtp().rtcpPackets(), 200) >= 2; }, 16s);
  result.packets = phone.rtp().rtcpPackets();
  result.hungUp = phone.hangUp();
  return result;
}

Trickle trickle(Gateway& gateway) {
  Trickle result;
  SoupEndpoint endpoint;
  Phone phone(gateway, {.codecs = {"L16/16000"}});
  if (phone.call(endpoint.uri()) != 200 || !endpoint.waitTexts(1, 1, 5s)) {
    result.fault = "there is no call";
    return result;
  }
  result.words = syllables(16000, 20);
  const std::string bytes = toBytes(result.words);
  // 2 % too fast: 20.4 ms of audio every 20 ms.
  constexpr size_t kMessage = 654;
  auto next = Clock::now();
  for (size_t at = 0; at < bytes.size(); at += kMessage) {
    endpoint.sendBinary(1, bytes.substr(at, kMessage));
    next += 20ms;
    eventually([&] { return Clock::now() >= next; }, 100ms);
  }
  result.sentAt = phone.rtp().received();
  if (!phone.rtp().waitReceived(result.sentAt + 25, 5s)) result.fault = "packets are missing";
  result.heard = phone.rtp().decoded();
  if (!phone.hangUp()) result.fault = "BYE is not answered";
  return result;
}

// Where the loudest `count` samples at or behind `from` begin.
size_t loudest(const Samples& samples, size_t from, size_t count) {
  size_t best = from;
  for (size_t at = from; at + count <= samples.size(); at += 80) {
    if (levelDbov(slice(samples, at, count)) > levelDbov(slice(samples, best, count))) best = at;
  }
  return best;
}

class Long : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    // The phones of the bursts only listen.
    gateway_ = std::make_unique<Gateway>(Gateway::Options{.set = {{"limits.media-timeout", "0"}}});
    begin(large_, "ABurstInLargeMessagesIsPlayedWhole",
          [] { return burst(*gateway_, 20, 1 << 20); });
    begin(frames_, "AMinuteInFramesIsPlayedWhole",
          [] { return burst(*gateway_, kMinute - 1, 640); });
    begin(odd_, "AMinuteInOddMessagesIsPlayedWhole",
          [] { return burst(*gateway_, kMinute, 123457); });
    begin(missing_ack_, "WithoutAckTheCallIsEnded", [] { return missingAck(*gateway_); });
    begin(reports_, "ReportsTellOfBothStreams", [] { return reports(*gateway_); });
    begin(trickle_, "AnEndpointTooFastLeavesNoDelay", [] { return trickle(*gateway_); });
  }
  static void TearDownTestSuite() {
    for (auto* burst : {&large_, &frames_, &odd_})
      *burst = {};
    missing_ack_ = {};
    reports_ = {};
    trickle_ = {};
    gateway_.reset();
  }

  // Everything that was sent at once is played in real time, complete, in order, sample by sample.
  static void expectWhole(const Burst& burst, int seconds) {
    ASSERT_EQ(burst.fault, "");
    const Samples& words = burst.words;
    const Match start = findIn(slice(words, 1600, 16000), slice(burst.heard, 0, 64000));
    ASSERT_GT(start.correlation, 0.999);
    // Fades at the two seams may touch a few milliseconds.
    const size_t skip = 1600;
    const Samples expected = slice(words, skip, words.size() - 2 * skip);
    const Samples played = slice(burst.heard, static_cast<size_t>(start.lag), expected.size());
    ASSERT_EQ(played.size(), expected.size());
    size_t wrong = 0;
    size_t first = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
      if (expected[i] != played[i] && wrong++ == 0) first = i;
    }
    EXPECT_EQ(wrong, 0U) << "from sample " << first;
    EXPECT_NEAR(millisBetween(burst.packets.front().at, burst.packets.back().at) /
                    static_cast<double>(burst.packets.size() - 1),
                20, 0.5);
    EXPECT_GE(burst.end.number("frames-played"), static_cast<double>(words.size() / 320) - 1);
    EXPECT_GE(burst.end.number("playout-high-ms"), seconds * 1000 - 2000);
  }

  static std::future<Burst> large_, frames_, odd_;
  static std::future<MissingAck> missing_ack_;
  static std::future<Reports> reports_;
  static std::future<Trickle> trickle_;

 private:
  // On a thread of its own, unless that case is not run.
  template <class Result, class Call>
  static void begin(std::future<Result>& result, const std::string& name, Call call) {
    const auto& suite = *::testing::UnitTest::GetInstance()->current_test_suite();
    for (int i = 0; i < suite.total_test_count(); ++i) {
      const auto& test = *suite.GetTestInfo(i);
      if (test.name() == name && test.should_run()) result = std::async(std::launch::async, call);
    }
  }

  static std::unique_ptr<Gateway> gateway_;
};

std::future<Burst> Long::large_, Long::frames_, Long::odd_;
std::future<MissingAck> Long::missing_ack_;
std::future<Reports> Long::reports_;
std::future<Trickle> Long::trickle_;
std::unique_ptr<Gateway> Long::gateway_;

TEST_F(Long, ReportsTellOfBothStreams) {
  const Reports call = reports_.get();
  ASSERT_EQ(call.status, 200);
  EXPECT_GE(reportsOf(call.packets, 200), 2) << "sender reports";
  bool block = false;
  for (const auto& packet : call.packets) {
    // Reception report blocks within the sender report tell what became of our packets.
    block = block || ((static_cast<uint8_t>(packet[0]) & 0x1F) >= 1 && packet.size() >= 28 + 24);
  }
  EXPECT_TRUE(block) << "a report block about the caller's stream";
  EXPECT_GE(reportsOf(call.packets, 202), 1) << "source description";
  EXPECT_TRUE(call.hungUp);
}

// It sends 2 % too fast: heard without gaps, and no lasting delay builds up.
TEST_F(Long, AnEndpointTooFastLeavesNoDelay) {
  const Trickle call = trickle_.get();
  ASSERT_EQ(call.fault, "");
  // The end of what was sent must have been played shortly after it was sent. Latency is taken back
  // by leaving out silent frames, so what must be there whole is a syllable: the loudest 150 ms.
  const size_t syllable = loudest(call.words, call.words.size() - 16000, 2400);
  const Match tail = findIn(slice(call.words, syllable, 2400), call.heard);
  EXPECT_GT(tail.correlation, 0.9);
  const double played = (tail.lag + static_cast<double>(call.words.size() - syllable)) / 320.0;
  EXPECT_LT((played - static_cast<double>(call.sentAt)) * 20, 250) << "lasting delay";
}

TEST_F(Long, ABurstInLargeMessagesIsPlayedWhole) {
  expectWhole(large_.get(), 20);
}

// RFC 3261 13.3.1.4: without ACK the answer is repeated for 64*T1 = 32 s, then the session is ended
// with BYE.
TEST_F(Long, WithoutAckTheCallIsEnded) {
  MissingAck call = missing_ack_.get();
  ASSERT_EQ(call.status, 200);
  EXPECT_TRUE(call.bye);
  EXPECT_GE(call.answers, 8U);
  EXPECT_TRUE(call.closed);
  ASSERT_TRUE(call.end.has_value());
  EXPECT_FALSE((*call.end)["reason"].empty());
}

TEST_F(Long, AMinuteInFramesIsPlayedWhole) {
  expectWhole(frames_.get(), kMinute - 1);
}

TEST_F(Long, AMinuteInOddMessagesIsPlayedWhole) {
  expectWhole(odd_.get(), kMinute);
}

}  // namespace
}  // namespace e2e
