// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "admission/Admission.hpp"

namespace launcher {

namespace {

Config::Limits limits(int maxCalls = 0) {
  Config::Limits limits;
  limits.maxCalls = maxCalls;
  limits.maxLoopDelay = 10;
  limits.maxLoopLoad = 90;
  return limits;
}

std::optional<EndReason> verdict(const Admission& admission, std::size_t calls,
                                 const Config::Limits& limits) {
  const auto refusal = admission.check(calls, limits);
  return refusal ? std::optional(refusal->reason) : std::nullopt;
}

}  // namespace

TEST(Admission, EveryLimitIs503AndDocumented) {
  std::ifstream file(LAUNCHER_SOURCE_ROOT "/docs/operations.md");
  std::stringstream text;
  text << file.rdbuf();
  for (const AdmissionLimit& limit : admissionLimits()) {
    const CallEnd& end = callEnd(limit.reason);
    EXPECT_EQ(end.status, 503) << end.label;
    EXPECT_EQ(admissionKey(limit.reason), limit.key);
    const std::string row = "| `" + std::string(end.label) + "` | `" + limit.key + "` |";
    EXPECT_NE(text.str().find(row), std::string::npos) << "docs/operations.md lacks: " << row;
  }
  EXPECT_EQ(admissionKey(EndReason::Draining), "") << "that is no limit";
}

TEST(Admission, MaxCallsCountsThoseThatAreUp) {
  const Admission admission({1, 0, 0, 100});
  EXPECT_EQ(verdict(admission, 1, limits(2)), std::nullopt);
  EXPECT_EQ(verdict(admission, 2, limits(2)), EndReason::TooManyCalls);
  EXPECT_EQ(verdict(admission, 2, limits(0)), std::nullopt);
}

TEST(Admission, TheReserveOfDescriptorsIsNotGivenAway) {
  const std::size_t room = 5 * Admission::kDescriptorsPerCall;
  const Admission admission({1, 20 + room + Admission::kReserve, 20, 100});
  EXPECT_EQ(verdict(admission, 4, limits()), std::nullopt);
  EXPECT_EQ(verdict(admission, 5, limits()), EndReason::TooFewDescriptors);
  EXPECT_EQ(admission.capacity(limits()).byDescriptors, 5u);
}

TEST(Admission, WhatWasCountedWinsOverTheReckoning) {
  Admission admission({1, 1000, 20, 1000});
  // Something else has opened 900.
  admission.sample({{}, 920}, 0, limits());
  EXPECT_EQ(verdict(admission, 0, limits()), std::nullopt);
  EXPECT_EQ(verdict(admission, 7, limits()), std::nullopt) << "920 + 8 * 6 + 32 are 1000";
  EXPECT_EQ(verdict(admission, 8, limits()), EndReason::TooFewDescriptors)
      << "those that came since the count are added";
  admission.sample({{}, 20}, 0, limits());
  EXPECT_EQ(verdict(admission, 6, limits()), std::nullopt);
  admission.sample({{}, 980}, 6, limits());
  EXPECT_EQ(verdict(admission, 5, limits()), EndReason::TooFewDescriptors);
  EXPECT_EQ(verdict(admission, 3, limits()), std::nullopt) << "so are those that went";
}

TEST(Admission, CallsThatTakeMoreAreReckonedSo) {
  Admission admission({1, 2000, 20, 1000});
  admission.sample({{}, 20 + 50 * 16}, 50, limits());
  EXPECT_EQ(admission.descriptorsWith(100), 20u + 100 * 16);
  EXPECT_EQ(admission.capacity(limits()).byDescriptors, (2000u - 20 - Admission::kReserve) / 16);
  EXPECT_EQ(verdict(admission, 120, limits()), std::nullopt);
  EXPECT_EQ(verdict(admission, 121, limits()), EndReason::TooFewDescriptors);
}

TEST(Admission, OverloadedLoopsRefuseWithTheirOwnReason) {
  Admission admission({2, 0, 0, 100});
  const HouseSample late{{{0.1, 30000000}, {0.1, 30000000}}, {}};
  for (int i = 0; i < LoopTable::kLateSamples; ++i)
    admission.sample(late, 0, limits());
  const auto refusal = admission.check(0, limits());
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason, EndReason::LoopsLate);
  EXPECT_NE(refusal->detail.find("30 ms"), std::string::npos) << refusal->detail;
  const HouseSample busy{{{0.99, 0}, {0.99, 0}}, {}};
  for (int i = 0; i < LoopTable::kBusySamples; ++i)
    admission.sample(busy, 0, limits());
  EXPECT_EQ(verdict(admission, 0, limits()), EndReason::LoopsBusy);
  EXPECT_EQ(verdict(admission, 3, limits(3)), EndReason::TooManyCalls) << "the plainest one first";
}

TEST(Admission, CapacityNamesWhatIsReachedFirst) {
  const Admission ports({1, 0, 0, 10});
  EXPECT_EQ(ports.capacity(limits()).calls(), 10u);
  EXPECT_STREQ(ports.capacity(limits()).limitedBy(), "no-rtp-ports");
  EXPECT_EQ(ports.capacity(limits(7)).calls(), 7u);
  EXPECT_STREQ(ports.capacity(limits(7)).limitedBy(), "too-many-calls");
  const Admission descriptors({1, 58, 20, 10});
  EXPECT_EQ(descriptors.capacity(limits()).calls(), 1u);
  EXPECT_STREQ(descriptors.capacity(limits()).limitedBy(), "too-few-descriptors");
  const Admission hopeless({1, 30, 20, 10});
  EXPECT_EQ(hopeless.capacity(limits()).calls(), 0u);
  EXPECT_STREQ(Capacity{}.limitedBy(), "load");
}

TEST(Admission, RefusalsAreReportedAtOnceAndThenOnceASecond) {
  Admission admission({1, 0, 0, 100});
  constexpr std::int64_t kStart = 5000000;
  EXPECT_EQ(admission.refused(EndReason::TooManyCalls, kStart), 1u);
  EXPECT_EQ(admission.refused(EndReason::TooManyCalls, kStart + 1000), 0u);
  EXPECT_EQ(admission.refused(EndReason::TooManyCalls, kStart + 999999), 0u);
  EXPECT_EQ(admission.refused(EndReason::NoRtpPorts, kStart + 2000), 1u) << "each by itself";
  EXPECT_TRUE(admission.due(kStart + 999999).empty());
  EXPECT_EQ(admission.refused(EndReason::TooManyCalls, kStart + 1000000), 3u);
  EXPECT_EQ(admission.refused(EndReason::TooManyCalls, kStart + 1000001), 0u);
  const auto due = admission.due(kStart + 2000000);
  ASSERT_EQ(due.size(), 1u);
  EXPECT_EQ(due[0].first, EndReason::TooManyCalls);
  EXPECT_EQ(due[0].second, 1u);
  EXPECT_TRUE(admission.due(kStart + 9000000).empty()) << "nothing is left";
}

}  // namespace launcher
