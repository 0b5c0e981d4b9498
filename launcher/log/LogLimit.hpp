// SPDX-License-Identifier: LGPL-2.1-or-later
// Keeps a kind of record that strangers can cause to one line a second. Not thread-safe: each owner
// has its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace launcher::log {

class LogLimit {
 public:
  /// To be called for each event. Empty: nothing is logged now. Otherwise the number of events
  /// since the last line, with this one.
  std::optional<std::size_t> due(std::int64_t nowUs) {
    ++pending_;
    if (last_ && nowUs - *last_ < kPauseUs) return std::nullopt;
    last_ = nowUs;
    const std::size_t count = pending_;
    pending_ = 0;
    return count;
  }

 private:
  static constexpr std::int64_t kPauseUs = 1'000'000;
  std::optional<std::int64_t> last_;  ///< monotonic
  std::size_t pending_ = 0;
};

}  // namespace launcher::log
