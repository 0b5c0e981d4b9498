// SPDX-License-Identifier: LGPL-2.1-or-later
// LogAllowance: how many lines about one thing may be written: a few at once, then one a second,
// or so many. What is left out is counted. Pure: the caller brings the clock, monotonic µs.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

namespace launcher::log {

class LogAllowance {
 public:
  explicit LogAllowance(int atOnce, int perSecond = 1)
      : most_(atOnce), per_second_(perSecond), left_(atOnce) {}

  /// True: write it. Otherwise it is counted, as so many.
  [[nodiscard]] bool allows(std::int64_t nowUs, std::uint64_t count = 1) {
    const std::int64_t seconds = (nowUs - refilled_at_) / kSecondUs;
    if (refilled_at_ == 0 || seconds > 0) {
      left_ = static_cast<int>(std::min<std::int64_t>(most_, left_ + seconds * per_second_));
      refilled_at_ = refilled_at_ == 0 ? nowUs : refilled_at_ + seconds * kSecondUs;
    }
    if (left_ > 0) {
      --left_;
      return true;
    }
    left_out_ += count;
    return false;
  }
  /// How many were left out, once a line about that may be written; otherwise 0.
  [[nodiscard]] std::uint64_t takeLeftOut(std::int64_t nowUs) {
    if (left_out_ == 0) return 0;
    return allows(nowUs, 0) ? std::exchange(left_out_, 0) : 0;
  }

 private:
  static constexpr std::int64_t kSecondUs = 1000000;

  int most_;
  int per_second_;
  int left_;
  std::int64_t refilled_at_ = 0;  ///< 0: not yet
  std::uint64_t left_out_ = 0;
};

}  // namespace launcher::log
