// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sip/dialog/TelephoneEvent.hpp"

#include <algorithm>

#include "common/DtmfDigit.hpp"

namespace launcher {

namespace {
using wsbridge::common::kDtmfDigits;
}  // namespace

std::optional<Digit> TelephoneEvent::take() {
  if (!active_) return std::nullopt;
  active_ = false;
  const std::uint64_t units = before_ + segment_;
  return Digit{kDtmfDigits[code_], static_cast<unsigned>(units * 1000 / clock_rate_)};
}

TelephoneEvent::Result TelephoneEvent::packet(std::uint32_t timestamp, bool marker,
                                              const std::uint8_t* payload, std::size_t size,
                                              std::uint64_t nowMs) {
  if (size < 4 || payload[0] >= kDtmfDigits.size()) return {};
  const std::uint8_t code = payload[0];
  const bool end = (payload[1] & 0x80) != 0;
  const auto duration = static_cast<std::uint32_t>(payload[2] << 8 | payload[3]);
  Result result;

  // RTP time stamps wrap, so "older" is a signed difference.
  const auto ahead = static_cast<std::int32_t>(timestamp - timestamp_);
  if (seen_ && ahead < 0) return {};
  if (seen_ && ahead == 0) {
    if (!active_) return {};  // a repeated end packet, or one that came late
  } else {
    // RFC 4733 2.5.1.3: a key held for longer than the field can count goes on as a new segment
    // that starts where the last one ended.
    const bool continues = active_ && !marker && code == code_ && segment_ > 0x8000 &&
                           ahead <= static_cast<std::int32_t>(0xffff + clock_rate_ / 10);
    if (continues) {
      before_ += static_cast<std::uint32_t>(ahead);
    } else {
      result.earlier = take();
      before_ = 0;
    }
    seen_ = active_ = true;
    code_ = code;
    timestamp_ = timestamp;
    segment_ = 0;
  }
  segment_ = std::max(segment_, duration);
  last_ms_ = nowMs;
  if (end) result.finished = take();
  return result;
}

std::optional<Digit> TelephoneEvent::expire(std::uint64_t nowMs) {
  if (!active_ || nowMs < last_ms_ + kSilenceMs) return std::nullopt;
  return take();
}

}  // namespace launcher
