// SPDX-License-Identifier: LGPL-2.1-or-later
// Symmetric RTP: decides whose packets a call takes. The first valid packet latches its source; one
// from the address in the SDP wins over it within the first second; everybody else is ignored.
// Pure: the caller brings the clock. Used on one streaming thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace launcher {

struct RtpSource {
  std::string address;
  std::uint16_t port = 0;
  bool operator==(const RtpSource&) const = default;
};

class SourceLatch {
 public:
  explicit SourceLatch(RtpSource announced) : announced_(std::move(announced)) {}

  enum class Verdict {
    Take,
    TakeAndLatch,  ///< from now on, this is where we send to
    Ignore,
  };

  Verdict packet(const RtpSource& from, std::uint64_t nowMs);
  const std::optional<RtpSource>& latched() const { return latched_; }

  /// A re-INVITE named another address: start over.
  void announce(RtpSource announced);

  static constexpr std::uint64_t kPreferMs = 1000;

 private:
  RtpSource announced_;
  std::optional<RtpSource> latched_;
  std::uint64_t latchedAt_ = 0;
};

/// Version 2, long enough for its own header, and of one of the two payload types.
bool isValidRtp(const std::uint8_t* data, std::size_t size, int payloadType, int eventPayloadType);

}  // namespace launcher
