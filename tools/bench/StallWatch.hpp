// SPDX-License-Identifier: LGPL-2.1-or-later
// When the machine itself stood still: one thread per core, bound to it and of the highest
// priority, sleeps for 2 ms at a time and writes down when it woke up much later. No program of
// less priority can hold such a thread up, only the hypervisor or the kernel; what was late for as
// long says nothing about the program that is measured. Without the right to that priority nothing
// is watched and nothing excused.
//
// What comes while the machine stands still piles up, and so does what comes while that is worked
// off: a machine that is busy for the share u of its time is behind for S / (1 - u) after it has
// stood still for S, as any queue that is served in order. Backlog is that model.
#pragma once

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "Clock.hpp"

namespace bench {

struct Stall {
  Nanoseconds from, to;
};

// Ordered, none touching the next.
using Stalls = std::vector<Stall>;

Stalls merged(Stalls stalls);

// How long the machine stood still between the two.
Nanoseconds stillBetween(const Stalls& stalls, Nanoseconds from, Nanoseconds to);

class Backlog {
 public:
  Backlog() = default;
  // Merged stalls; the share of its time that the machine is busy otherwise, 0 to 1.
  Backlog(const Stalls& stalls, double busy);

  // For how long what is due at that time has to wait behind what was due before it.
  Nanoseconds at(Nanoseconds due) const;
  // The same, and the stalls that begin before it arrives.
  Nanoseconds owed(Nanoseconds due, Nanoseconds arrival) const;
  const Stalls& stalls() const { return stalls_; }
  double busy() const { return 1 - idle_; }

 private:
  Stalls stalls_;
  std::vector<Nanoseconds> behind_;  // when each of them begins
  double idle_ = 1;
};

class StallWatch {
 public:
  StallWatch() = default;
  ~StallWatch() { finish(); }
  StallWatch(const StallWatch&) = delete;
  StallWatch& operator=(const StallWatch&) = delete;

  void begin();
  // Waits for the threads; what they saw is in stalls() then.
  void finish();

  bool watched() const { return !per_core_.empty() && !unwatched_; }
  const Backlog& backlog() const { return backlog_; }

 private:
  void watch(unsigned core, Stalls& seen);

  std::atomic<bool> ending_ = false;
  std::atomic<bool> unwatched_ = false;  // a core
  std::vector<std::thread> threads_;
  std::vector<Stalls> per_core_;
  double idle_before_ = 0, all_before_ = 0;
  Backlog backlog_;
};

}  // namespace bench
