// SPDX-License-Identifier: LGPL-2.1-or-later
// Whether the caller's RTP keeps coming: when it has stopped for long enough to tell the endpoint,
// when it is back, and when the call is to end for it. Pure; times are monotonic, µs.
#pragma once

#include <algorithm>
#include <cstdint>

namespace launcher {

class MediaWatch {
 public:
  enum class Change { None, Missing, Back, TimedOut };

  /// Both in s; 0 is never.
  MediaWatch(int warning, int timeout)
      : warning_us_(std::int64_t{warning} * kSecond),
        timeout_us_(std::int64_t{timeout} * kSecond) {}

  /// The call is up, or another direction was agreed on. We stop sending when a caller puts us on
  /// hold: it may play music then (sendonly), but most send nothing. One that never wanted to hear
  /// anything is no caller on hold.
  void agreed(bool weSend, bool weReceive, std::int64_t nowUs) {
    held_ = !weSend && (held_ || sent_);
    sent_ = weSend;
    expect(weReceive && !held_, nowUs);
  }

  /// Nothing comes from a caller on hold, and one that comes back has the whole time again.
  void expect(bool expected, std::int64_t nowUs) {
    if (expected && !expected_) since_us_ = nowUs;
    expected_ = expected;
  }

  /// To be asked now and then; `lastRtpUs` is 0 before the first packet.
  [[nodiscard]] Change look(std::int64_t nowUs, std::int64_t lastRtpUs) {
    if (missing_ && nowUs - lastRtpUs < warning_us_) {
      missing_ = false;
      return Change::Back;
    }
    if (!expected_) return Change::None;
    const std::int64_t silentUs = nowUs - std::max(lastRtpUs, since_us_);
    if (timeout_us_ > 0 && silentUs >= timeout_us_) return Change::TimedOut;
    if (missing_ || warning_us_ == 0 || silentUs < warning_us_) return Change::None;
    missing_ = true;
    return Change::Missing;
  }

 private:
  static constexpr std::int64_t kSecond = 1'000'000;

  std::int64_t warning_us_;
  std::int64_t timeout_us_;
  std::int64_t since_us_ = 0;
  bool expected_ = false;
  bool missing_ = false;
  bool sent_ = false;
  bool held_ = false;
};

}  // namespace launcher
