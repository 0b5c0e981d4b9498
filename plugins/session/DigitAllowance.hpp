// SPDX-License-Identifier: LGPL-2.1-or-later
//
// DigitAllowance: how many digits of the endpoint may wait to be sent to the caller. What has been
// taken is reckoned to go out one after the other, each for its time. Pure: the caller brings the
// clock, monotonic µs. Not synchronised.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>

namespace wsbridge {

class DigitAllowance {
 public:
  static constexpr size_t kMaxDigits = 256;
  /// While more than so much waits, nothing is added. A command that finds nothing waiting is
  /// taken whatever it lasts.
  static constexpr int64_t kMaxWaitUs = 60'000'000;

  /// All of a command or nothing: half a number is worse than none.
  bool take(int64_t now_us, size_t digits, unsigned duration_ms) {
    while (!ends_us_.empty() && ends_us_.front() <= now_us)
      ends_us_.pop_front();
    const int64_t begin_us = ends_us_.empty() ? now_us : ends_us_.back();
    if (ends_us_.size() + digits > kMaxDigits || begin_us - now_us > kMaxWaitUs) return false;
    for (size_t i = 1; i <= digits; ++i)
      ends_us_.push_back(begin_us +
                         static_cast<int64_t>(i) * (int64_t{duration_ms} * 1000 + kPauseUs));
    return true;
  }

 private:
  static constexpr int64_t kPauseUs = 60'000;  // three packets with the end of the digit

  std::deque<int64_t> ends_us_;
};

}  // namespace wsbridge
