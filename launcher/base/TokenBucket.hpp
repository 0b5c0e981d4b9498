// SPDX-License-Identifier: LGPL-2.1-or-later
// A token bucket: so many a second, twice as many at once after a pause. Pure: the caller brings
// the clock, monotonic µs. One thread at a time.
#pragma once

#include <algorithm>
#include <cstdint>

namespace launcher {

class TokenBucket {
 public:
  /// False: there is none left. A rate of 0 has no limit.
  [[nodiscard]] bool take(unsigned perSecond, std::int64_t nowUs) {
    if (perSecond == 0) return true;
    const double most = 2.0 * perSecond;
    const double gained = static_cast<double>(nowUs - filled_at_us_) * 1e-6 * perSecond;
    tokens_ = fresh_ ? most : std::min(most, tokens_ + std::max(0.0, gained));
    filled_at_us_ = nowUs;
    fresh_ = false;
    if (tokens_ < 1.0) return false;
    tokens_ -= 1.0;
    return true;
  }
  /// When it was last asked.
  [[nodiscard]] std::int64_t usedAtUs() const { return filled_at_us_; }

 private:
  double tokens_ = 0;
  std::int64_t filled_at_us_ = 0;
  bool fresh_ = true;
};

}  // namespace launcher
