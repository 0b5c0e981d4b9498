// SPDX-License-Identifier: LGPL-2.1-or-later
// When the machine itself stood still: one thread per core, bound to it and of the highest
// priority, sleeps for 2 ms at a time and writes down when it woke up much later. No program of
// less priority can hold such a thread up, only the hypervisor or the kernel; what was late for as
// long says nothing about the program that is measured. Without the right to that priority nothing
// is watched and nothing excused.
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

class StallWatch {
 public:
  StallWatch() = default;
  ~StallWatch() { finish(); }
  StallWatch(const StallWatch&) = delete;
  StallWatch& operator=(const StallWatch&) = delete;

  void begin();
  // Waits for the threads; what they saw is in stalls() then.
  void finish();

  bool watched() const { return !perCore_.empty() && !unwatched_; }
  const Stalls& stalls() const { return stalls_; }

 private:
  void watch(unsigned core, Stalls& seen);

  std::atomic<bool> ending_ = false;
  std::atomic<bool> unwatched_ = false;  // a core
  std::vector<std::thread> threads_;
  std::vector<Stalls> perCore_;
  Stalls stalls_;
};

}  // namespace bench
