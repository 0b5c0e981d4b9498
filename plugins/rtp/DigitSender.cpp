// SPDX-License-Identifier: LGPL-2.1-or-later
#include "rtp/DigitSender.hpp"

#include <algorithm>

#include "common/DtmfDigit.hpp"

namespace wsbridge {

namespace {

constexpr uint8_t kEnd = 0x80;
constexpr uint8_t kVolume = 10;  // -10 dBm0, as most phones send
constexpr size_t kMaxDuration = 0xFFFF;

}  // namespace

DigitSender::Payload DigitSender::next(size_t samples, int clock_rate, int event_rate) {
  const Digit& digit = digits_.front();
  const auto units = [&](size_t count) {
    return count * static_cast<size_t>(event_rate) / static_cast<size_t>(clock_rate);
  };
  const size_t whole =
      std::min(size_t{digit.duration_ms} * static_cast<size_t>(event_rate) / 1000, kMaxDuration);
  Payload payload{.bytes = {}, .first = elapsed_ == 0, .completed = 0};
  elapsed_ += samples;
  const size_t duration = std::min(units(elapsed_), whole);
  if (duration >= whole) ++ends_;
  payload.bytes = {static_cast<uint8_t>(common::dtmfCode(digit.digit).value_or(0)),
                   static_cast<uint8_t>((ends_ > 0 ? kEnd : 0) | kVolume),
                   static_cast<uint8_t>(duration >> 8), static_cast<uint8_t>(duration)};
  if (ends_ < kEndPackets) return payload;
  payload.completed = digit.digit;
  digits_.pop_front();
  elapsed_ = 0;
  ends_ = 0;
  return payload;
}

}  // namespace wsbridge
