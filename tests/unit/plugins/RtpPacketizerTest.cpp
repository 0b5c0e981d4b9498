// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <iterator>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "Pcm.hpp"
#include "rtp/RtpPacketizer.hpp"
#include "wire/Rtp.hpp"

namespace wsbridge {
namespace {

constexpr uint64_t kMs = 1'000'000;

struct Sent {
  RtpPacketizer::Packet packet;
  std::vector<uint8_t> bytes;

  [[nodiscard]] wire::RtpHeader header() const {
    wire::RtpHeader header;
    EXPECT_TRUE(wire::parseRtp(bytes.data(), bytes.size(), header));
    return header;
  }
  [[nodiscard]] bool headerMarker() const { return header().marker; }
  [[nodiscard]] int payloadType() const { return header().payloadType; }
  [[nodiscard]] unsigned sequence() const { return header().sequence; }
  [[nodiscard]] uint32_t timestamp() const { return header().timestamp; }
  [[nodiscard]] uint32_t ssrc() const { return header().ssrc; }
  [[nodiscard]] size_t payload() const { return bytes.size() - RtpPacketizer::kHeaderBytes; }
};

class Collector : public RtpPacketizer::Output {
 public:
  uint8_t* memory(size_t bytes) override {
    if (sent.size() >= limit) return nullptr;
    memory_.assign(bytes, 0xee);
    return memory_.data();
  }
  bool send(const RtpPacketizer::Packet& packet) override {
    sent.push_back({packet, memory_});
    return true;
  }
  [[nodiscard]] std::vector<size_t> payloads() const {
    std::vector<size_t> sizes;
    for (const Sent& one : sent)
      sizes.push_back(one.payload());
    return sizes;
  }

  std::vector<Sent> sent;
  size_t limit = SIZE_MAX;

 private:
  std::vector<uint8_t> memory_;
};

/// A packetizer that is fed with consecutive samples of a ramp.
class Feed {
 public:
  explicit Feed(const RtpPacketFormat& format, uint16_t sequence = 100, uint32_t timestamp = 5000)
      : packetizer(0xa1b2c3d4, sequence, timestamp), rate_(format.input_rate) {
    packetizer.configure(format);
  }
  /// At the present time.
  bool samples(size_t count, bool discont = false) {
    std::vector<int16_t> block(count);
    std::iota(block.begin(), block.end(), value_);
    value_ = static_cast<int16_t>(value_ + count);
    const bool ok =
        packetizer.take(block, {.pts = now + 7 * kMs, .running = now, .discont = discont}, out);
    now += count * 1'000'000'000 / static_cast<uint64_t>(rate_);
    return ok;
  }
  void untimed(size_t count) { packetizer.take(std::vector<int16_t>(count), {}, out); }

  RtpPacketizer packetizer;
  Collector out;
  uint64_t now = 0;

