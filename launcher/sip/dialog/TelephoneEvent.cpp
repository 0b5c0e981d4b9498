// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sip/dialog/TelephoneEvent.hpp"

#include <algorithm>

#include "common/DtmfDigit.hpp"

namespace launcher {

namespace {
using wsbridge::common::kDtmfDigits;
using wsbridge::common::RtpHeader;

constexpr int kReordered = 128;  // packets
}  // namespace

std::optional<Digit> TelephoneEvent::take() {
  if (!active_) return std::nullopt;
  active_ = false;
  const std::uint64_t units = before_ + segment_;
  return Digit{kDtmfDigits[code_], static_cast<unsigned>(units * 1000 / clock_rate_)};
}

TelephoneEvent::Kind TelephoneEvent::kindOf(const RtpHeader& header, std::uint8_t code,
                                            std::uint32_t duration) const {
  if (!seen_ || header.ssrc != ssrc_) return Kind::New;
  // RTP time stamps wrap, so "older" is a signed difference. One that is older in a later packet is
  // that of a clock that has begun anew.
  const auto ahead = static_cast<std::int32_t>(header.timestamp - timestamp_);
  if (code != code_ || ahead < 0) return Kind::New;
  // A digit begins with a marker; packets of one digit have no shorter duration than those before.
  const bool shorter = duration < duration_;
  if (ahead == 0) {
    if (header.marker && shorter) return Kind::New;
    return active_ ? Kind::Same : Kind::Repeated;
  }
  if (header.marker) return Kind::New;
  // RFC 4733 2.5.1.3: a digit held for longer than the field can count goes on as a new segment
  // that starts where the last one ended.
  if (active_ && duration_ > 0x8000)
    return ahead <= static_cast<std::int32_t>(0xffff + clock_rate_ / 10) ? Kind::Continues
                                                                         : Kind::New;
  // A sender that writes the time of each packet; two digits do not begin so near to each other.
  if (ahead > static_cast<std::int32_t>(clock_rate_ * 60 / 1000) || shorter) return Kind::New;
  return active_ ? Kind::Same : Kind::Repeated;
}

TelephoneEvent::Result TelephoneEvent::packet(const RtpHeader& header,
                                              std::span<const std::uint8_t> payload,
                                              std::uint64_t nowMs) {
  if (payload.size() < 4 || payload[0] >= kDtmfDigits.size()) return {};
  // Numbers that go back by more, or while the time goes on, are those of a sender that has begun
  // to count anew.
  const auto numbers = static_cast<std::int16_t>(header.sequence - sequence_);
  const bool late = seen_ && header.ssrc == ssrc_ && numbers <= 0 && numbers > -kReordered &&
                    static_cast<std::int32_t>(header.timestamp - timestamp_) <= 0;
  if (late) return {};
  const std::uint8_t code = payload[0];
  const bool end = (payload[1] & 0x80) != 0;
  const auto duration = static_cast<std::uint32_t>(payload[2] << 8 | payload[3]);
  const Kind kind = kindOf(header, code, duration);
  Result result;
  if (kind == Kind::New) {
    result.earlier = take();
    seen_ = active_ = true;
    code_ = code;
    ssrc_ = header.ssrc;
    start_ = header.timestamp;
    before_ = segment_ = 0;
  } else if (kind == Kind::Continues) {
    before_ += header.timestamp - timestamp_;
    start_ = header.timestamp;
    segment_ = 0;
  }
  sequence_ = header.sequence;
  timestamp_ = header.timestamp;
  duration_ = duration;
  if (kind == Kind::Repeated) return {};
  segment_ = std::max({segment_, duration, header.timestamp - start_});
  last_ms_ = nowMs;
  if (end) result.finished = take();
  return result;
}

std::optional<Digit> TelephoneEvent::expire(std::uint64_t nowMs) {
  if (!active_ || nowMs < last_ms_ + kSilenceMs) return std::nullopt;
  return take();
}

}  // namespace launcher
