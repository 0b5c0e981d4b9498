// SPDX-License-Identifier: LGPL-2.1-or-later
//
// SourceLatch: symmetric RTP, RFC 4961: decides whose packets are taken. The first valid packet
// latches its source; one from the announced address (SDP) wins over it within the first second;
// everybody else is ignored. Pure: the caller brings the clock, monotonic µs. One thread at a time.
#pragma once

#include <cstdint>
#include <optional>

#include "rtp/RtpAddress.hpp"

namespace wsbridge {

class SourceLatch {
 public:
  enum class Verdict {
    Take,
    TakeAndLatch,  ///< from now on, this is where we send to
    Ignore,
  };

  static constexpr int64_t kPreferUs = 1'000'000;

  Verdict packet(const RtpAddress& from, int64_t now_us);
  [[nodiscard]] const std::optional<RtpAddress>& latched() const { return latched_; }
  [[nodiscard]] const RtpAddress& announced() const { return announced_; }

  /// Another address than before: start over.
  void announce(const RtpAddress& announced);
  /// Nobody is latched any more.
  void release() { latched_.reset(); }

 private:
  RtpAddress announced_;
  std::optional<RtpAddress> latched_;
  int64_t latched_at_us_ = 0;
};

}  // namespace wsbridge