 private:
  int rate_;
  int16_t value_ = 1;
};

RtpPacketFormat l16(int rate, int ptime) {
  return {.codec = RtpCodec::L16,
          .payload_type = 96,
          .clock_rate = rate,
          .input_rate = rate,
          .ptime_ms = ptime};
}

TEST(RtpPacketizer, WritesTheHeaderAndNetworkByteOrder) {
  Feed feed(l16(8000, 20));
  feed.samples(160);
  ASSERT_EQ(feed.out.sent.size(), 1U);
  const Sent& first = feed.out.sent[0];
  EXPECT_EQ(first.bytes[0], 0x80);
  EXPECT_TRUE(first.headerMarker());
  EXPECT_EQ(first.payloadType(), 96);
  EXPECT_EQ(first.sequence(), 100U);
  EXPECT_EQ(first.timestamp(), 5000U);
  EXPECT_EQ(first.ssrc(), 0xa1b2c3d4U);
  ASSERT_EQ(first.payload(), 320U);
  EXPECT_EQ(first.bytes[12], 0);
  EXPECT_EQ(first.bytes[13], 1);
  EXPECT_EQ(first.bytes[330], 0);
  EXPECT_EQ(first.bytes[331], 160);
  EXPECT_EQ(first.packet.pts, 7 * kMs);
  EXPECT_EQ(first.packet.duration, 20 * kMs);
  EXPECT_EQ(first.packet.sequence, 100U);
  EXPECT_EQ(first.packet.timestamp, 5000U);
}

// RFC 4733 section 2.5.1: one time stamp for the digit, its duration grows, the end comes three
// times.
TEST(RtpPacketizer, AKeyTakesThePlaceOfTheAudio) {
  Feed feed(l16(16000, 20));
  feed.samples(320);
  feed.packetizer.press({'#', 50}, 101, 8000);
  feed.packetizer.press({'0', 40}, 101, 8000);
  for (int i = 0; i < 11; ++i)
    feed.samples(320);
  struct Expected {
    uint32_t timestamp;
    bool marker;
    uint8_t code;
    bool end;
    unsigned duration;
    char completed;
  };
  const Expected digits[] = {
      {5320, true, 11, false, 160, 0},   {5320, false, 11, false, 320, 0},
      {5320, false, 11, true, 400, 0},   {5320, false, 11, true, 400, 0},
      {5320, false, 11, true, 400, '#'}, {6920, true, 0, false, 160, 0},
      {6920, false, 0, true, 320, 0},    {6920, false, 0, true, 320, 0},
      {6920, false, 0, true, 320, '0'},
  };
  ASSERT_EQ(feed.out.sent.size(), 12U);
  for (size_t i = 0; i < feed.out.sent.size(); ++i)
    EXPECT_EQ(feed.out.sent[i].sequence(), 100 + i);
  for (size_t i = 0; i < std::size(digits); ++i) {
    SCOPED_TRACE(i);
    const Sent& sent = feed.out.sent[i + 1];
    ASSERT_EQ(sent.payload(), 4U);
    EXPECT_EQ(sent.payloadType(), 101);
    EXPECT_EQ(sent.timestamp(), digits[i].timestamp);
    EXPECT_EQ(sent.headerMarker(), digits[i].marker);
    EXPECT_EQ(sent.bytes[12], digits[i].code);
    EXPECT_EQ(sent.bytes[13], (digits[i].end ? 0x80 : 0) | 10);
    EXPECT_EQ(sent.bytes[14] << 8 | sent.bytes[15], static_cast<int>(digits[i].duration));
    EXPECT_EQ(sent.packet.digit, digits[i].completed);
  }
  const Sent& after = feed.out.sent[10];
  EXPECT_EQ(after.payloadType(), 96);
  EXPECT_EQ(after.timestamp(), 5000U + 10 * 320);
  EXPECT_EQ(after.payload(), 640U);
}

TEST(RtpPacketizer, AKeyIsNoLongerThanItsDurationFieldCanSay) {
  Feed feed(l16(16000, 20));
  feed.packetizer.press({'5', 6000}, 101, 16000);
  for (int i = 0; i < 300; ++i)
    feed.samples(320);
  unsigned longest = 0;
  for (const Sent& sent : feed.out.sent) {
    if (sent.payloadType() == 101)
      longest = std::max<unsigned>(longest, sent.bytes[14] << 8U | sent.bytes[15]);
  }
  EXPECT_EQ(longest, 65535U);
  EXPECT_EQ(feed.out.sent.back().payloadType(), 96);
}

TEST(RtpPacketizer, NumbersAndTimesGoOnAndWrap) {
  Feed feed(l16(8000, 20), 0xfffe, 0xffffff00);
  for (int i = 0; i < 4; ++i)
    feed.samples(160);
  ASSERT_EQ(feed.out.sent.size(), 4U);
  for (size_t i = 0; i < 4; ++i) {
    const Sent& sent = feed.out.sent[i];
    EXPECT_EQ(sent.sequence(), (0xfffe + i) & 0xffff);
    EXPECT_EQ(sent.timestamp(), static_cast<uint32_t>(0xffffff00U + 160 * i));
    EXPECT_EQ(sent.packet.pts, (7 + 20 * i) * kMs);
    EXPECT_EQ(sent.headerMarker(), i == 0);
  }
}

class Ptimes : public testing::TestWithParam<int> {};

TEST_P(Ptimes, AnySizeOfInputGivesTheSameWholePackets) {
  const auto samples = static_cast<size_t>(GetParam()) * 8;
  for (const size_t block : {1U, 37U, 160U, 333U, 1000U, 4001U}) {
    Feed feed(l16(8000, GetParam()));
    size_t given = 0;
    for (; given < 8000; given += block)
      feed.samples(block);
    ASSERT_EQ(feed.out.sent.size(), given / samples) << block;
    uint16_t expected = 1;
    for (size_t i = 0; i < feed.out.sent.size(); ++i) {
      const Sent& sent = feed.out.sent[i];
      ASSERT_EQ(sent.payload(), 2 * samples);
      ASSERT_EQ(sent.sequence(), 100 + i);
      ASSERT_EQ(sent.timestamp(), 5000 + i * samples);
      ASSERT_EQ(sent.headerMarker(), i == 0);
      // Input times are rounded to whole ns.
      const uint64_t pts = 7 * kMs + i * samples * 125'000;
      ASSERT_NEAR(static_cast<double>(sent.packet.pts), static_cast<double>(pts),
                  1.0 + static_cast<double>(block));
      for (size_t at = 12; at < sent.bytes.size(); at += 2)
        ASSERT_EQ(sent.bytes[at] << 8 | sent.bytes[at + 1], expected++) << i;
    }
    const size_t rest = given % samples;
    EXPECT_TRUE(feed.packetizer.drain(feed.out));
    EXPECT_EQ(feed.out.sent.size(), given / samples + (rest != 0 ? 1 : 0));
    if (rest != 0) {
      EXPECT_EQ(feed.out.sent.back().payload(), 2 * rest);
      EXPECT_EQ(feed.out.sent.back().packet.duration, rest * 125'000);
    }
  }
}
INSTANTIATE_TEST_SUITE_P(RtpPacketizer, Ptimes, testing::Values(10, 20, 30, 40, 60));

TEST(RtpPacketizer, PacketsThatWouldBeFragmentedAreHalved) {
  Feed feed(l16(48000, 60));  // 5760 bytes
  EXPECT_EQ(feed.packetizer.packetSamples(), 360U);
  feed.samples(2880);
  EXPECT_EQ(feed.out.payloads(), std::vector<size_t>(8, 720));
  EXPECT_EQ(feed.out.sent[7].timestamp() - feed.out.sent[0].timestamp(), 7U * 360);
}

TEST(RtpPacketizer, AJumpMovesTheTimeStampAndSetsTheMarker) {
  Feed feed(l16(8000, 20));
  feed.samples(160);
  feed.now += 100 * kMs;
  feed.samples(160);
  feed.samples(160);
  ASSERT_EQ(feed.out.sent.size(), 3U);
  EXPECT_TRUE(feed.out.sent[1].headerMarker());
  EXPECT_EQ(feed.out.sent[1].timestamp(), 5000U + 160 + 800);
  EXPECT_EQ(feed.out.sent[1].sequence(), 101U);
  EXPECT_FALSE(feed.out.sent[2].headerMarker());
  EXPECT_EQ(feed.out.sent[2].timestamp(), 5000U + 160 + 800 + 160);
}

TEST(RtpPacketizer, JitterOfTheInputIsNoJump) {
  Feed feed(l16(8000, 20));
  feed.samples(160);
  for (const int64_t shift : {20, -30, 15, 14, -38}) {
    feed.now += static_cast<uint64_t>(shift * static_cast<int64_t>(kMs));
    feed.samples(160);
  }
  for (size_t i = 1; i < feed.out.sent.size(); ++i) {
    EXPECT_FALSE(feed.out.sent[i].headerMarker()) << i;
    EXPECT_EQ(feed.out.sent[i].timestamp(), 5000U + 160 * i);
  }
  EXPECT_EQ(feed.out.sent.size(), 6U);
}

TEST(RtpPacketizer, ASlowDriftIsMadeUpForOnceItIsAPacketLong) {
  Feed feed(l16(8000, 20));
  for (int i = 0; i < 30; ++i) {
    feed.samples(160);
    feed.now += kMs;
  }
  std::vector<size_t> marked;
  for (size_t i = 0; i < feed.out.sent.size(); ++i) {
    if (feed.out.sent[i].headerMarker()) marked.push_back(i);
  }
  EXPECT_EQ(marked, (std::vector<size_t>{0, 21}));
  EXPECT_EQ(feed.out.sent[21].timestamp(), 5000U + 21 * 160 + 21 * 8);
}

TEST(RtpPacketizer, AStepBackMovesNothingBack) {
  Feed feed(l16(8000, 20));
  feed.samples(160);
  feed.now += 1000 * kMs;
  feed.samples(160);
  feed.now -= 500 * kMs;
  feed.samples(160);
  feed.samples(160);
  ASSERT_EQ(feed.out.sent.size(), 4U);
  EXPECT_EQ(feed.out.sent[2].timestamp(), feed.out.sent[1].timestamp() + 160);
  EXPECT_TRUE(feed.out.sent[2].headerMarker());
  EXPECT_EQ(feed.out.sent[3].timestamp(), feed.out.sent[2].timestamp() + 160);
  EXPECT_FALSE(feed.out.sent[3].headerMarker());
}

TEST(RtpPacketizer, ADiscontinuityIsPlacedExactlyAndWhatWasHeldGoesFirst) {
  Feed feed(l16(8000, 20));
  feed.samples(200);
  feed.now += 5 * kMs;  // less than a packet
  feed.samples(160, true);
  EXPECT_EQ(feed.out.payloads(), (std::vector<size_t>{320, 80, 320}));
  EXPECT_FALSE(feed.out.sent[1].headerMarker());
  EXPECT_EQ(feed.out.sent[1].timestamp(), 5160U);
  EXPECT_EQ(feed.out.sent[1].packet.pts, 27 * kMs);
  EXPECT_TRUE(feed.out.sent[2].headerMarker());
  EXPECT_EQ(feed.out.sent[2].timestamp(), 5200U + 40);
  EXPECT_EQ(feed.out.sent[2].packet.pts, 37 * kMs);
}

TEST(RtpPacketizer, AfterAGapTheNextPacketIsMarkedAndInItsPlace) {
  Feed feed(l16(8000, 20));
  feed.samples(160);
  feed.packetizer.gap(20 * kMs);
  feed.now += 20 * kMs;
  feed.samples(160);
  ASSERT_EQ(feed.out.sent.size(), 2U);
  EXPECT_TRUE(feed.out.sent[1].headerMarker());
  EXPECT_EQ(feed.out.sent[1].timestamp(), 5320U);
  EXPECT_EQ(feed.out.sent[1].sequence(), 101U);
}

TEST(RtpPacketizer, AudioWithoutTimesIsCounted) {
  Feed feed(l16(8000, 20));
  feed.untimed(160);
  feed.untimed(160);
  feed.packetizer.gap(40 * kMs);
  feed.untimed(160);
  ASSERT_EQ(feed.out.sent.size(), 3U);
  EXPECT_EQ(feed.out.sent[1].timestamp(), 5160U);
  EXPECT_EQ(feed.out.sent[2].timestamp(), 5320U + 320);
  EXPECT_TRUE(feed.out.sent[2].headerMarker());
  EXPECT_EQ(feed.out.sent[2].packet.pts, RtpPacketizer::kNoTime);
}

TEST(RtpPacketizer, TheFirstTimeStampHasTheRunningTime) {
  Feed feed(l16(16000, 20));
  feed.now = 250 * kMs;
  feed.samples(320);
  EXPECT_EQ(feed.out.sent.at(0).timestamp(), 5000U + 4000);
}

TEST(RtpPacketizer, AFlushDropsWhatIsHeldAndNumbersGoOn) {
  Feed feed(l16(8000, 20));
  feed.samples(200);
  feed.packetizer.restart();
  feed.now = 0;
  feed.samples(160);
  EXPECT_EQ(feed.out.payloads(), (std::vector<size_t>{320, 320}));
  EXPECT_TRUE(feed.out.sent[1].headerMarker());
  EXPECT_EQ(feed.out.sent[1].sequence(), 101U);
  EXPECT_EQ(feed.out.sent[1].timestamp(), 5160U);
}

TEST(RtpPacketizer, AnotherFormatGoesOnWithNumbersAndTime) {
  Feed feed(l16(8000, 20));
  feed.samples(160);
  RtpPacketFormat pcmu = l16(8000, 40);
  pcmu.codec = RtpCodec::Pcmu;
  pcmu.payload_type = 0;
  feed.packetizer.configure(pcmu);
  feed.samples(320);
  ASSERT_EQ(feed.out.payloads(), (std::vector<size_t>{320, 320}));
  EXPECT_EQ(feed.out.sent[1].payloadType(), 0);
  EXPECT_EQ(feed.out.sent[1].sequence(), 101U);
  EXPECT_EQ(feed.out.sent[1].timestamp(), 5160U);
  EXPECT_FALSE(feed.out.sent[1].headerMarker());
}

TEST(RtpPacketizer, ConvertsEveryRateInWholePackets) {
  for (const int input : {8000, 16000, 24000, 32000, 48000}) {
    for (const int clock : {8000, 16000}) {
      RtpPacketFormat format = l16(clock, 20);
      format.input_rate = input;
      Feed feed(format);
      for (int i = 0; i < 50; ++i)
        feed.samples(static_cast<size_t>(input) / 50);
      ASSERT_EQ(feed.out.sent.size(), 50U) << input << " to " << clock;
      EXPECT_EQ(feed.out.payloads(), std::vector<size_t>(50, static_cast<size_t>(clock) / 25));
      EXPECT_EQ(feed.out.sent[49].timestamp(), 5000U + 49U * static_cast<unsigned>(clock) / 50);
      EXPECT_EQ(feed.packetizer.converterDelay() == 0, input == clock);
    }
  }
}

TEST(RtpPacketizer, ALongBufferIsConvertedInPartsWithoutASeam) {
  const auto tone = testsupport::sine(16000, 440, 1.0, 10000);
  std::vector<std::vector<uint8_t>> payloads;
  for (const size_t block : {size_t{320}, tone.size()}) {
    RtpPacketFormat format = l16(8000, 20);
    format.input_rate = 16000;
    RtpPacketizer packetizer(1, 0, 0);
    packetizer.configure(format);
    Collector out;
    for (size_t at = 0; at < tone.size(); at += block)
      packetizer.take({tone.data() + at, block}, {}, out);
    std::vector<uint8_t> all;
    for (const Sent& sent : out.sent)
      all.insert(all.end(), sent.bytes.begin() + 12, sent.bytes.end());
    payloads.push_back(all);
  }
  EXPECT_EQ(payloads[0].size(), 16000U);
  EXPECT_EQ(payloads[0], payloads[1]);
}

TEST(RtpPacketizer, AnOutputThatRefusesEndsTheCall) {
  Feed feed(l16(8000, 20));
  feed.out.limit = 2;
  EXPECT_TRUE(feed.samples(320));
  EXPECT_FALSE(feed.samples(160));
  EXPECT_EQ(feed.out.sent.size(), 2U);
}

}  // namespace
}  // namespace wsbridge
