// SPDX-License-Identifier: LGPL-2.1-or-later
// When the media loops of the measured process wanted to run and other programs had the cores: the
// generator and the endpoint, which stand for other machines, share them. Every 10 ms the kernel is
// asked how long each of the process's real-time threads has waited so far (/proc, schedstat).
// Without such threads, or such a kernel, nothing is excused. One thread begins and finishes it,
// and asks for the rest afterwards.
#pragma once

#include <atomic>
#include <thread>
#include <vector>

#include "Clock.hpp"
#include "FileDescriptor.hpp"
#include "StallWatch.hpp"

namespace bench {

class LoopWatch {
 public:
  LoopWatch() = default;
  ~LoopWatch() { finish(); }
  LoopWatch(const LoopWatch&) = delete;
  LoopWatch& operator=(const LoopWatch&) = delete;

  // Returns when the watch is on.
  void begin(int pid);
  void finish();

  // Each of at least a millisecond that all loops have waited in the same 10 ms, at their end.
  const Stalls& waits() const { return waits_; }
  Nanoseconds waited() const { return waited_; }
  size_t loops() const { return loops_.size(); }

 private:
  struct Loop {
    FileDescriptor file;
    int64_t waited = 0;
  };
  void watch();

  std::atomic<bool> begun_ = false, ending_ = false;
  std::thread thread_;
  std::vector<Loop> loops_;
  Stalls waits_;
  Nanoseconds waited_ = 0;
};

}  // namespace bench
