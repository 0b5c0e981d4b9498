// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Whose packets are taken: the phone's, wherever it really sends from, and nobody else's.
#include <gtest/gtest.h>

#include "rtp/SourceLatch.hpp"

namespace wsbridge {
namespace {

using Verdict = SourceLatch::Verdict;
using How = SourceLatch::How;
using Stream = SourceLatch::Stream;

constexpr int64_t kFrameUs = 20'000;
constexpr int64_t kSilentUs = SourceLatch::kSilentUs;

RtpAddress at(const char* ip, uint16_t port) {
  return RtpAddress::parse(ip, port).value();
}

const RtpAddress kPhone = at("198.51.100.1", 4000);
const RtpAddress kSamePhone = at("198.51.100.1", 4002);
const RtpAddress kProxy = at("203.0.113.5", 7000);
const RtpAddress kStranger = at("192.0.2.66", 9000);

class SourceLatchTest : public testing::Test {
 protected:
  SourceLatchTest() {
    latch_.announce(kPhone);
    latch_.setSignalling(at("203.0.113.5", 0));
  }

  /// One packet of the source's own stream, 20 ms after the last one of anybody.
  Verdict next(const RtpAddress& from) {
    now_us_ += kFrameUs;
    return latch_.packet(from, {.ssrc = from.port, .sequence = sequence_++}, now_us_);
  }
  /// How many packets in sequence it takes until `from` is latched; 0: more than 50.
  unsigned packetsUntilLatched(const RtpAddress& from) {
    for (unsigned i = 1; i <= 50; ++i) {
      if (next(from) == Verdict::TakeAndLatch) return i;
    }
    return 0;
  }
  void pass(int64_t us) { now_us_ += us; }

