// SPDX-License-Identifier: LGPL-2.1-or-later
#include "runtime/LoopLoad.hpp"

#include <algorithm>

namespace wsbridge {

void LoopLoad::asleep(int64_t now_us) {
  const std::lock_guard lock(mutex_);
  advance(now_us);
  asleep_ = true;
}

void LoopLoad::awake(int64_t now_us) {
  const std::lock_guard lock(mutex_);
  advance(now_us);
  asleep_ = false;
  awake_since_us_ = now_us;
}

void LoopLoad::timerLate(int64_t delay_us) {
  const std::lock_guard lock(mutex_);
  slice().delay_us = std::max(slice().delay_us, delay_us);
}

LoopLoad::Figures LoopLoad::read(int64_t now_us) {
  const std::lock_guard lock(mutex_);
  advance(now_us);
  Figures figures;
  int64_t busy_us = 0;
  for (const Slice& part : slices_) {
    busy_us += part.busy_us;
    figures.delay_us = std::max(figures.delay_us, part.delay_us);
  }
  if (!asleep_) figures.delay_us = std::max(figures.delay_us, now_us - awake_since_us_);
  // The newest slice has only begun.
  const auto slices = static_cast<int64_t>(slices_.size());
  const int64_t span_us = (slices - 1) * kSliceUs + mark_us_ % kSliceUs;
  figures.busy = std::min(1.0, static_cast<double>(busy_us) / static_cast<double>(span_us));
  return figures;
}

void LoopLoad::advance(int64_t now_us) {
  if (now_us - mark_us_ > static_cast<int64_t>(slices_.size()) * kSliceUs) {
    // All slices lie behind what is to be told; a busy loop fills them anew.
    slices_.fill({});
    mark_us_ = now_us - static_cast<int64_t>(slices_.size() - 1) * kSliceUs;
  }
  while (mark_us_ < now_us) {
    const int64_t end_us = std::min(now_us, (mark_us_ / kSliceUs + 1) * kSliceUs);
    if (!asleep_) slice().busy_us += end_us - mark_us_;
    mark_us_ = end_us;
    if (mark_us_ % kSliceUs == 0) slice() = {};
  }
}

}  // namespace wsbridge
