// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "TimeScale.hpp"

// Deadlines and condition variables for everything that a test waits for. Limits of
// a second and more stretch in sanitized builds (TimeScale.hpp). Any thread may use these.
namespace testsupport {

using Clock = std::chrono::steady_clock;
using Millis = std::chrono::milliseconds;
using namespace std::chrono_literals;

// A mutex and a condition variable that belong together: state is read and written under lock(),
// every change is announced with notify(), and waitFor() sleeps until a condition on that state
// holds or the limit is over.
class Monitor {
 public:
  Monitor() = default;
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  [[nodiscard]] std::unique_lock<std::mutex> lock() const { return std::unique_lock(mutex_); }
  void notify() const { changed_.notify_all(); }

  // True when the predicate, called under the lock, came true within the limit.
  template <class Predicate>
  bool waitFor(Predicate predicate, Millis limit) const {
    std::unique_lock guard(mutex_);
    return changed_.wait_for(guard, stretched(limit), predicate);
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
};

// For state that nobody announces (files in /proc, another process): looks every 5 ms until the
// limit is over.
template <class Predicate>
bool eventually(Predicate predicate, Millis limit) {
  const auto end = Clock::now() + stretched(limit);
  while (!predicate()) {
    if (Clock::now() >= end) return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

inline double millisBetween(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

}  // namespace testsupport
