// SPDX-License-Identifier: LGPL-2.1-or-later
#include "runtime/LoopLateness.hpp"

#include <algorithm>

namespace wsbridge {

namespace {

// One thread writes.
template <typename T>
void raise(std::atomic<T>& value, T to) {
  if (to > value.load(std::memory_order_relaxed)) value.store(to, std::memory_order_relaxed);
}

void count(std::atomic<uint64_t>& value) {
  value.store(value.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

}  // namespace

void LoopLateness::owe(const Times& times) {
  const int64_t kept_us = (times.now_us - mark_.now_us) - (times.cpu_us - mark_.cpu_us);
  if (times.sleeps == mark_.sleeps) owed_us_ += std::max<int64_t>(kept_us, 0);
  mark_ = times;
}

void LoopLateness::awake(const Times& times, int64_t due_us, bool rested) {
  if (rested) owed_us_ = 0;
  owed_us_ += std::max<int64_t>(times.now_us - due_us, 0);
  mark_ = times;
}

void LoopLateness::timer(int64_t delay_us) {
  raise(worst_us_, delay_us);
  raise(worst_own_us_, delay_us - owed_us_);
  owed_us_ = std::min(owed_us_, delay_us);
}

void LoopLateness::timer(int64_t delay_us, const Times& times) {
  owe(times);
  if (delay_us > kMissedUs) count(missed_);
  if (delay_us - owed_us_ > kMissedUs) count(missed_own_);
  timer(delay_us);
}

void LoopLateness::asleep(const Times& times) {
  owe(times);
}

LoopLateness::Figures LoopLateness::read() const {
  return {missed_.load(std::memory_order_relaxed), missed_own_.load(std::memory_order_relaxed),
          worst_us_.load(std::memory_order_relaxed), worst_own_us_.load(std::memory_order_relaxed)};
}

}  // namespace wsbridge
