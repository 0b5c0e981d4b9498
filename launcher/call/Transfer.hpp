// SPDX-License-Identifier: LGPL-2.1-or-later
// Transfer: one REFER (RFC 3515) at a time, and how long its outcome is waited for. Pure: the
// caller brings the clock (monotonic, µs).
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

namespace launcher {

class Transfer {
 public:
  /// `timeout`: s, at least, from the first report on.
  explicit Transfer(int timeout) : timeout_(timeout) {}

  [[nodiscard]] bool running() const { return until_us_ != 0; }
  /// Until the REFER is answered its transaction has a limit of its own.
  void begin() { until_us_ = std::numeric_limits<std::int64_t>::max(); }
  /// The far end reports that it is at work, and asks for so many seconds.
  void reported(int seconds, std::int64_t nowUs) {
    if (!running()) return;
    const int longest = std::clamp(seconds, timeout_, std::max(kLongestReport, timeout_));
    until_us_ = nowUs + std::int64_t{longest} * 1'000'000;
  }
  void end() { until_us_ = 0; }
  [[nodiscard]] bool expired(std::int64_t nowUs) const { return running() && nowUs >= until_us_; }

 private:
  static constexpr int kLongestReport = 600;  // s; what a NOTIFY may ask to be waited for

  int timeout_;
  std::int64_t until_us_ = 0;
};

}  // namespace launcher
