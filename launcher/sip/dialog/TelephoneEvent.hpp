// SPDX-License-Identifier: LGPL-2.1-or-later
// Receiver of RFC 4733 telephone events: every key that was pressed comes out once, with its real
// duration, however many end packets are repeated or lost. Pure: the caller brings the clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

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
    std::optional<Digit> earlier;  ///< a key whose end packets were all lost
    std::optional<Digit> finished;
  };

  /// One payload of the negotiated type. `nowMs` is any steady clock.
  [[nodiscard]] Result packet(std::uint32_t timestamp, bool marker, const std::uint8_t* payload,
                              std::size_t size, std::uint64_t nowMs);

  /// To be called while a key is down: gives it when nothing more has come for a while.
  [[nodiscard]] std::optional<Digit> expire(std::uint64_t nowMs);
  bool pending() const { return active_; }

  static constexpr unsigned kSilenceMs = 150;

 private:
  [[nodiscard]] std::optional<Digit> take();

  unsigned clock_rate_;
  bool active_ = false;
  bool seen_ = false;  ///< any event so far
  std::uint8_t code_ = 0;
  std::uint32_t timestamp_ = 0;  ///< of the segment that is running
  std::uint32_t segment_ = 0;    ///< duration of that segment, clock units
  std::uint64_t before_ = 0;     ///< duration of the segments before it
  std::uint64_t last_ms_ = 0;
};

}  // namespace launcher
