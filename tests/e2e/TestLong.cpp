// SPDX-License-Identifier: LGPL-2.1-or-later
// What takes its time, all at once on one launcher: bursts of 20 s and 60 s, a missing ACK, RTCP, a
// trickling endpoint.
#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "Phone.hpp"
#include "SoupEndpoint.hpp"

namespace e2e {
namespace {

// Everything that was sent at once is played in real time, complete, in order, sample by sample.
void burst(Gateway& gateway, int seconds, size_t messageSize) {
  SCOPED_TRACE("burst of " + std::to_string(seconds) + " s");
  // Made before the call: what takes a while on a slow machine is silence in it.
  const Samples words = syllables(16000, seconds);
  const std::string bytes = toBytes(words);
  SoupEndpoint endpoint;
  Phone phone(gateway, {.codecs = {"L16/16000"}});
  ASSERT_EQ(phone.call(endpoint.uri()), 200);
  ASSERT_TRUE(endpoint.waitTexts(1, 1, 5s));
  for (size_t at = 0; at < bytes.size(); at += messageSize)
    endpoint.sendBinary(1, bytes.substr(at, messageSize));
  const size_t frames = words.size() / 320;
  const size_t before = phone.rtp().received();
  ASSERT_TRUE(
      phone.rtp().waitReceived(before + frames + 100 * kTimeScale, Millis(seconds * 1000 + 15000)));
  const Samples heard = phone.rtp().decoded();
  const Match start = findIn(slice(words, 1600, 16000), slice(heard, 0, 64000));
  ASSERT_GT(start.correlation, 0.999);
  // Fades at the two seams may touch a few milliseconds.
  const size_t skip = 1600;
  const auto from = static_cast<size_t>(start.lag);
  const Samples expected = slice(words, skip, words.size() - 2 * skip);
  const Samples played = slice(heard, from, expected.size());
  ASSERT_EQ(played.size(), expected.size());
  size_t wrong = 0;
  size_t first = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    if (expected[i] != played[i] && wrong++ == 0) first = i;
  }
  EXPECT_EQ(wrong, 0U) << "from sample " << first;
  const auto packets = phone.rtp().packets();
  EXPECT_NEAR(millisBetween(packets.front().at, packets.back().at) /
                  static_cast<double>(packets.size() - 1),
              20, 0.5);
  ASSERT_TRUE(phone.hangUp());
  const auto end = gateway.waitEnd(phone.callId());
  ASSERT_TRUE(end.has_value());
  EXPECT_GE(end->number("frames-played"), static_cast<double>(frames) - 1);
  EXPECT_GE(end->number("playout-high-ms"), seconds * 1000 - 2000);
}

// RFC 3261 13.3.1.4: without ACK the answer is repeated for 64*T1 = 32 s, then the session is ended
// with BYE.
void missingAck(Gateway& gateway) {
  SCOPED_TRACE("missing ACK");
  SoupEndpoint endpoint;
  Phone phone(gateway, {.autoAck = false});
  phone.dial(endpoint.uri());
  ASSERT_EQ(phone.waitAnswer(5s), 200);
  const auto bye = phone.sip().waitRequest("BYE", 45s);
  EXPECT_TRUE(bye.has_value());
  EXPECT_GE(phone.sip().responses("INVITE").size(), 8U);
  EXPECT_TRUE(endpoint.waitClosed(1, 5s));
  const auto end = gateway.waitEnd(phone.callId(), 15s);
  ASSERT_TRUE(end.has_value());
  EXPECT_FALSE((*end)["reason"].empty());
}

int reportsOf(const RtpPeer& peer, int type) {
  int count = 0;
  for (const auto& packet : peer.rtcpPackets()) {
    // A compound packet: each part has its length in words minus one.
    for (size_t at = 0; at + 4 <= packet.size();) {
      if (static_cast<uint8_t>(packet[at + 1]) == type) ++count;
      const auto high = static_cast<uint8_t>(packet[at + 2]);
      const auto low = static_cast<uint8_t>(packet[at + 3]);
      at += 4 * (static_cast<size_t>(high << 8 | low) + 1);
    }
  }
  return count;
}

void rtcpReports(Gateway& gateway) {
  SCOPED_TRACE("RTCP");
  SoupEndpoint endpoint;
  Phone phone(gateway);
  ASSERT_EQ(phone.call(endpoint.uri()), 200);
  phone.rtp().play(syllables(8000, 14));
  EXPECT_TRUE(eventually([&] { return reportsOf(phone.rtp(), 200) >= 2; }, 16s))
      << "sender reports";
  bool block = false;
  for (const auto& packet : phone.rtp().rtcpPackets()) {
    // Reception report blocks within the sender report tell what became of our packets.
    block = block || ((static_cast<uint8_t>(packet[0]) & 0x1F) >= 1 && packet.size() >= 28 + 24);
  }
  EXPECT_TRUE(block) << "a report block about the caller's stream";
  EXPECT_GE(reportsOf(phone.rtp(), 202), 1) << "source description";
  EXPECT_TRUE(phone.hangUp());
}

// Where the loudest `count` samples at or behind `from` begin.
size_t loudest(const Samples& samples, size_t from, size_t count) {
  size_t best = from;
  for (size_t at = from; at + count <= samples.size(); at += 80) {
    if (levelDbov(slice(samples, at, count)) > levelDbov(slice(samples, best, count))) best = at;
  }
  return best;
}

// An endpoint that sends slightly too fast, with jitter: heard without gaps, and no lasting delay
// builds up.
void fastTrickle(Gateway& gateway) {
  SCOPED_TRACE("trickle");
  SoupEndpoint endpoint;
  Phone phone(gateway, {.codecs = {"L16/16000"}});
  ASSERT_EQ(phone.call(endpoint.uri()), 200);
  ASSERT_TRUE(endpoint.waitTexts(1, 1, 5s));
  const Samples words = syllables(16000, 20);
  const std::string bytes = toBytes(words);
  // 2 % too fast: 20.4 ms of audio every 20 ms.
  constexpr size_t kMessage = 654;
  auto next = Clock::now();
  for (size_t at = 0; at < bytes.size(); at += kMessage) {
    endpoint.sendBinary(1, bytes.substr(at, kMessage));
    next += 20ms;
    eventually([&] { return Clock::now() >= next; }, 100ms);
  }
  const size_t when = phone.rtp().received();
  ASSERT_TRUE(phone.rtp().waitReceived(when + 25, 5s));
  // The end of what was sent must have been played shortly after it was sent.
  const Samples heard = phone.rtp().decoded();
  // Latency is taken back by leaving out silent frames, so what must be there whole is a syllable:
  // the loudest 150 ms.
  const size_t syllable = loudest(words, words.size() - 16000, 2400);
  const Match tail = findIn(slice(words, syllable, 2400), heard);
  EXPECT_GT(tail.correlation, 0.9);
  const double playedAt = (tail.lag + static_cast<double>(words.size() - syllable)) / 320.0;
  EXPECT_LT((playedAt - static_cast<double>(when)) * 20, 250) << "lasting delay";
  EXPECT_TRUE(phone.hangUp());
}

TEST(Long, EverythingThatTakesTime) {
  // The phones of the bursts only listen.
  Gateway gateway({.set = {{"limits.media-timeout", "0"}}});
  std::vector<std::thread> threads;
  threads.emplace_back([&] { burst(gateway, 20, 1 << 20); });
  // A sanitized run looks for faults of memory, which do not take a minute to show.
  threads.emplace_back([&] { burst(gateway, kSanitized ? 29 : 59, 640); });
  threads.emplace_back([&] { burst(gateway, kSanitized ? 30 : 60, 123457); });
  threads.emplace_back([&] { missingAck(gateway); });
  threads.emplace_back([&] { rtcpReports(gateway); });
  threads.emplace_back([&] { fastTrickle(gateway); });
  for (auto& thread : threads)
    thread.join();
}

}  // namespace
}  // namespace e2e
