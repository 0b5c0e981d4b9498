// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>

#include <gtest/gtest.h>

#include "session/DigitAllowance.hpp"
#include "session/Outbox.hpp"
#include "websocket/ControlBudget.hpp"

namespace wsbridge {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kStart = 100 * kSecond;

/// Sends `a_second` messages in each second, all at once, and reads them as the budget allows.
/// Returns when the endpoint is given up, in seconds, or nothing.
std::optional<int> givenUpAfter(ControlBudget& budget, int a_second, int seconds,
                                size_t bytes = 16) {
  int64_t backlog = 0;
  for (int64_t ms = 0; ms < int64_t{seconds} * 1000; ++ms) {
    const int64_t now_us = kStart + ms * 1000;
    if (ms % 1000 == 0) backlog += a_second;
    while (backlog > 0 && (!budget.isExhausted() || budget.readableAt(now_us) <= now_us)) {
      budget.message(now_us, bytes);
      --backlog;
    }
    if (backlog == 0) budget.caughtUp();
    if (budget.isExhausted()) {
      budget.readableAt(now_us);
      if (budget.isAbused(now_us)) return static_cast<int>(ms / 1000);
    }
  }
  return std::nullopt;
}

TEST(ControlBudget, FarBelowTheRateNothingIsEverHeldBack) {
  ControlBudget budget(200);
  for (int64_t ms = 0; ms < 60'000; ms += 20) {
    budget.message(kStart + ms * 1000, 100);
    ASSERT_FALSE(budget.isExhausted()) << ms;
  }
}

TEST(ControlBudget, AMinuteOfMarksAtOncePasses) {
  ControlBudget budget(ControlBudget::kDefaultRate);
  for (int i = 0; i < 3000; ++i) {
    budget.mediaMessage(kStart, 330, 160);
    budget.message(kStart, 120);
  }
  EXPECT_FALSE(budget.isExhausted());
}

TEST(ControlBudget, AtTheRateForEver) {
  ControlBudget budget(200);
  EXPECT_EQ(givenUpAfter(budget, 190, 300), std::nullopt);
}

TEST(ControlBudget, AboveTheRateIsReadLaterAndGivenUpInTheEnd) {
  ControlBudget budget(200);
  const auto after = givenUpAfter(budget, 2000, 60);
  ASSERT_TRUE(after.has_value());
  // The burst of 6000 lasts three seconds, the patience ten more.
  EXPECT_GE(*after, 10);
  EXPECT_LE(*after, 15);
}

TEST(ControlBudget, OneBurstBeyondTheBudgetIsReadLaterAndForgotten) {
  ControlBudget budget(200);
  int64_t now_us = kStart;
  for (int i = 0; i < 7000; ++i) {
    if (budget.isExhausted()) now_us = std::max(now_us, budget.readableAt(now_us));
    ASSERT_FALSE(budget.isAbused(now_us)) << i;
    budget.message(now_us, 16);
  }
  EXPECT_GT(now_us, kStart + 4 * kSecond) << "it was slowed";
  EXPECT_LT(now_us, kStart + 7 * kSecond);
  budget.caughtUp();
  now_us += 30 * kSecond;
  EXPECT_LE(budget.readableAt(now_us), now_us);
  budget.message(now_us, 16);
  EXPECT_FALSE(budget.isExhausted());
  EXPECT_FALSE(budget.isAbused(now_us));
}

// What was over the budget once and then waited behind its own audio is not held against it.
TEST(ControlBudget, APauseEndsTheExcess) {
  ControlBudget budget(10);
  for (int i = 0; i < 301; ++i)
    budget.message(kStart, 0);
  EXPECT_GT(budget.readableAt(kStart), kStart);
  EXPECT_TRUE(budget.isOverRate());
  for (int i = 0; i < 250; ++i)
    budget.message(kStart + 30 * kSecond, 0);
  EXPECT_FALSE(budget.isAbused(kStart + 30 * kSecond));
}

TEST(ControlBudget, TextCountsByItsLength) {
  ControlBudget budget(10);
  budget.message(kStart, 300'000);
  EXPECT_TRUE(budget.isExhausted());
  EXPECT_GT(budget.readableAt(kStart), kStart);
}

TEST(ControlBudget, AudioAsTextCountsOnlyWhatItDoesNotExplain) {
  const auto counts = [](size_t text, size_t audio) {
    ControlBudget budget(1);
    for (int i = 0; i < 1'000; ++i)
      budget.mediaMessage(kStart, text, audio);
    return budget.isExhausted();
  };
  EXPECT_FALSE(counts(330, 160)) << "20 ms";
  EXPECT_FALSE(counts(545, 160)) << "20 ms, each character escaped";
  EXPECT_FALSE(counts(125, 8)) << "1 ms";
  EXPECT_FALSE(counts(650'000, 480'000)) << "a minute";
  EXPECT_TRUE(counts(8'000, 3)) << "padding";
  EXPECT_TRUE(counts(330, 1)) << "padding of a single sample";
  EXPECT_TRUE(counts(8'000, 160)) << "padding around a frame";
}

TEST(ControlBudget, PingsAndFragmentsCount) {
  ControlBudget pings(10);
  pings.frames(kStart, 301, 0);
  EXPECT_TRUE(pings.isExhausted());
  ControlBudget fragments(10);
  fragments.frames(kStart, 0, 1'000);
  EXPECT_FALSE(fragments.isExhausted());
  fragments.frames(kStart, 0, 2'001);
  EXPECT_TRUE(fragments.isExhausted());
}

TEST(ControlBudget, TimeSlowsButNeverEndsTheConversation) {
  ControlBudget budget(200);
  int64_t now_us = kStart;
  int64_t worked_us = 0;
  while (now_us < kStart + 60 * kSecond) {
    if (budget.isExhausted()) now_us = std::max(now_us, budget.readableAt(now_us));
    budget.work(now_us, ControlBudget::kSliceUs);
    worked_us += ControlBudget::kSliceUs;
    now_us += ControlBudget::kSliceUs;
    ASSERT_FALSE(budget.isAbused(now_us));
    ASSERT_FALSE(budget.isOverRate());
  }
  const int64_t allowed_us = 60 * ControlBudget::kWorkRate + ControlBudget::kWorkBurstUs;
  EXPECT_LE(worked_us, allowed_us + ControlBudget::kSliceUs);
  EXPECT_GT(worked_us, allowed_us * 9 / 10);
}

TEST(ControlBudget, WithoutARateOnlyTimeCounts) {
  ControlBudget budget(0);
  for (int i = 0; i < 1'000'000; ++i)
    budget.message(kStart, 1000);
  EXPECT_FALSE(budget.isExhausted());
  budget.work(kStart, ControlBudget::kWorkBurstUs);
  EXPECT_TRUE(budget.isExhausted());
}

TEST(DigitAllowance, OrdinaryCommandsAreTaken) {
  DigitAllowance digits;
  int64_t now_us = kStart;
  for (int i = 0; i < 100; ++i, now_us += 3 * kSecond)
    EXPECT_TRUE(digits.take(now_us, 10, 200)) << i;
}

TEST(DigitAllowance, ALoneCommandIsTakenWhateverItLasts) {
  DigitAllowance digits;
  EXPECT_TRUE(digits.take(kStart, 64, 6000));
  EXPECT_FALSE(digits.take(kStart, 1, 100)) << "six minutes wait";
  EXPECT_TRUE(digits.take(kStart + 400 * kSecond, 64, 6000));
}

TEST(DigitAllowance, SoManyWaitAndNoMore) {
  DigitAllowance digits;
  for (int i = 0; i < 4; ++i)
    EXPECT_TRUE(digits.take(kStart, 64, 100)) << i;
  EXPECT_FALSE(digits.take(kStart, 1, 100)) << "256 wait";
  EXPECT_FALSE(digits.take(kStart + kSecond / 10, 1, 100)) << "none has gone out";
  EXPECT_TRUE(digits.take(kStart + kSecond / 5, 1, 100));
}

TEST(Outbox, MuteNoticesOfATogglerBecomeOne) {
  Outbox outbox;
  for (int i = 0; i < 10'000; ++i)
    outbox.pushNotice(MuteNotice{i % 2 == 0});
  size_t count = 0;
  bool muted = true;
  for (; !outbox.empty(); ++count)
    muted = std::get<MuteNotice>(outbox.pop().notice).muted;
  EXPECT_EQ(count, 64U);
  EXPECT_FALSE(muted) << "what holds in the end";
  EXPECT_EQ(outbox.textBytes(), 0U);
}

}  // namespace
}  // namespace wsbridge
