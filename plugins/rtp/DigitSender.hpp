// SPDX-License-Identifier: LGPL-2.1-or-later
//
// DigitSender: the payloads of the digits that a sender presses, RFC 4733. Each packet time it
// either gives a payload or leaves the time to the audio. Pure; not synchronised.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>

namespace wsbridge {

class DigitSender {
 public:
  static constexpr size_t kPayloadBytes = 4;
  /// So many wait at the most.
  static constexpr size_t kMaxDigits = 128;

  struct Digit {
    char digit;  ///< 0-9 * # A-D
    unsigned duration_ms;
  };
  struct Payload {
    std::array<uint8_t, kPayloadBytes> bytes;
    bool first;      ///< of its digit: carries the marker, and its time stamp is that of the digit
    char completed;  ///< the digit whose last packet this is, or 0
  };

  /// Digits follow each other in order; one that finds no room() is left out. A digit that lasts
  /// longer than a duration field can say is shortened to that (RFC 4733 2.5.1.3 would cut it into
  /// segments, which few receivers know).
  void press(const Digit& digit) {
    if (room() > 0) digits_.push_back(digit);
  }
  [[nodiscard]] size_t room() const { return kMaxDigits - digits_.size(); }
  [[nodiscard]] bool active() const { return !digits_.empty(); }
  /// Of the packet time that begins now and lasts `samples` at `clock_rate`. Only when active().
  /// `event_rate` is the clock of the payload type's durations.
  Payload next(size_t samples, int clock_rate, int event_rate);

 private:
  /// The end is told three times (2.5.1.4), which also is the pause before the next digit.
  static constexpr int kEndPackets = 3;

  std::deque<Digit> digits_;
  size_t elapsed_ = 0;  // samples of the present digit
  int ends_ = 0;
};

}  // namespace wsbridge
