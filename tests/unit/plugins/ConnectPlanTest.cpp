// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>

#include "connect/ConnectPlan.hpp"

namespace wsbridge {
namespace {

constexpr int64_t kMs = 1000;

void expectAttempt(const std::optional<ConnectPlan::Attempt>& attempt, size_t candidate,
                   int64_t at_ms, int64_t until_ms) {
  ASSERT_TRUE(attempt.has_value());
  EXPECT_EQ(attempt->candidate, candidate);
  EXPECT_EQ(attempt->at_us, at_ms * kMs);
  EXPECT_EQ(attempt->until_us, until_ms * kMs);
}

TEST(ConnectPlan, OneEndpointHasTheWholeTimeAndNoSecondChance) {
  ConnectPlan plan(1, 0, 1000 * kMs, 6000 * kMs);
  expectAttempt(plan.first(), 0, 1000, 7000);
  EXPECT_FALSE(plan.afterFailure(true, 1001 * kMs));
}

TEST(ConnectPlan, WhatIsLeftOfTheTimeIsSharedByThoseStillToCome) {
  ConnectPlan plan(3, 0, 0, 6000 * kMs);
  expectAttempt(plan.first(), 0, 0, 2000);
  expectAttempt(plan.afterFailure(false, 2000 * kMs), 1, 2000, 4000);
  expectAttempt(plan.afterFailure(false, 2100 * kMs), 2, 2100, 6000);
  EXPECT_FALSE(plan.afterFailure(false, 2200 * kMs));
}

TEST(ConnectPlan, TheTimeIsForAllTogether) {
  ConnectPlan plan(2, 5, 0, 100 * kMs);
  plan.first();
  EXPECT_FALSE(plan.afterFailure(true, 100 * kMs));
}

TEST(ConnectPlan, RetriesHavePausesThatDouble) {
  ConnectPlan plan(1, 3, 0, 10'000 * kMs);
  plan.first();
  expectAttempt(plan.afterFailure(true, 10 * kMs), 0, 110, 10'000);
  expectAttempt(plan.afterFailure(true, 120 * kMs), 0, 320, 10'000);
  expectAttempt(plan.afterFailure(true, 330 * kMs), 0, 730, 10'000);
  EXPECT_FALSE(plan.afterFailure(true, 740 * kMs));
}

TEST(ConnectPlan, ARetryNeverComesAfterTheTime) {
  ConnectPlan plan(1, 9, 0, 350 * kMs);
  plan.first();
  expectAttempt(plan.afterFailure(true, 0), 0, 100, 350);
  expectAttempt(plan.afterFailure(true, 100 * kMs), 0, 300, 350);
  EXPECT_FALSE(plan.afterFailure(true, 300 * kMs));
}

TEST(ConnectPlan, OnlyThoseWhoseFailureMayPassAreTriedAgain) {
  ConnectPlan plan(3, 2, 0, 6000 * kMs);
  plan.first();
  plan.afterFailure(true, 10 * kMs);
  plan.afterFailure(false, 20 * kMs);
  expectAttempt(plan.afterFailure(true, 30 * kMs), 0, 130, 130 + 5870 / 2);
  expectAttempt(plan.afterFailure(false, 140 * kMs), 2, 140, 6000);
  expectAttempt(plan.afterFailure(true, 150 * kMs), 2, 350, 6000);
  EXPECT_FALSE(plan.afterFailure(true, 360 * kMs));
}

TEST(ConnectPlan, APermanentFailureIsTheEnd) {
  ConnectPlan plan(1, 5, 0, 6000 * kMs);
  plan.first();
  EXPECT_FALSE(plan.afterFailure(false, 10 * kMs));
}

}  // namespace
}  // namespace wsbridge