  SourceLatch latch_;
  uint16_t sequence_ = 65530;  // wraps
  int64_t now_us_ = 1'000'000'000;
};

TEST_F(SourceLatchTest, KnownHostsLatchAtOnceAndStrangersWithTheFifth) {
  const struct {
    RtpAddress from;
    unsigned packets;
    How how;
  } cases[] = {
      {kPhone, 1, How::Announced},
      {kSamePhone, 1, How::AnnouncedHost},
      {kProxy, 1, How::SignallingHost},
      {kStranger, 5, How::Other},
  };
  for (const auto& it : cases) {
    latch_.announce({});
    latch_.announce(kPhone);
    EXPECT_EQ(packetsUntilLatched(it.from), it.packets) << it.from.ipText();
    EXPECT_EQ(latch_.how(), it.how) << it.from.ipText();
    EXPECT_EQ(latch_.latched(), it.from);
    EXPECT_EQ(next(it.from), Verdict::Take);
  }
}

TEST_F(SourceLatchTest, TheAnnouncedAddressWinsAtAnyTime) {
  for (const RtpAddress& other : {kSamePhone, kProxy, kStranger}) {
    latch_.announce({});
    latch_.announce(kPhone);
    ASSERT_NE(packetsUntilLatched(other), 0U);
    for (int i = 0; i < 3000; ++i)
      ASSERT_EQ(next(other), Verdict::Take);
    EXPECT_EQ(next(kPhone), Verdict::TakeAndLatch);
    EXPECT_EQ(latch_.how(), How::Announced);
    EXPECT_EQ(next(other), Verdict::Ignore);
  }
}

TEST_F(SourceLatchTest, NobodyTakesOverFromAPhoneThatSpeaks) {
  next(kPhone);
  for (int i = 0; i < 500; ++i) {
    for (const RtpAddress& other : {kSamePhone, kProxy, kStranger})
      ASSERT_EQ(next(other), Verdict::Ignore);
    ASSERT_EQ(next(kPhone), Verdict::Take);
  }
}

TEST_F(SourceLatchTest, KnownHostsWinOverAStrangerAtOnce) {
  for (const RtpAddress& known : {kSamePhone, kProxy}) {
    latch_.announce({});
    latch_.announce(kPhone);
    ASSERT_EQ(packetsUntilLatched(kStranger), 5U);
    EXPECT_EQ(next(known), Verdict::TakeAndLatch);
    pass(2 * kSilentUs);
    EXPECT_EQ(packetsUntilLatched(kStranger), 0U) << "who was left";
  }
}

TEST_F(SourceLatchTest, AMoveIsFollowedAfterTwoSeconds) {
  for (const auto& [moved, packets] : {std::pair(kSamePhone, 1U), {kProxy, 1U}, {kStranger, 5U}}) {
    latch_.announce({});
    latch_.announce(kPhone);
    ASSERT_EQ(next(kPhone), Verdict::TakeAndLatch);
    const int64_t last_us = now_us_;
    Verdict verdict = latch_.packet(moved, {1, 1}, last_us + kSilentUs - 1);
    EXPECT_EQ(verdict, Verdict::Ignore);
    for (uint16_t i = 0; i < packets; ++i) {
      EXPECT_EQ(verdict, Verdict::Ignore);
      verdict = latch_.packet(moved, {1, static_cast<uint16_t>(i + 2)}, last_us + kSilentUs);
    }
    EXPECT_EQ(verdict, Verdict::TakeAndLatch);
  }
}

TEST_F(SourceLatchTest, PacketsBeforeTheSilenceDoNotCount) {
  next(kPhone);
  const int64_t last_us = now_us_;
  for (uint16_t i = 0; i < 4; ++i)
    EXPECT_EQ(latch_.packet(kStranger, {1, i}, last_us + kSilentUs - 1), Verdict::Ignore);
  for (uint16_t i = 4; i < 8; ++i)
    EXPECT_EQ(latch_.packet(kStranger, {1, i}, last_us + kSilentUs), Verdict::Ignore);
  EXPECT_EQ(latch_.packet(kStranger, {1, 8}, last_us + kSilentUs), Verdict::TakeAndLatch);
}

/// Four packets in one silence and one in the next are not five.
TEST_F(SourceLatchTest, TwoSilencesAreNotOne) {
  next(kPhone);
  pass(kSilentUs);
  for (uint16_t i = 0; i < 4; ++i)
    EXPECT_EQ(latch_.packet(kStranger, {1, i}, now_us_), Verdict::Ignore);
  next(kPhone);
  pass(kSilentUs);
  for (uint16_t i = 4; i < 8; ++i)
    EXPECT_EQ(latch_.packet(kStranger, {1, i}, now_us_), Verdict::Ignore);
  EXPECT_EQ(latch_.packet(kStranger, {1, 8}, now_us_), Verdict::TakeAndLatch);
}

TEST_F(SourceLatchTest, WhatIsNoStreamNeverLatches) {
  const auto tries = [&](auto stream) {
    for (uint16_t i = 0; i < 1000; ++i) {
      pass(1000);
      if (latch_.packet(kStranger, stream(i), now_us_) != Verdict::Ignore) return false;
    }
    return true;
  };
  EXPECT_TRUE(tries([](uint16_t i) { return Stream{i, i}; })) << "an SSRC for each packet";
  EXPECT_TRUE(tries([](uint16_t) { return Stream{1, 7}; })) << "the same packet again and again";
  EXPECT_TRUE(tries([](uint16_t i) {
    return Stream{1, static_cast<uint16_t>(i * 7919)};
  })) << "guessed numbers";
  EXPECT_TRUE(tries([](uint16_t i) {
    return Stream{1, static_cast<uint16_t>(65535 - i)};
  })) << "backwards";
  EXPECT_TRUE(tries([](uint16_t i) {
    return Stream{1, static_cast<uint16_t>(i + i / 4)};
  })) << "four and a gap";
  EXPECT_TRUE(tries([](uint16_t i) { return Stream{i / 4U, i}; })) << "four of an SSRC";
}

/// Packets of one stream from many ports prove none of them.
TEST_F(SourceLatchTest, AStreamHasOneSource) {
  for (uint16_t i = 0; i < 1000; ++i) {
    const RtpAddress from = at("192.0.2.66", static_cast<uint16_t>(9000 + i % 50));
    EXPECT_EQ(latch_.packet(from, {1, i}, now_us_ += 1000), Verdict::Ignore);
  }
}

/// Others that are looked at do not keep a phone out.
TEST_F(SourceLatchTest, NoiseOfOthersDoesNotHideAPhone) {
  const RtpAddress moved = at("192.0.2.10", 5000);
  uint16_t sequence = 0;
  for (uint16_t round = 0; round < 4; ++round) {
    EXPECT_EQ(latch_.packet(moved, {1, sequence++}, now_us_ += 1000), Verdict::Ignore);
    for (uint16_t i = 0; i + 1U < SourceLatch::kCandidates; ++i) {
      const RtpAddress noise = at("192.0.2.66", static_cast<uint16_t>(9000 + i));
      EXPECT_EQ(latch_.packet(noise, {2, 7}, now_us_ += 1000), Verdict::Ignore);
    }
  }
  EXPECT_EQ(latch_.packet(moved, {1, sequence++}, now_us_ += 1000), Verdict::TakeAndLatch);
}

TEST_F(SourceLatchTest, WhoWasLeftNeverLatchesAgain) {
  ASSERT_EQ(next(kProxy), Verdict::TakeAndLatch);
  pass(kSilentUs);
  ASSERT_EQ(packetsUntilLatched(kStranger), 5U);
  pass(kSilentUs);
  EXPECT_EQ(packetsUntilLatched(kProxy), 0U) << "known, but left";
  const RtpAddress third = at("192.0.2.77", 9000);
  ASSERT_EQ(packetsUntilLatched(third), 5U);
  pass(kSilentUs);
  EXPECT_EQ(packetsUntilLatched(kStranger), 0U);
  EXPECT_EQ(packetsUntilLatched(kProxy), 0U) << "not only the last one";
  // The announced address is never left for good.
  EXPECT_EQ(next(kPhone), Verdict::TakeAndLatch);
  pass(kSilentUs);
  ASSERT_EQ(packetsUntilLatched(at("192.0.2.88", 9000)), 5U);
  EXPECT_EQ(next(kPhone), Verdict::TakeAndLatch);
}

TEST_F(SourceLatchTest, ANewAnnouncementStartsOver) {
  next(kProxy);
  pass(kSilentUs);
  ASSERT_EQ(packetsUntilLatched(kStranger), 5U);
  latch_.announce(kPhone);
  EXPECT_EQ(latch_.latched(), kStranger) << "the same is no news";
  latch_.announce(kProxy);
  EXPECT_FALSE(latch_.latched());
  EXPECT_EQ(latch_.how(), How::None);
  EXPECT_EQ(next(kProxy), Verdict::TakeAndLatch) << "left, and now announced";
  EXPECT_EQ(latch_.how(), How::Announced);
}

TEST_F(SourceLatchTest, WhatNoPhoneHasIsNeverSentTo) {
  for (const char* ip : {"169.254.169.254", "169.254.1.1", "224.0.0.1", "239.1.2.3",
                         "255.255.255.255", "0.1.2.3", "100.100.100.200", "168.63.129.16",
                         "192.0.0.192", "fe80::1", "ff02::1", "fd00:ec2::254", "fd20:ce::254"}) {
    EXPECT_FALSE(at(ip, 4000).mayBeSentTo()) << ip;
    latch_.announce(at(ip, 4000));
    EXPECT_EQ(packetsUntilLatched(at(ip, 4000)), 0U) << ip;
    EXPECT_EQ(packetsUntilLatched(at(ip, 4002)), 0U) << ip;
  }
  for (const char* ip : {"127.0.0.1", "10.0.0.1", "100.100.100.201", "169.253.1.1", "8.8.8.8",
                         "223.255.255.255", "::1", "fd00::1", "2001:db8::1", "fec0::1"}) {
    EXPECT_TRUE(at(ip, 4000).mayBeSentTo()) << ip;
    latch_.announce(at(ip, 4000));
    EXPECT_EQ(packetsUntilLatched(at(ip, 4000)), 1U) << ip;
  }
  EXPECT_FALSE(at("8.8.8.8", 0).mayBeSentTo());
}

TEST(SourceLatch, WithoutAnyAnnouncementTheFirstSourceLatches) {
  SourceLatch latch;
  const RtpAddress local = at("169.254.1.1", 4000);
  EXPECT_EQ(latch.packet(local, {1, 1}, 1000), Verdict::TakeAndLatch);
  EXPECT_EQ(latch.how(), How::First);
  for (uint16_t i = 0; i < 100; ++i)
    EXPECT_EQ(latch.packet(kStranger, {2, i}, 2000), Verdict::Ignore);
  EXPECT_EQ(latch.packet(local, {1, 2}, 3000), Verdict::Take);
}

TEST(SourceLatch, AnAnnouncementAloneGuardsToo) {
  SourceLatch latch;
  latch.announce(kPhone);
  for (uint16_t i = 0; i < 4; ++i)
    EXPECT_EQ(latch.packet(kStranger, {1, i}, 1000), Verdict::Ignore);
  EXPECT_EQ(latch.packet(kPhone, {9, 1}, 1000), Verdict::TakeAndLatch);
}

TEST_F(SourceLatchTest, ReportsComeFromTheHostOfTheAudio) {
  const std::optional<RtpAddress> none;
  const std::optional<RtpAddress> audio = kProxy;
  const auto report = [&](const RtpAddress& from, const std::optional<RtpAddress>& of) {
    return latch_.report(from, of, now_us_);
  };
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(report(kStranger, none), Verdict::Ignore) << "there is no sequence to prove it";
  EXPECT_EQ(report(kSamePhone, none), Verdict::TakeAndLatch);
  EXPECT_EQ(report(kSamePhone, none), Verdict::Take);
  EXPECT_EQ(report(kSamePhone, audio), Verdict::Ignore) << "audio comes from elsewhere";
  EXPECT_EQ(report(at("203.0.113.5", 7001), audio), Verdict::TakeAndLatch);
  EXPECT_EQ(report(at("203.0.113.5", 7003), audio), Verdict::Ignore);
  EXPECT_EQ(report(kStranger, audio), Verdict::Ignore);
  EXPECT_EQ(report(kPhone, audio), Verdict::TakeAndLatch) << "the announced one wins";
  EXPECT_EQ(report(kPhone, audio), Verdict::Take);
  pass(kSilentUs);
  EXPECT_EQ(report(at("203.0.113.5", 7001), audio), Verdict::Ignore) << "was left";
  EXPECT_EQ(report(at("203.0.113.5", 7003), audio), Verdict::TakeAndLatch);
  EXPECT_EQ(report(at("203.0.113.5", 7005), audio), Verdict::Ignore);
  pass(kSilentUs);
  EXPECT_EQ(report(at("203.0.113.5", 7005), audio), Verdict::TakeAndLatch);
}

}  // namespace
}  // namespace wsbridge
