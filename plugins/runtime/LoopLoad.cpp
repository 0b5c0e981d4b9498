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

void LoopLoad::timersLate(int64_t delays_us, int64_t count) {
  const std::lock_guard lock(mutex_);
  slice().delays_us += delays_us;
  slice().timers += count;
}

LoopLoad::Figures LoopLoad::read(int64_t now_us) {
  const std::lock_guard lock(mutex_);
  advance(now_us);
  Figures figures;
  Slice all;
  for (const Slice& part : slices_) {
    all.busy_us += part.busy_us;
    all.delays_us += part.delays_us;
    all.timers += part.timers;
  }
  // The longest would tell of a single hiccup for a whole second.
  if (all.timers > 0) figures.delay_us = all.delays_us / all.timers;
  const int64_t held_us = asleep_ ? 0 : now_us - awake_since_us_;
  if (held_us > kHeldUpUs) figures.delay_us = std::max(figures.delay_us, held_us);
  // The newest slice has only begun.
  const auto slices = static_cast<int64_t>(slices_.size());
  const int64_t span_us = (slices - 1) * kSliceUs + mark_us_ % kSliceUs;
  figures.busy = std::min(1.0, static_cast<double>(all.busy_us) / static_cast<double>(span_us));
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
