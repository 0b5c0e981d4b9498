// SPDX-License-Identifier: LGPL-2.1-or-later
#include "media/LoopTable.hpp"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace launcher {

namespace {

// A loop takes calls again when it is this far below the limit, not already at the limit itself.
constexpr double kRecoveredDelay = 0.7;
constexpr double kRecoveredLoad = 0.9;

double delayMs(const LoopLoad& load) {
  return static_cast<double>(load.delayNs) / 1e6;
}

}  // namespace

LoopTable::LoopTable(std::size_t count) : loops_(std::max<std::size_t>(1, count)) {}

LoopTable::State LoopTable::judge(Loop& loop, const LoopLimits& limits) {
  const double delay = delayMs(loop.load);
  const double busy = loop.load.busy * 100;
  const bool late = limits.maxDelayMs > 0 && delay > limits.maxDelayMs;
  const bool tooBusy = limits.maxLoadPercent > 0 && busy > limits.maxLoadPercent;
  const bool good = (limits.maxDelayMs <= 0 || delay <= limits.maxDelayMs * kRecoveredDelay) &&
                    (limits.maxLoadPercent <= 0 || busy <= limits.maxLoadPercent * kRecoveredLoad);
  loop.late = late ? loop.late + 1 : 0;
  loop.busy = tooBusy ? loop.busy + 1 : 0;
  loop.good = good ? loop.good + 1 : 0;
  if (loop.busy >= kBusySamples) return State::Busy;
  if (loop.late >= kLateSamples) return State::Late;
  return loop.good >= kGoodSamples ? State::Fine : loop.state;
}

std::vector<LoopTable::Change> LoopTable::sample(const std::vector<LoopLoad>& loads,
                                                 const LoopLimits& limits) {
  std::vector<Change> changes;
  for (std::size_t i = 0; i < std::min(loads.size(), loops_.size()); ++i) {
    Loop& loop = loops_[i];
    loop.load = loads[i];
    const State state = judge(loop, limits);
    if (state == loop.state) continue;
    loop.state = state;
    changes.push_back({i, state, loop.load});
  }
  return changes;
}

std::size_t LoopTable::best() const {
  const auto rank = [](const Loop& loop) {
    return std::tuple(loop.state != State::Fine, loop.calls, loop.load.busy);
  };
  const auto found =
      std::min_element(loops_.begin(), loops_.end(),
                       [&rank](const Loop& a, const Loop& b) { return rank(a) < rank(b); });
  return static_cast<std::size_t>(found - loops_.begin());
}

std::size_t LoopTable::take() {
  const std::size_t chosen = best();
  ++loops_[chosen].calls;
  return chosen;
}

void LoopTable::giveBack(std::size_t loop) {
  if (loop < loops_.size() && loops_[loop].calls > 0) --loops_[loop].calls;
}

LoopTable::State LoopTable::overall() const {
  return loops_[best()].state;
}

std::string LoopTable::describe() const {
  const LoopLoad& load = loops_[best()].load;
  return std::to_string(std::lround(delayMs(load))) + " ms late, " +
         std::to_string(std::lround(load.busy * 100)) + " % busy";
}

}  // namespace launcher
