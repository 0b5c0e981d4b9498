// SPDX-License-Identifier: LGPL-2.1-or-later
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "rtp/JitterBuffer.hpp"

namespace {

using wsbridge::JitterBuffer;
using Kind = JitterBuffer::Action::Kind;

constexpr int64_t kMs = JitterBuffer::kMs;
constexpr int kEvent = 101;

/// One jitter buffer at 8 kHz and all that came out of it, as text: "1 2 -3 4!" for 3 lost and 4
/// discontinuous.
class Bench {
 public:
  explicit Bench(JitterBuffer::Limits limits = {}) { buffer.setLimits(limits); }

  /// A packet of 20 ms that comes when it was sent, `delay_ms` later.
  void audio(int seq, int64_t delay_ms = 0, uint32_t ssrc = 1) {
    packet(seq, static_cast<uint32_t>(seq) * 160, seq * 20 + delay_ms, ssrc);
  }
  /// Of a payload type that nobody wants.
  void skipped(int seq, uint32_t time, int64_t at_ms, uint32_t ssrc = 1) {
    JitterBuffer::Packet next;
    next.seq = static_cast<uint16_t>(seq);
    next.time = time;
    next.ssrc = ssrc;
    next.type = 13;
    next.arrival_ns = at_ms * kMs;
    next.skipped = true;
    buffer.push(std::move(next));
    pull(at_ms);
  }
  void packet(int seq, uint32_t time, int64_t at_ms, uint32_t ssrc = 1, int type = 0) {
    JitterBuffer::Packet next;
    next.seq = static_cast<uint16_t>(seq);
    next.time = time;
    next.ssrc = ssrc;
    next.type = static_cast<uint8_t>(type);
    next.arrival_ns = at_ms * kMs;
    next.payload = JitterBuffer::Payload(this, [](void*) {});
    buffer.push(std::move(next));
    pull(at_ms);
  }
  void pull(int64_t at_ms) {
    for (;;) {
      const JitterBuffer::Action action = buffer.pull(at_ms * kMs);
      if (action.kind == Kind::None) return;
      if (action.kind == Kind::Skip) continue;
      if (!text.empty()) text += ' ';
      if (action.kind == Kind::Lost) {
        text += '-' + std::to_string(action.seq);
        lost_pts.push_back(action.pts_ns);
        lost_ns.push_back(action.duration_ns);
      } else {
        text += std::to_string(action.packet.seq) + (action.discont ? "!" : "");
        pts.push_back(action.pts_ns);
      }
    }
  }
  std::string take() { return std::exchange(text, {}); }
  [[nodiscard]] int64_t deadlineMs() const {
    return buffer.deadline() == JitterBuffer::kNever ? -1 : buffer.deadline() / kMs;
  }

