// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What a datagram on an RTP port is, and the parts of an RTP packet that matter here, RFC 3550 5.1
// and RFC 5761.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace wsbridge {

struct RtpPacket {
  int type;
  std::span<const uint8_t> payload;  ///< within what was parsed; may be empty
};

/// Nothing when that is no RTP packet of version 2, or one whose lengths do not fit into it.
std::optional<RtpPacket> parseRtpPacket(std::span<const uint8_t> packet);

/// A compound RTCP packet begins with one of the types 192 to 223.
bool isRtcp(std::span<const uint8_t> packet);

}  // namespace wsbridge
