// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>

#include "media/LoopTable.hpp"

namespace launcher {

namespace {

using State = LoopTable::State;

constexpr LoopLimits kLimits{10, 90};

LoopLoad load(double busy, double delayMs) {
  return {busy, static_cast<std::uint64_t>(delayMs * 1e6)};
}

/// The same load for all loops, several samples long. Returns the changes.
std::vector<LoopTable::Change> feed(LoopTable& table, LoopLoad load, int samples,
                                    LoopLimits limits = kLimits) {
  std::vector<LoopTable::Change> all;
  for (int i = 0; i < samples; ++i) {
    for (const auto& change : table.sample(std::vector<LoopLoad>(table.size(), load), limits)) {
      all.push_back(change);
    }
  }
  return all;
}

}  // namespace

TEST(LoopTable, CallsGoToTheLoopWithTheFewest) {
  LoopTable table(3);
  EXPECT_EQ(table.take(), 0u);
  EXPECT_EQ(table.take(), 1u);
  EXPECT_EQ(table.take(), 2u);
  EXPECT_EQ(table.take(), 0u);
  table.giveBack(2);
  EXPECT_EQ(table.take(), 2u);
  EXPECT_EQ(table.calls(0), 2);
  EXPECT_EQ(table.calls(1), 1);
  EXPECT_EQ(table.calls(2), 1);
}

TEST(LoopTable, OfLoopsWithAsManyCallsTheLeastBusyIsTaken) {
  LoopTable table(3);
  table.sample({load(0.4, 0), load(0.2, 0), load(0.3, 0)}, kLimits);
  EXPECT_EQ(table.take(), 1u);
  EXPECT_EQ(table.take(), 2u);
  EXPECT_EQ(table.take(), 0u);
}

TEST(LoopTable, OneHiccupRefusesNobody) {
  LoopTable table(1);
  feed(table, load(0.1, 300), LoopTable::kLateSamples - 1);
  EXPECT_EQ(table.overall(), State::Fine);
  feed(table, load(0.1, 1), 1);
  feed(table, load(0.1, 300), LoopTable::kLateSamples - 1);
  EXPECT_EQ(table.overall(), State::Fine) << "they have to stand in a row";
}

TEST(LoopTable, ALoopThatStaysLateIsOverloaded) {
  LoopTable table(1);
  const auto changes = feed(table, load(0.1, 10.1), LoopTable::kLateSamples + 3);
  EXPECT_EQ(table.overall(), State::Late);
  ASSERT_EQ(changes.size(), 1u) << "told once";
  EXPECT_EQ(changes[0].state, State::Late);
  EXPECT_EQ(changes[0].loop, 0u);
  EXPECT_EQ(table.describe(), "10 ms late, 10 % busy");
}

TEST(LoopTable, TheLimitItselfIsAllowed) {
  LoopTable table(1);
  feed(table, load(0.9, 10), 20);
  EXPECT_EQ(table.overall(), State::Fine);
}

TEST(LoopTable, ALoopThatStaysBusyIsOverloaded) {
  LoopTable table(1);
  feed(table, load(0.91, 0), LoopTable::kBusySamples - 1);
  EXPECT_EQ(table.overall(), State::Fine);
  feed(table, load(0.91, 0), 1);
  EXPECT_EQ(table.overall(), State::Busy);
}

TEST(LoopTable, ItTakesCallsAgainOnlyWellBelowTheLimits) {
  LoopTable table(1);
  feed(table, load(0.95, 0), LoopTable::kBusySamples);
  feed(table, load(0.85, 0), 20);
  EXPECT_EQ(table.overall(), State::Busy) << "just below the limit is no recovery";
  feed(table, load(0.5, 8), 20);
  EXPECT_EQ(table.overall(), State::Busy) << "nor is a delay just below its limit";
  feed(table, load(0.5, 1), LoopTable::kGoodSamples - 1);
  EXPECT_EQ(table.overall(), State::Busy);
  const auto changes = feed(table, load(0.5, 1), 1);
  EXPECT_EQ(table.overall(), State::Fine);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].state, State::Fine);
}

TEST(LoopTable, WhileOneLoopIsFineItGetsTheCalls) {
  LoopTable table(2);
  for (int i = 0; i < LoopTable::kLateSamples; ++i)
    table.sample({load(0.1, 50), load(0.5, 0)}, kLimits);
  EXPECT_EQ(table.state(0), State::Late);
  EXPECT_EQ(table.overall(), State::Fine);
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(table.take(), 1u);
  for (int i = 0; i < LoopTable::kLateSamples; ++i)
    table.sample({load(0.1, 50), load(0.5, 20)}, kLimits);
  EXPECT_EQ(table.overall(), State::Late);
}

TEST(LoopTable, ZeroSwitchesALimitOff) {
  LoopTable table(1);
  feed(table, load(1, 0), 20, {10, 0});
  EXPECT_EQ(table.overall(), State::Fine);
  feed(table, load(0.1, 900), 20, {0, 90});
  EXPECT_EQ(table.overall(), State::Fine);
  feed(table, load(0.1, 900), 20, kLimits);
  EXPECT_EQ(table.overall(), State::Late);
  feed(table, load(1, 900), 20, {0, 0});
  EXPECT_EQ(table.overall(), State::Fine) << "switched off while it refuses";
}

TEST(LoopTable, WithoutMeasurementNothingIsRefused) {
  LoopTable table(2);
  EXPECT_TRUE(table.sample({}, kLimits).empty());
  EXPECT_EQ(table.overall(), State::Fine);
  table.giveBack(0);
  EXPECT_EQ(table.calls(0), 0) << "never below zero";
}

}  // namespace launcher
