// SPDX-License-Identifier: LGPL-2.1-or-later
#include <map>
#include <set>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "call/CallState.hpp"
#include "call/Transfer.hpp"

namespace launcher {
namespace {

using State = CallState;
using Step = CallStep;

std::vector<State> states() {
  std::vector<State> all;
  for (int i = 0; i <= static_cast<int>(State::Over); ++i)
    all.push_back(static_cast<State>(i));
  return all;
}

std::vector<Step> steps() {
  std::vector<Step> all;
  for (int i = 0; i <= static_cast<int>(Step::End); ++i)
    all.push_back(static_cast<Step>(i));
  return all;
}

TEST(CallState, TheTableIsWalkedWhole) {
  std::map<std::pair<State, Step>, State> table;
  for (const CallTransition& row : kCallTransitions) {
    EXPECT_TRUE(table.emplace(std::pair(row.from, row.step), row.to).second) << "stands twice";
    EXPECT_GT(row.to, row.from) << "a call never goes back";
    EXPECT_NE(row.to, State::Over) << "only the end leads there";
    EXPECT_NE(row.step, Step::End);
  }
  for (const State from : states()) {
    for (const Step step : steps()) {
      const auto next = nextState(from, step);
      if (step == Step::End) {
        EXPECT_EQ(next.has_value(), from != State::Over);
        continue;
      }
      const auto row = table.find({from, step});
      ASSERT_EQ(next.has_value(), row != table.end());
      if (next) {
        EXPECT_EQ(*next, row->second);
      }
    }
  }
}

TEST(CallState, EveryStateIsReachedAndEveryStepIsTakenSomewhere) {
  std::set<State> reached = {State::New};
  std::set<Step> taken;
  for (size_t before = 0; before != reached.size();) {
    before = reached.size();
    for (const State from : std::set(reached)) {
      for (const Step step : steps()) {
        if (const auto next = nextState(from, step)) {
          reached.insert(*next);
          taken.insert(step);
        }
      }
    }
  }
  EXPECT_EQ(reached.size(), states().size());
  EXPECT_EQ(taken.size(), steps().size());
}

State after(std::initializer_list<Step> walk) {
  State state = State::New;
  for (const Step step : walk) {
    const auto next = nextState(state, step);
    EXPECT_TRUE(next.has_value()) << "step " << static_cast<int>(step);
    if (next) state = *next;
  }
  return state;
}

TEST(CallState, TheThreeKindsOfCallsBecomeActive) {
  EXPECT_EQ(after({Step::Resolve, Step::Connect, Step::Bridge}), State::Active);
  EXPECT_EQ(after({Step::Resolve, Step::Connect, Step::Offer, Step::Agree, Step::Attach}),
            State::Active);
  EXPECT_EQ(after({Step::Dial, Step::Resolve, Step::Connect, Step::Bridge}), State::Active);
  EXPECT_EQ(after({Step::Resolve, Step::Connect, Step::Bridge, Step::DrainPlayout, Step::End}),
            State::Over);
}

TEST(Transfer, IsWaitedForAsLongAsTheReportsAsk) {
  constexpr std::int64_t kSecond = 1'000'000;
  Transfer transfer(60);
  EXPECT_FALSE(transfer.running());
  transfer.reported(10, 0);
  EXPECT_FALSE(transfer.running()) << "a report of no transfer begins none";
  transfer.begin();
  EXPECT_TRUE(transfer.running());
  EXPECT_FALSE(transfer.expired(1000 * kSecond)) << "the transaction ends it";
  transfer.reported(10, 0);
  EXPECT_FALSE(transfer.expired(60 * kSecond - 1)) << "not less than the time-out";
  EXPECT_TRUE(transfer.expired(60 * kSecond));
  transfer.reported(100000, 0);
  EXPECT_FALSE(transfer.expired(600 * kSecond - 1)) << "nor for ever";
  EXPECT_TRUE(transfer.expired(600 * kSecond));
  transfer.end();
  EXPECT_FALSE(transfer.expired(1000 * kSecond));
}

}  // namespace
}  // namespace launcher
