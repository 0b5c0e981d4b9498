// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "Pcm.hpp"
#include "audio/PlayoutQueue.hpp"

namespace {

using testsupport::Samples;
using wsbridge::Fallback;
using wsbridge::PlayoutQueue;
using wsbridge::PlayoutSettings;

constexpr int kRate = 16000;
constexpr size_t kFrame = 320;
constexpr int64_t kMs = 1000;
constexpr int64_t kFrameUs = 20 * kMs;

PlayoutSettings silence() {
  PlayoutSettings settings;
  settings.fallback = Fallback::Silence;
  return settings;
}

/// Samples that tell where they are; small first values, so that no fade-in touches them.
Samples numbered(size_t count) {
  Samples samples(count);
  for (size_t i = 0; i < count; ++i)
    samples[i] = static_cast<int16_t>(i % 500 + 1);
  return samples;
}

std::span<const uint8_t> bytesOf(const Samples& samples) {
  return {reinterpret_cast<const uint8_t*>(samples.data()), samples.size() * 2};
}

/// The queue on a clock of its own.
class Player {
 public:
  explicit Player(const PlayoutSettings& settings) : queue(settings) {}

  void push(const Samples& samples) { queue.push(bytesOf(samples), now_us); }
  PlayoutQueue::Pulled pull() {
    Samples frame(queue.frameSamples());
    const auto pulled = queue.pull(frame.data(), now_us);
    now_us += kFrameUs;
    if (pulled == PlayoutQueue::Pulled::Audio) {
      played.insert(played.end(), frame.begin(), frame.end());
      ++audio_frames;
    } else {
      ++fallback_frames;
    }
    all.insert(all.end(), frame.begin(), frame.end());
    return pulled;
  }

