// SPDX-License-Identifier: LGPL-2.1-or-later
// The pure parts of a conversation: marks, what is tried after a break, warnings once a second.
#include <vector>

#include <gtest/gtest.h>

#include "session/Conversation.hpp"
#include "session/Marks.hpp"
#include "session/Resumption.hpp"

namespace wsbridge {
namespace {

constexpr int64_t kSecond = 1'000'000;

TEST(Marks, AreGivenBackOnceByTheirNumber) {
  Marks marks;
  const uint64_t first = marks.add("one");
  const uint64_t second = marks.add("two");
  EXPECT_NE(first, second);
  EXPECT_EQ(marks.count(), 2U);
  EXPECT_EQ(marks.bytes(), 6U);
  EXPECT_EQ(marks.take(second), "two");
  EXPECT_EQ(marks.take(second), std::nullopt);
  EXPECT_EQ(marks.bytes(), 3U);
  EXPECT_EQ(marks.take(first), "one");
  EXPECT_TRUE(marks.empty());
  EXPECT_EQ(marks.bytes(), 0U);
}

TEST(Marks, AForgottenOneIsNotGivenBackByALaterOnesNumber) {
  Marks marks;
  const uint64_t forgotten = marks.add("forgotten");
  marks.forget();
  EXPECT_TRUE(marks.empty());
  EXPECT_EQ(marks.bytes(), 0U);
  EXPECT_NE(marks.add("later"), forgotten);
  EXPECT_EQ(marks.take(forgotten), std::nullopt);
}

/// The pauses before attempts that fail at once, until none is left.
std::vector<int64_t> pauses(Resumption& resumption, int64_t now_us, bool others) {
  std::vector<int64_t> all;
  while (const auto due_us = resumption.next(now_us, others)) {
    all.push_back(*due_us - now_us);
    now_us = *due_us;
  }
  return all;
}

TEST(Resumption, PausesGrowAndEndWithTheTimeForIt) {
  Resumption resumption;
  EXPECT_FALSE(resumption.active());
  resumption.begin(5 * kSecond, 10 * kSecond, 0);
  EXPECT_TRUE(resumption.active());
  EXPECT_EQ(resumption.leftUs(6 * kSecond), 9 * kSecond);
  EXPECT_EQ(pauses(resumption, 5 * kSecond, false),
            (std::vector<int64_t>{250'000, 500'000, 1'000'000, 2'000'000, 4'000'000}));
  EXPECT_EQ(resumption.attempts(), 5U);
  EXPECT_EQ(resumption.next(20 * kSecond, true), std::nullopt) << "it has been given up";
}

TEST(Resumption, AnAttemptAtTheEndOfTheTimeIsMadeAndOneBehindItIsNot) {
  Resumption resumption;
  resumption.begin(0, Resumption::kFirstPauseUs, 0);
  EXPECT_EQ(resumption.next(0, false), Resumption::kFirstPauseUs);
  resumption.begin(0, Resumption::kFirstPauseUs - 1, 0);
  EXPECT_EQ(resumption.next(0, false), std::nullopt);
  EXPECT_EQ(resumption.count(), 2U);
}

TEST(Resumption, TheOthersComeAtOnceWhenTheTimeIsOverAndWithoutALimit) {
  Resumption resumption;
  resumption.begin(0, kSecond, 1);
  EXPECT_TRUE(resumption.tries(1));
  EXPECT_FALSE(resumption.tries(0));
  EXPECT_EQ(pauses(resumption, 0, true), (std::vector<int64_t>{250'000, 500'000, 0}));
  EXPECT_FALSE(resumption.tries(1));
  EXPECT_TRUE(resumption.tries(0));
  EXPECT_TRUE(resumption.tries(2));
  EXPECT_EQ(resumption.leftUs(0), std::nullopt);
}

TEST(Resumption, TheNextBreakBeginsAnew) {
  Resumption resumption;
  resumption.begin(0, 0, 2);
  EXPECT_EQ(pauses(resumption, 0, true), std::vector<int64_t>{0});
  resumption.end();
  EXPECT_FALSE(resumption.active());
  resumption.begin(100 * kSecond, kSecond, 0);
  EXPECT_TRUE(resumption.tries(0));
  EXPECT_EQ(resumption.attempts(), 0U);
  EXPECT_EQ(resumption.next(100 * kSecond, true), 100 * kSecond + Resumption::kFirstPauseUs);
  EXPECT_EQ(resumption.count(), 2U);
}

TEST(OnceASecond, TellsTheSumOfWhatHasComeUp) {
  OnceASecond warning;
  EXPECT_EQ(warning.add(10 * kSecond, 3), 3U);
  EXPECT_EQ(warning.add(10 * kSecond, 1), 0U);
  EXPECT_EQ(warning.add(11 * kSecond - 1, 1), 0U);
  EXPECT_EQ(warning.add(11 * kSecond, 1), 3U);
}

TEST(Conversation, GivesBackItsShareOfAllPlayoutBytes) {
  const uint64_t before = PlayoutBudget::total();
  {
    Conversation conversation;
    conversation.rate = 16'000;
    conversation.makePlayout(SessionSettings{});
    conversation.playout->push(std::vector<uint8_t>(6'400), 0);
    conversation.accountPlayout();
    EXPECT_EQ(PlayoutBudget::total(), before + 6'400);
    EXPECT_EQ(conversation.statistics().playout_ms, 200U);
  }
  EXPECT_EQ(PlayoutBudget::total(), before);
}

}  // namespace
}  // namespace wsbridge
