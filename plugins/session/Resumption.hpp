// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Resumption: what is tried, and when, after a WebSocket has broken in mid-call: its own endpoint
// with growing pauses until the time for it is over, then the others of the list, once each. Pure:
// the caller brings the clock, monotonic µs. Not synchronised.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace wsbridge {

class Resumption {
 public:
  static constexpr int64_t kFirstPauseUs = 250'000;
  static constexpr int64_t kMaxPauseUs = 4'000'000;

  /// The WebSocket of the endpoint at `position` broke; for `time_us` it alone is tried.
  void begin(int64_t now_us, int64_t time_us, size_t position) {
    active_ = true;
    falling_back_ = false;
    attempts_ = 0;
    broken_ = position;
    until_us_ = now_us + time_us;
    ++count_;
  }
  /// When the next attempt is due; nothing when none is left. `others`: there are other endpoints.
  std::optional<int64_t> next(int64_t now_us, bool others) {
    if (falling_back_) return std::nullopt;
    const int64_t pause_us = std::min(kFirstPauseUs << std::min(attempts_, 4U), kMaxPauseUs);
    const bool in_time = now_us + pause_us <= until_us_;
    falling_back_ = !in_time;
    if (!in_time && !others) return std::nullopt;
    ++attempts_;
    return in_time ? now_us + pause_us : now_us;
  }
  /// It is open again, or given up.
  void end() { active_ = false; }

  /// Between a break and the next opening.
  [[nodiscard]] bool active() const { return active_; }
  /// Of this conversation.
  [[nodiscard]] unsigned count() const { return count_; }
  /// Of this break.
  [[nodiscard]] unsigned attempts() const { return attempts_; }
  /// Whether the endpoint at `position` is to be tried now.
  [[nodiscard]] bool tries(size_t position) const { return (position == broken_) != falling_back_; }
  /// How long an attempt may last; nothing: as long as any.
  [[nodiscard]] std::optional<int64_t> leftUs(int64_t now_us) const {
    return falling_back_ ? std::nullopt : std::optional(std::max<int64_t>(until_us_ - now_us, 0));
  }

 private:
  bool active_ = false;
  bool falling_back_ = false;
  unsigned count_ = 0;
  unsigned attempts_ = 0;
  size_t broken_ = 0;
  int64_t until_us_ = 0;
};

}  // namespace wsbridge
