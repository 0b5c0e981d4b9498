// SPDX-License-Identifier: LGPL-2.1-or-later
//
// LoopLateness: how late a loop's timers run, and how much of that is the loop's own doing. A
// thread that is ready to run and does not get a core is late for no fault of its own, and stays so
// until it has caught up; one that works for long or waits for a lock is.
//
// So, between two looks at the clock, the time that has passed less the time that the thread ran is
// time that it was kept from running, unless it went to sleep meanwhile. What it was kept is owed:
// taken off the delay of the timers that follow, until one of them is less late than that, or the
// loop rests. All but read() belongs to the loop's thread. Pure: the caller brings the times.
#pragma once

#include <atomic>
#include <cstdint>

namespace wsbridge {

class LoopLateness {
 public:
  /// Later than this, beyond what the loop gathers for, a 20 ms tick has missed its turn.
  static constexpr int64_t kMissedUs = 20'000;

  /// Since the loop began.
  struct Figures {
    uint64_t missed = 0;       ///< timers that ran more than kMissedUs late
    uint64_t missed_own = 0;   ///< of them those that would have been without being kept waiting
    int64_t worst_us = 0;      ///< the latest of all
    int64_t worst_own_us = 0;  ///< the latest without the time that the loop was kept from running
  };

  /// Of the loop's thread: the monotonic clock, its CPU time, how often it went to sleep.
  struct Times {
    int64_t now_us = 0;
    int64_t cpu_us = 0;
    int64_t sleeps = 0;
  };

  /// A round begins. It was to begin at `due_us` at the latest; `rested`: no timer was due before.
  void awake(const Times& times, int64_t due_us, bool rested);
  /// A timer ran that late: one that is too little late to look at the clock for...
  void timer(int64_t delay_us);
  /// ...and any other.
  void timer(int64_t delay_us, const Times& times);
  /// The round ends. May be left out for a round that is too short to matter.
  void asleep(const Times& times);

  Figures read() const;

 private:
  void owe(const Times& times);

  Times mark_;
  int64_t owed_us_ = 0;
  std::atomic<uint64_t> missed_{0};
  std::atomic<uint64_t> missed_own_{0};
  std::atomic<int64_t> worst_us_{0};
  std::atomic<int64_t> worst_own_us_{0};
};

}  // namespace wsbridge
