// SPDX-License-Identifier: LGPL-2.1-or-later
//
// DtmfTracker: pairs the `dtmf-event` events of GStreamer (start, stop) to keys with a duration.
// Pure; not synchronised.
#pragma once

#include <cstdint>
#include <optional>

#include "common/DtmfDigit.hpp"

namespace wsbridge {

class DtmfTracker {
 public:
  struct Key {
    char digit;
    unsigned duration_ms;
  };

  /// A start ends the key before it. Returns the key that this start ends.
  std::optional<Key> start(int number, int64_t now_us) {
    const auto ended = stop(std::nullopt, now_us);
    if (const auto digit = common::dtmfDigit(number)) {
      digit_ = *digit;
      started_us_ = now_us;
    }
    return ended;
  }
  /// `duration_ms`: as the event says it; otherwise the time since the start.
  std::optional<Key> stop(std::optional<unsigned> duration_ms, int64_t now_us) {
    if (digit_ == '\0') return std::nullopt;
    const Key key{digit_,
                  duration_ms.value_or(static_cast<unsigned>((now_us - started_us_) / 1000))};
    digit_ = '\0';
    return key;
  }

 private:
  char digit_ = '\0';
  int64_t started_us_ = 0;
};

}  // namespace wsbridge
