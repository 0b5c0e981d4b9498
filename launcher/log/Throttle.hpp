// SPDX-License-Identifier: LGPL-2.1-or-later
// At most one line a second about something that strangers may make happen as often as they like,
// and how often it has happened since the line before. Pure: the caller brings the clock. One
// thread at a time.
#pragma once

#include <cstdint>
#include <utility>

namespace launcher::log {

class Throttle {
 public:
  static constexpr std::int64_t kIntervalUs = 1'000'000;

  /// Counts one. How many a line written now stands for, or 0 when none is to be written.
  [[nodiscard]] std::uint64_t note(std::int64_t nowUs) {
    ++count_;
    return due(nowUs);
  }
  /// The same without counting one: for whoever looks now and then for what is left.
  [[nodiscard]] std::uint64_t due(std::int64_t nowUs) {
    if (count_ == 0 || (written_ && nowUs - written_at_ < kIntervalUs)) return 0;
    written_ = true;
    written_at_ = nowUs;
    return std::exchange(count_, 0);
  }

 private:
  std::uint64_t count_ = 0;
  std::int64_t written_at_ = 0;
  bool written_ = false;
};

}  // namespace launcher::log