  PlayoutQueue queue;
  int64_t now_us = 1'000'000;
  Samples played;
  Samples all;
  size_t audio_frames = 0;
  size_t fallback_frames = 0;
};

TEST(PlayoutQueue, AWholeMinuteAtOnceIsPlayedToTheLastSampleInOrder) {
  Player player(silence());
  const Samples minute = numbered(kRate * 60);
  player.push(minute);
  for (int i = 0; i < 3000; ++i)
    ASSERT_EQ(player.pull(), PlayoutQueue::Pulled::Audio);
  EXPECT_EQ(player.played, minute);
  EXPECT_EQ(player.pull(), PlayoutQueue::Pulled::Fallback);
}

TEST(PlayoutQueue, ALastPartOfAFrameIsPlayed) {
  Player player(silence());
  const Samples speech = numbered(kFrame * 3 + 100);
  player.push(speech);
  for (int i = 0; i < 5; ++i)
    player.pull();
  ASSERT_GE(player.all.size(), speech.size());
  EXPECT_TRUE(std::equal(speech.begin(), speech.end(), player.all.begin()));
  EXPECT_TRUE(player.queue.empty());
}

TEST(PlayoutQueue, OddBytesAreCarriedToTheNextMessage) {
  Player player(silence());
  const Samples speech = numbered(kFrame * 4);
  const auto bytes = bytesOf(speech);
  player.queue.push(bytes.first(333), player.now_us);
  player.queue.push(bytes.subspan(333, 1), player.now_us);
  player.queue.push(bytes.subspan(334, 601), player.now_us);
  player.queue.push(bytes.subspan(935), player.now_us);
  for (int i = 0; i < 4; ++i)
    player.pull();
  EXPECT_EQ(player.played, speech);
}

TEST(PlayoutQueue, AnyMessageSizesGiveTheSameAudio) {
  std::mt19937 random(42);
  for (int round = 0; round < 20; ++round) {
    Player player(silence());
    const Samples speech = numbered(kFrame * 50);
    auto rest = bytesOf(speech);
    while (!rest.empty()) {
      const size_t size = std::min<size_t>(rest.size(), 1 + random() % 3000);
      player.queue.push(rest.first(size), player.now_us);
      rest = rest.subspan(size);
    }
    while (!player.queue.empty())
      player.pull();
    EXPECT_EQ(player.played, speech);
  }
}

TEST(PlayoutQueue, FillsWithNoiseAtItsLevelWhileEmpty) {
  PlayoutSettings settings;
  settings.noise_level_dbov = -55;
  Player player(settings);
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(player.pull(), PlayoutQueue::Pulled::Fallback);
  EXPECT_NEAR(testsupport::levelDbov(player.all), -55, 1.0);
}

TEST(PlayoutQueue, HasNoStepAtTheSeams) {
  PlayoutSettings settings;
  Player player(settings);
  const Samples tone = testsupport::sine(kRate, 440, 0.5, 12000);
  const Samples cut(tone.begin() + 10,
                    tone.begin() + 10 + kFrame * 5 + 123);  // starts and ends anywhere
  const int steepest = [&] {
    int step = 0;
    for (size_t i = 1; i < tone.size(); ++i)
      step = std::max(step, std::abs(tone[i] - tone[i - 1]));
    return step;
  }();
  for (int i = 0; i < 3; ++i)
    player.pull();
  player.push(cut);
  for (int i = 0; i < 12; ++i)
    player.pull();
  for (size_t i = 1; i < player.all.size(); ++i) {
    ASSERT_LE(std::abs(player.all[i] - player.all[i - 1]), steepest * 3 / 2) << "at sample " << i;
  }
}

TEST(PlayoutQueue, ClearActsAtTheNextFrame) {
  Player player(silence());
  player.push(numbered(kRate * 60));
  player.pull();
  EXPECT_NEAR(static_cast<double>(player.queue.clear()), 59980, 1);
  EXPECT_EQ(player.pull(), PlayoutQueue::Pulled::Fallback);
  const Samples next = numbered(kFrame * 2);
  player.push(next);
  player.played.clear();
  player.pull();
  player.pull();
  EXPECT_EQ(player.played, next);
}

TEST(PlayoutQueue, ClearKeepsTheAlignmentOfAMessageInTheMiddle) {
  Player player(silence());
  const Samples speech = numbered(kFrame * 4);
  const auto bytes = bytesOf(speech);
  player.queue.push(bytes.first(641), player.now_us);
  player.queue.clear();
  player.queue.push(bytes.subspan(641), player.now_us);
  while (!player.queue.empty())
    player.pull();
  const Samples expected(speech.begin() + kFrame, speech.end());
  EXPECT_EQ(player.played, expected);
}

TEST(PlayoutQueue, MarksFireWhenTheAudioBeforeThemIsOut) {
  Player player(silence());
  player.queue.addMark(1);
  EXPECT_EQ(player.queue.takeMarks(), std::vector<uint64_t>{1});
  player.push(numbered(kFrame * 2));
  player.queue.addMark(2);
  player.push(numbered(kFrame));
  player.queue.addMark(3);
  player.pull();
  EXPECT_TRUE(player.queue.takeMarks().empty());
  player.pull();
  EXPECT_EQ(player.queue.takeMarks(), std::vector<uint64_t>{2});
  player.pull();
  EXPECT_EQ(player.queue.takeMarks(), std::vector<uint64_t>{3});
}

TEST(PlayoutQueue, ClearResolvesAllMarks) {
  Player player(silence());
  player.push(numbered(kRate));
  player.queue.addMark(1);
  player.queue.addMark(2);
  player.queue.clear();
  EXPECT_EQ(player.queue.takeMarks(), (std::vector<uint64_t>{1, 2}));
}

TEST(PlayoutQueue, WaterMarks) {
  PlayoutSettings settings = silence();
  settings.max_ms = 10'000;
  Player player(settings);
  player.push(numbered(kRate * 9));
  EXPECT_FALSE(player.queue.aboveHighWater());
  player.push(numbered(kRate));
  EXPECT_TRUE(player.queue.aboveHighWater());
  EXPECT_FALSE(player.queue.belowLowWater());
  for (int i = 0; i < 150; ++i)
    player.pull();
  EXPECT_TRUE(player.queue.belowLowWater());
}

/// A paced endpoint: one frame each `period_us`, late by up to `jitter_us`, while the player pulls
/// each 20 ms.
struct Paced {
  double period_us = 20'000;
  double jitter_us = 0;
  double seconds = 60;
  double speech_share = 0.5;  // of each two seconds
};

struct Outcome {
  uint64_t depth_ms_end = 0;
  uint64_t depth_ms_high_late = 0;  // in the last tenth
  uint64_t underruns = 0;
  uint64_t underruns_late = 0;
  uint64_t speech_in = 0;
  uint64_t speech_out = 0;
};

Outcome runPaced(const Paced& paced) {
  Player player(silence());
  std::mt19937 random(3);
  std::uniform_real_distribution<double> jitter(0, std::max(paced.jitter_us, 1.0));
  std::vector<std::pair<int64_t, bool>> arrivals;
  for (double at = 0; at < paced.seconds * 1e6; at += paced.period_us) {
    const bool speech = std::fmod(at, 2e6) < paced.speech_share * 2e6;
    int64_t when =
        static_cast<int64_t>(at + (paced.jitter_us > 0 ? jitter(random) : 0)) + 1'005'000;
    if (!arrivals.empty()) when = std::max(when, arrivals.back().first);
    arrivals.emplace_back(when, speech);
  }
  const Samples loud(kFrame, 400);
  const Samples quiet(kFrame, 0);
  Outcome outcome;
  size_t next = 0;
  const auto pulls = static_cast<size_t>(paced.seconds * 50);
  uint64_t underruns_at_half = 0;
  for (size_t i = 0; i < pulls; ++i) {
    while (next < arrivals.size() && arrivals[next].first <= player.now_us) {
      const Samples& frame = arrivals[next].second ? loud : quiet;
      if (arrivals[next].second) ++outcome.speech_in;
      player.queue.push(bytesOf(frame), arrivals[next].first);
      ++next;
    }
    player.pull();
    if (player.all[player.all.size() - kFrame / 2] == 400) ++outcome.speech_out;
    if (i > pulls * 9 / 10)
      outcome.depth_ms_high_late =
          std::max(outcome.depth_ms_high_late, player.queue.milliseconds());
    if (i == pulls / 2) underruns_at_half = player.queue.counters().underruns;
  }
  outcome.depth_ms_end = player.queue.milliseconds();
  outcome.underruns = player.queue.counters().underruns;
  outcome.underruns_late = outcome.underruns - underruns_at_half;
  return outcome;
}

TEST(PlayoutQueue, ASteadyStreamNeedsNoDepth) {
  const Outcome outcome = runPaced({});
  EXPECT_EQ(outcome.underruns, 0U);
  EXPECT_LE(outcome.depth_ms_high_late, 20U);
}

TEST(PlayoutQueue, JitterIsPlayedWithASmallDepthThatDoesNotGrow) {
  const Outcome outcome = runPaced({.jitter_us = 40'000, .seconds = 120});
  EXPECT_LE(outcome.depth_ms_high_late, 140U);
  EXPECT_LE(outcome.underruns_late, outcome.speech_in / 100);
  EXPECT_GE(outcome.speech_out + 10, outcome.speech_in);
}

TEST(PlayoutQueue, HalfAPercentTooFastForTenMinutesLosesNoSpeechAndGathersNoDelay) {
  const Outcome outcome = runPaced({.period_us = 20'000 / 1.005, .seconds = 600});
  EXPECT_LE(outcome.depth_ms_high_late, 80U);
  EXPECT_GE(outcome.speech_out + 5, outcome.speech_in);
}

TEST(PlayoutQueue, SlightlyTooSlowPlaysEverythingWithoutDelay) {
  const Outcome outcome = runPaced({.period_us = 20'000 * 1.01, .seconds = 60});
  EXPECT_LE(outcome.depth_ms_high_late, 60U);
  EXPECT_GE(outcome.speech_out + 5, outcome.speech_in);
}

TEST(PlayoutQueue, ThePullerIsToldHowMuchEarlierItMayComeAndOnlyOnce) {
  Player player(silence());
  const Samples loud(kFrame, 400);
  int64_t advanced = 0;
  for (int i = 0; i < 500; ++i) {
    player.push(loud);                   // arrives…
    player.now_us += 15'000 - advanced;  // …and is pulled 15 ms later at first
    player.pull();
    player.now_us -= 15'000 - advanced;
    advanced += player.queue.takeAdvance(1000);
    EXPECT_EQ(advanced, i < 3 ? 0 : 7'000);  // all of it at once
  }
  EXPECT_EQ(player.queue.counters().underruns, 0U);
}

/// Pulls as SourcePusher does: waits while it is worth it, follows the endpoint both ways.
class FollowingPuller {
 public:
  /// The last frame comes this late: from then on all are in time again.
  void runUntil(int64_t end_us, int64_t stall_us = 0) {
    const int64_t blocked_us = arrival_us_ + stall_us;
    for (; now_us_ < end_us; now_us_ += kMs) {
      for (; arrival_us_ <= now_us_ && now_us_ >= blocked_us; arrival_us_ += kFrameUs)
        queue.push(bytesOf(loud_), now_us_);
      if (now_us_ >= next_us_) tick();
    }
  }
  [[nodiscard]] int64_t movedUs() const { return advanced_us_ - delayed_us_; }

  PlayoutQueue queue{silence()};

 private:
  void tick() {
    if (const int64_t patience_us = queue.patienceUs(); patience_us > 0) {
      if (dry_since_us_ == 0) dry_since_us_ = now_us_;
      if (now_us_ - dry_since_us_ < patience_us) return;
    }
    if (dry_since_us_ != 0) {
      const int64_t delay_us = queue.takeDelay(now_us_ - dry_since_us_);
      delayed_us_ += delay_us;
      next_us_ += delay_us;
      dry_since_us_ = 0;
    }
    Samples frame(queue.frameSamples());
    queue.pull(frame.data(), now_us_);
    const int64_t advance_us = queue.takeAdvance(2'000);
    advanced_us_ += advance_us;
    next_us_ += kFrameUs - advance_us;
  }

  const Samples loud_ = Samples(kFrame, 400);
  int64_t now_us_ = 1'000'000;
  int64_t arrival_us_ = now_us_;
  int64_t next_us_ = now_us_ + 15'000;
  int64_t dry_since_us_ = 0;
  int64_t advanced_us_ = 0;
  int64_t delayed_us_ = 0;
};

TEST(PlayoutQueue, StallsOfTheEndpointDoNotMoveTheTimeLineFurtherAndFurther) {
  FollowingPuller puller;
  puller.runUntil(11'000'000);
  const int64_t settled_us = puller.movedUs();
  EXPECT_GT(settled_us, 0);
  for (int i = 0; i < 60; ++i) {
    puller.runUntil((11 + 10 * i) * 1'000'000);
    puller.runUntil((11 + 10 * i + 1) * 1'000'000, 25'000);
    EXPECT_LE(puller.movedUs() - settled_us, 40'000) << "after stall " << i;
    EXPECT_LE(puller.queue.milliseconds(), 40U);
  }
  // Noise once, to get ahead; from then on the frame that is late is waited for.
  EXPECT_LE(puller.queue.counters().underruns, 3U);
}

TEST(PlayoutQueue, AStreamThatBrokeOffInASampleDoesNotShiftTheNextOne) {
  Player player(silence());
  const Samples first(kFrame, 400);
  player.push(first);
  player.queue.push(bytesOf(first).first(321), player.now_us);
  player.queue.beginStream();
  const Samples second(10 * kFrame, 1000);
  player.push(second);
  for (int i = 0; i < 12; ++i)
    player.pull();
  ASSERT_GT(player.played.size(), 4 * kFrame);
  EXPECT_EQ(
      std::count(player.played.begin() + 3 * kFrame, player.played.begin() + 4 * kFrame, 1000),
      static_cast<long>(kFrame));
}

TEST(PlayoutQueue, TheEndIsPlayedAlsoWhenItWasHeld) {
  Player player(silence());
  player.push(Samples(3 * kFrame, 400));
  player.queue.setHeld(true);
  EXPECT_EQ(player.pull(), PlayoutQueue::Pulled::Fallback);
  player.queue.finish();
  EXPECT_EQ(player.pull(), PlayoutQueue::Pulled::Audio);
}

TEST(PlayoutQueue, AnEndpointThatSendsInChunksIsNotTrimmedAndRunsDryOnceAtMost) {
  for (const size_t chunk_ms : {60UL, 128UL, 500UL}) {
    Player player(silence());
    std::mt19937 random(5);
    const Samples chunk(kRate / 1000 * chunk_ms, 0);
    int64_t next_us = player.now_us;
    for (int i = 0; i < 1500; ++i) {
      while (next_us <= player.now_us) {
        player.queue.push(bytesOf(chunk), player.now_us);
        next_us += static_cast<int64_t>(chunk_ms) * kMs;
      }
      player.now_us += static_cast<int64_t>(random() % 5) * kMs;  // the puller is late now and then
      const int64_t was_us = player.now_us;
      player.pull();
      player.now_us = was_us / kFrameUs * kFrameUs + kFrameUs;
    }
    EXPECT_EQ(player.queue.counters().trimmed, 0U) << chunk_ms;
    EXPECT_LE(player.queue.counters().underruns, 3U) << chunk_ms;
  }
}

TEST(PlayoutQueue, SilenceInsideABurstIsNotTrimmed) {
  Player player(silence());
  Samples burst(kRate * 20, 0);
  for (size_t i = 0; i < burst.size(); i += 1000)
    burst[i] = 300;
  player.push(burst);
  while (!player.queue.empty())
    player.pull();
  EXPECT_EQ(player.played, burst);
  EXPECT_EQ(player.queue.counters().trimmed, 0U);
}

TEST(PlayoutQueue, LatencyOfAStallIsTakenBackInSilence) {
  Player player(silence());
  const Samples loud(kFrame, 400);
  const Samples quiet(kFrame, 0);
  // Paced; then nothing for 160 ms, then all that was held up at once; then paced with pauses.
  for (int i = 0; i < 200; ++i) {
    player.push(loud);
    player.pull();
  }
  for (int i = 0; i < 8; ++i)
    player.pull();
  for (int i = 0; i < 8; ++i)
    player.push(loud);
  const uint64_t after_stall = player.queue.milliseconds();
  EXPECT_GE(after_stall, 140U);
  for (int i = 0; i < 500; ++i) {
    player.push(i % 100 < 50 ? loud : quiet);
    player.pull();
  }
  // Ten calm seconds: one stall is not taken for steady jitter.
  EXPECT_LE(player.queue.milliseconds(), 45U);
}

}  // namespace
