// SPDX-License-Identifier: LGPL-2.1-or-later
// Receiver of RFC 4733 telephone events: every digit that was pressed comes out once, with its real
// duration, however many end packets are repeated or lost. It also understands what senders do that
// do not follow the RFC: several digits under one time stamp, a new time stamp with each packet, a
// clock or an SSRC that begins anew. Pure: the caller brings the clock, and packets in order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "common/RtpHeader.hpp"

namespace launcher {

struct Digit {
  char key = '0';         ///< 0-9 * # A-D
  unsigned duration = 0;  ///< ms
  bool operator==(const Digit&) const = default;
};

class TelephoneEvent {
 public:
  explicit TelephoneEvent(unsigned clockRate) : clock_rate_(clockRate) {}

  struct Result {
    std::optional<Digit> earlier;  ///< a digit whose end packets were all lost
    std::optional<Digit> finished;
  };

  /// One packet of the negotiated type. `nowMs` is any steady clock.
  [[nodiscard]] Result packet(const wsbridge::common::RtpHeader& header,
                              std::span<const std::uint8_t> payload, std::uint64_t nowMs);

  /// To be called while a digit is down: gives it when nothing more has come for a while.
  [[nodiscard]] std::optional<Digit> expire(std::uint64_t nowMs);
  bool pending() const { return active_; }

  static constexpr unsigned kSilenceMs = 150;

 private:
  /// What a packet is to the digit before.
  enum class Kind { New, Same, Continues, Repeated };

  [[nodiscard]] Kind kindOf(const wsbridge::common::RtpHeader& header, std::uint8_t code,
                            std::uint32_t duration) const;
  [[nodiscard]] std::optional<Digit> take();

  unsigned clock_rate_;
  bool active_ = false;
  bool seen_ = false;  ///< any event so far
  std::uint8_t code_ = 0;
  std::uint32_t ssrc_ = 0;
  std::uint16_t sequence_ = 0;   ///< of the last packet
  std::uint32_t timestamp_ = 0;  ///< of the last packet, as its duration
  std::uint32_t duration_ = 0;
  std::uint32_t start_ = 0;    ///< of the segment that is running
  std::uint32_t segment_ = 0;  ///< how long that was, clock units
  std::uint64_t before_ = 0;   ///< duration of the segments before it
  std::uint64_t last_ms_ = 0;
};

}  // namespace launcher
