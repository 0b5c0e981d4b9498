// SPDX-License-Identifier: LGPL-2.1-or-later
//
// LoopLoad: how busy a media loop is, over the last second. asleep(), awake() and timersLate()
// belong to the loop's thread, read() to any. Pure: the caller brings the clock, monotonic µs.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace wsbridge {

class LoopLoad {
 public:
  struct Figures {
    double busy = 0;       ///< share of the last second in which the thread was not asleep, 0 to 1
    int64_t delay_us = 0;  ///< how late its timers were in the last second, on average
  };

  explicit LoopLoad(int64_t now_us) : mark_us_(now_us), awake_since_us_(now_us) {}

  void asleep(int64_t now_us);
  void awake(int64_t now_us);
  /// So many timers ran, and so late, all together.
  void timersLate(int64_t delays_us, int64_t count);
  /// A loop that is held up for longer than a tick counts as busy and late for as long as that
  /// lasts.
  Figures read(int64_t now_us);

 private:
  static constexpr int64_t kSliceUs = 250'000;
  static constexpr int64_t kHeldUpUs = 20'000;
  struct Slice {
    int64_t busy_us = 0;
    int64_t delays_us = 0;
    int64_t timers = 0;
  };

  void advance(int64_t now_us);
  Slice& slice() { return slices_[static_cast<size_t>(mark_us_ / kSliceUs) % slices_.size()]; }

  std::mutex mutex_;  // guards all that follows
  std::array<Slice, 4> slices_;
  int64_t mark_us_;
  int64_t awake_since_us_;
  bool asleep_ = false;
};

}  // namespace wsbridge