  JitterBuffer buffer;
  std::string text;
  std::vector<int64_t> pts;
  std::vector<int64_t> lost_pts;
  std::vector<int64_t> lost_ns;
};

TEST(JitterBuffer, InOrderGoesOnAtOnce) {
  Bench bench;
  for (int seq = 1; seq <= 3; ++seq) {
    bench.audio(seq);
    EXPECT_EQ(bench.take(), std::to_string(seq) + (seq == 1 ? "!" : ""));
    EXPECT_EQ(bench.deadlineMs(), -1);
  }
  EXPECT_EQ(bench.pts, (std::vector<int64_t>{20 * kMs, 40 * kMs, 60 * kMs}));
}

TEST(JitterBuffer, AGapIsHeldUntilTheDeadlineThenReportedPacketByPacket) {
  Bench bench;
  bench.audio(1);
  bench.audio(4);
  bench.audio(5);
  EXPECT_EQ(bench.take(), "1!");
  EXPECT_EQ(bench.deadlineMs(), 80 + 60);
  bench.pull(139);
  EXPECT_EQ(bench.take(), "");
  bench.pull(140);
  EXPECT_EQ(bench.take(), "-2 -3 4! 5");
  EXPECT_EQ(bench.lost_pts, (std::vector<int64_t>{40 * kMs, 60 * kMs}));
  EXPECT_EQ(bench.lost_ns, (std::vector<int64_t>{20 * kMs, 20 * kMs}));
  EXPECT_EQ(bench.pts.back(), 100 * kMs);
  EXPECT_EQ(bench.buffer.stats().lost, 2U);
  EXPECT_EQ(bench.buffer.stats().longest_hold_ns, 60 * kMs);
  EXPECT_EQ(bench.deadlineMs(), -1);
}

TEST(JitterBuffer, TheMissingPacketInTimeSetsEverythingFree) {
  Bench bench;
  for (const int seq : {1, 4, 3})
    bench.audio(seq);
  EXPECT_EQ(bench.take(), "1!");
  bench.audio(2, 50);
  EXPECT_EQ(bench.take(), "2 3 4");
  EXPECT_EQ(bench.buffer.stats().reordered, 2U);
  EXPECT_EQ(bench.buffer.stats().lost, 0U);
}

TEST(JitterBuffer, EachGapHasItsOwnDeadline) {
  Bench bench;
  for (const int seq : {1, 3, 5})
    bench.audio(seq);
  EXPECT_EQ(bench.deadlineMs(), 60 + 60);
  bench.pull(120);
  EXPECT_EQ(bench.take(), "1! -2 3!");
  EXPECT_EQ(bench.deadlineMs(), 100 + 60);
  bench.pull(160);
  EXPECT_EQ(bench.take(), "-4 5!");
}

TEST(JitterBuffer, TheOldestPacketBehindAGapCountsEvenWhenItIsNotTheNext) {
  Bench bench;
  bench.packet(1, 160, 20);
  bench.packet(5, 800, 30);
  bench.packet(3, 480, 80);
  EXPECT_EQ(bench.deadlineMs(), 90);
  bench.pull(90);
  EXPECT_EQ(bench.take(), "1! -2 3! -4 5!");
}

TEST(JitterBuffer, WaitOfNothingReportsAtOnce) {
  Bench bench({0, 256, 1000 * kMs});
  bench.audio(1);
  bench.audio(3);
  EXPECT_EQ(bench.take(), "1! -2 3!");
}

TEST(JitterBuffer, DuplicatesAndLatePacketsAreToldApart) {
  Bench bench;
  for (const int seq : {1, 2, 4, 4, 2})
    bench.audio(seq);
  EXPECT_EQ(bench.buffer.stats().duplicates, 2U);
  bench.pull(1000);
  EXPECT_EQ(bench.take(), "1! 2 -3 4!");
  bench.audio(3, 1000);
  EXPECT_EQ(bench.take(), "");
  EXPECT_EQ(bench.buffer.stats().late, 1U);
  EXPECT_EQ(bench.buffer.stats().duplicates, 2U);
  bench.audio(5, 1000);
  EXPECT_EQ(bench.take(), "5");
}

TEST(JitterBuffer, SequenceAndTimeStampsWrap) {
  Bench bench;
  for (const int at : {0, 1, 3, 2, 4, 6, 5, 7})
    bench.packet(65533 + at, 0xffffffffU - 300 + static_cast<uint32_t>(at) * 160, 20 * at);
  EXPECT_EQ(bench.take(), "65533! 65534 65535 0 1 2 3 4");
  for (size_t i = 1; i < bench.pts.size(); ++i)
    EXPECT_EQ(bench.pts[i] - bench.pts[i - 1], 20 * kMs);
}

TEST(JitterBuffer, ANewSsrcGoesOnAtOnceBehindWhatTheOldOneHeld) {
  Bench bench;
  for (const int seq : {1, 2, 4})
    bench.audio(seq);
  bench.packet(40000, 999999, 90, 2);
  EXPECT_EQ(bench.take(), "1! 2 -3 4! 40000!");
  EXPECT_EQ(bench.pts.back(), 100 * kMs) << "not before the end of the old one's last packet";
  bench.packet(5, 800, 100, 1);
  bench.packet(40001, 999999 + 160, 110, 2);
  EXPECT_EQ(bench.take(), "40001");
  EXPECT_LE(std::abs(bench.pts.back() - 120 * kMs), kMs / 10);
  EXPECT_EQ(bench.buffer.stats().stale, 1U);
  EXPECT_EQ(bench.buffer.stats().ssrc_changes, 1U);
  bench.packet(9, 1440, 90 + 500, 1);
  EXPECT_EQ(bench.take(), "9!") << "after half a second it is a way back";
  EXPECT_EQ(bench.pts.back(), 590 * kMs);
  EXPECT_EQ(bench.buffer.stats().ssrc_changes, 2U);
}

TEST(JitterBuffer, ARestartInTheSameSsrcTakesTwoPacketsInARow) {
  Bench bench;
  bench.audio(1);
  bench.audio(2);
  bench.packet(30000, 5, 60);
  EXPECT_EQ(bench.take(), "1! 2");
  bench.packet(30001, 165, 80);
  EXPECT_EQ(bench.take(), "30000! 30001");
  EXPECT_EQ(bench.pts, (std::vector<int64_t>{20 * kMs, 40 * kMs, 60 * kMs, 80 * kMs}));
  EXPECT_EQ(bench.buffer.stats().lost, 0U);
  EXPECT_EQ(bench.buffer.stats().resyncs, 1U);
}

TEST(JitterBuffer, ARestartBackwardsToo) {
  Bench bench;
  bench.packet(20000, 0, 0);
  bench.packet(19000, 8000000, 20);
  bench.packet(19001, 8000160, 40);
  EXPECT_EQ(bench.take(), "20000! 19000! 19001");
}

TEST(JitterBuffer, AStrayPacketIsDroppedAndNeverHeldLongerThanTheWait) {
  Bench bench;
  bench.audio(1);
  bench.packet(30000, 5, 30);
  bench.audio(2);
  EXPECT_EQ(bench.take(), "1! 2");
  EXPECT_EQ(bench.buffer.stats().stale, 1U);
  bench.packet(30001, 5, 50);
  EXPECT_EQ(bench.deadlineMs(), 110);
  bench.pull(110);
  EXPECT_EQ(bench.buffer.stats().stale, 2U);
  EXPECT_EQ(bench.deadlineMs(), -1);
  bench.packet(30002, 165, 300);
  EXPECT_EQ(bench.take(), "30002!") << "its predecessor was seen, though not kept";
}

TEST(JitterBuffer, ARestartOntoNumbersJustUsedIsFoundByItsTime) {
  Bench bench;
  for (int seq = 1; seq <= 100; ++seq)
    bench.audio(seq);
  bench.take();
  for (int i = 0; i < 3; ++i)
    bench.packet(40 + i, 7'000'000U + static_cast<uint32_t>(i) * 160, 2020 + i * 20);
  EXPECT_EQ(bench.take(), "40! 41 42");
  EXPECT_EQ(bench.buffer.stats().duplicates, 0U);
}

TEST(JitterBuffer, ARestartOfNumbersAndTimeIsFoundInTheEnd) {
  Bench bench;
  for (int seq = 1; seq <= 100; ++seq)
    bench.audio(seq);
  bench.take();
  for (int i = 0; i < 30; ++i)
    bench.packet(40 + i, static_cast<uint32_t>(i) * 160, 2020 + i * 20);
  EXPECT_EQ(bench.take(), "65! 66 67 68 69");
  EXPECT_EQ(bench.buffer.stats().duplicates, 25U);
}

TEST(JitterBuffer, APauseIsNoLossAndMovesTheTime) {
  Bench bench;
  bench.packet(1, 160, 20);
  bench.packet(2, 320, 40);
  bench.packet(3, 320 + 8000 * 30, 30040);
  EXPECT_EQ(bench.take(), "1! 2 3");
  EXPECT_EQ(bench.pts.back(), 30040 * kMs);
}

TEST(JitterBuffer, OnlyThePacketIsConcealedWhenItIsLostInAPause) {
  Bench bench;
  bench.packet(1, 160, 20);
  bench.packet(2, 320, 40);
  bench.packet(5, 320 + 8000 * 30, 30040);
  bench.pull(30100);
  EXPECT_EQ(bench.take(), "1! 2 -3 -4 5!");
  EXPECT_EQ(bench.lost_ns, (std::vector<int64_t>{20 * kMs, 20 * kMs}));
  EXPECT_EQ(bench.lost_pts, (std::vector<int64_t>{60 * kMs, 80 * kMs}));
  EXPECT_EQ(bench.pts.back(), 30040 * kMs);
}

TEST(JitterBuffer, ThePacketLengthIsLearned) {
  Bench bench;
  for (int seq = 1; seq <= 3; ++seq)
    bench.packet(seq, static_cast<uint32_t>(seq) * 240, seq * 30);
  bench.packet(5, 5 * 240, 150);
  bench.pull(300);
  EXPECT_EQ(bench.lost_ns, (std::vector<int64_t>{30 * kMs}));
}

TEST(JitterBuffer, TelephoneEventsPassInOrderAndTakeNoTime) {
  Bench bench;
  bench.packet(1, 160, 20);
  bench.packet(2, 320, 40);
  for (int i = 0; i < 5; ++i)
    bench.packet(3 + i, 480, 60 + i * 20, 1, kEvent);
  bench.packet(9, 480, 180, 1, kEvent);
  bench.pull(240);
  bench.packet(10, 1760, 240);
  EXPECT_EQ(bench.take(), "1! 2 3 4 5 6 7 -8 9! 10");
  EXPECT_EQ(bench.lost_ns, (std::vector<int64_t>{0}));
  EXPECT_EQ(bench.pts.back(), 220 * kMs);
  // Between events and a pause an event is missing; between them and sound without pause, sound.
  bench.packet(11, 1920, 260, 1, kEvent);
  bench.packet(13, 2080, 280);
  bench.pull(400);
  EXPECT_EQ(bench.lost_ns.back(), 20 * kMs);
  bench.packet(14, 2240, 400, 1, kEvent);
  bench.packet(16, 2240 + 8000, 1400);
  bench.pull(1500);
  EXPECT_EQ(bench.lost_ns.back(), 0);
}

TEST(JitterBuffer, ALostEventBetweenSoundsTakesNoTime) {
  Bench bench;
  bench.packet(1, 160, 20);
  bench.packet(2, 320, 40);
  bench.packet(4, 480, 60);
  bench.pull(200);
  EXPECT_EQ(bench.take(), "1! 2 -3 4!");
  EXPECT_EQ(bench.lost_ns, (std::vector<int64_t>{0}));
}

TEST(JitterBuffer, ASequenceThatGoesBackWhileTimeGoesOnLosesNothing) {
  for (const int back : {2, 3, 60, 127}) {
    Bench bench;
    for (int seq = 200; seq <= 220; ++seq)
      bench.packet(seq, static_cast<uint32_t>(seq) * 160, seq * 20);
    bench.take();
    for (int i = 1; i <= 6; ++i)
      bench.packet(220 - back + i, static_cast<uint32_t>(220 + i) * 160, (220 + i) * 20);
    bench.pull((220 + 6) * 20 + 500);
    std::string all;
    for (int i = 1; i <= 6; ++i)
      all += (i > 1 ? " " : "") + std::to_string(220 - back + i) + (i == 1 ? "!" : "");
    EXPECT_EQ(bench.take(), all) << back;
    EXPECT_EQ(bench.buffer.stats().lost, 0U);
    EXPECT_EQ(bench.buffer.stats().resyncs, 1U);
    EXPECT_EQ(bench.buffer.stats().stale + bench.buffer.stats().late, 0U);
  }
}

TEST(JitterBuffer, WhatNobodyWantsIsNotMissing) {
  Bench bench;
  bench.skipped(0, 0, 0);  // begins nothing
  bench.packet(1, 160, 20);
  bench.packet(2, 320, 40);
  bench.skipped(3, 480, 60);  // the caller falls silent for a second, noise comes now and then
  bench.skipped(4, 2080, 260);
  bench.skipped(5, 3680, 460);
  bench.skipped(6, 5280, 660);
  bench.packet(7, 8480, 1060);
  bench.packet(8, 8640, 1080);
  bench.pull(2000);
  EXPECT_EQ(bench.take(), "1! 2 7 8");
  EXPECT_EQ(bench.pts, (std::vector<int64_t>{20 * kMs, 40 * kMs, 1060 * kMs, 1080 * kMs}));
  EXPECT_EQ(bench.buffer.stats().lost, 0U);
  EXPECT_EQ(bench.buffer.stats().skipped, 5U);
  // Out of order, in place of a lost one, and of another stream.
  bench.packet(10, 8960, 1120);
  bench.skipped(9, 8800, 1125);
  bench.skipped(500, 0, 1130, 2);
  bench.packet(11, 9120, 1140);
  EXPECT_EQ(bench.take(), "10 11");
  bench.skipped(13, 9440, 1180);
  bench.packet(14, 9600, 1200);
  bench.pull(1300);
  EXPECT_EQ(bench.take(), "-12 14!");
  EXPECT_EQ(bench.buffer.stats().ssrc_changes, 0U);
  const auto& s = bench.buffer.stats();
  EXPECT_EQ(s.received, s.delivered + s.skipped);
}

TEST(JitterBuffer, ABurstAfterAStallKeepsTheRtpTimes) {
  Bench bench;
  for (int seq = 1; seq <= 50; ++seq)
    bench.audio(seq);
  for (int seq = 51; seq <= 130; ++seq)
    bench.packet(seq, static_cast<uint32_t>(seq) * 160, 2600);
  EXPECT_EQ(bench.buffer.stats().delivered, 130U);
  for (size_t i = 0; i < bench.pts.size(); ++i)
    EXPECT_LE(std::abs(bench.pts[i] - static_cast<int64_t>(i + 1) * 20 * kMs), kMs) << i;
}

TEST(JitterBuffer, AClockThatRunsFastIsFollowedWithoutSteps) {
  Bench bench;
  uint64_t random = 1;
  constexpr int kPackets = 50 * 600;
  for (int seq = 1; seq <= kPackets; ++seq) {
    random = random * 6364136223846793005ULL + 1442695040888963407ULL;
    const int64_t jitter_ns = static_cast<int64_t>(random >> 40) % (30 * kMs);
    JitterBuffer::Packet packet;
    packet.seq = static_cast<uint16_t>(seq);
    packet.time = static_cast<uint32_t>(seq) * 160;
    packet.ssrc = 1;
    packet.arrival_ns = static_cast<int64_t>(seq * 20.0 * kMs * 0.9997) + jitter_ns;
    packet.payload = JitterBuffer::Payload(this, [](void*) {});
    bench.buffer.push(std::move(packet));
    bench.pull(0);
  }
  ASSERT_EQ(bench.pts.size(), size_t{kPackets});
  for (size_t i = 1; i < bench.pts.size(); ++i) {
    ASSERT_LE(std::abs(bench.pts[i] - bench.pts[i - 1] - 20 * kMs), kMs / 10) << i;
  }
  const auto end = static_cast<int64_t>(kPackets * 20.0 * kMs * 0.9997);
  EXPECT_LE(std::abs(bench.pts.back() - end), 3 * kMs);
}

TEST(JitterBuffer, ASenderThatSetItsTimeStampsAnewIsResynchronised) {
  Bench bench;
  bench.packet(1, 160, 20);
  bench.packet(2, 320, 40);
  bench.packet(3, 4'000'000, 60);
  bench.packet(4, 4'000'160, 80);
  bench.packet(5, 1000, 100);
  EXPECT_EQ(bench.take(), "1! 2 3! 4 5!");
  EXPECT_EQ(bench.pts, (std::vector<int64_t>{20 * kMs, 40 * kMs, 60 * kMs, 80 * kMs, 100 * kMs}));
  EXPECT_EQ(bench.buffer.stats().resyncs, 2U);
}

TEST(JitterBuffer, MemoryIsBounded) {
  Bench bench({10'000 * kMs, 4, 1000 * kMs});
  for (const int seq : {1, 3, 5, 6, 7})
    bench.audio(seq);
  EXPECT_EQ(bench.take(), "1!");
  EXPECT_EQ(bench.buffer.stats().held, 4U);
  bench.audio(8);
  EXPECT_EQ(bench.take(), "-2 3!") << "only the oldest gap";
  EXPECT_EQ(bench.buffer.stats().held, 4U);
}

TEST(JitterBuffer, ALongGapIsADiscontinuityAndNotAThousandReports) {
  Bench bench;
  bench.audio(1);
  bench.audio(2);
  bench.audio(2 + 52);
  bench.pull(5000);
  EXPECT_EQ(bench.take(), "1! 2 54!");
  EXPECT_EQ(bench.buffer.stats().lost, 51U);
  bench.audio(10, 1000);
  EXPECT_EQ(bench.buffer.stats().late, 1U);
}

TEST(JitterBuffer, DrainingReleasesAllAndClearingThrowsAway) {
  Bench bench;
  for (const int seq : {1, 3, 5})
    bench.audio(seq);
  bench.buffer.drain();
  bench.pull(100);
  EXPECT_EQ(bench.take(), "1! -2 3! -4 5!");
  bench.audio(7);
  bench.buffer.clear(8000);
  bench.pull(100'000);
  EXPECT_EQ(bench.take(), "");
  EXPECT_EQ(bench.buffer.stats().flushed, 1U);
  EXPECT_EQ(bench.buffer.stats().held, 0U);
  bench.audio(20);
  EXPECT_EQ(bench.take(), "20!");
}

TEST(JitterBuffer, JitterIsThatOfRfc3550) {
  Bench bench;
  bench.audio(1, 0);
  bench.audio(2, 8);
  EXPECT_EQ(bench.buffer.stats().jitter_ns, 8 * kMs / 16);
  bench.audio(3, 0);
  EXPECT_EQ(bench.buffer.stats().jitter_ns, kMs / 2 + (8 * kMs - kMs / 2) / 16);
}

}  // namespace
