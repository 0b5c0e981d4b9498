// SPDX-License-Identifier: LGPL-2.1-or-later
// What a datagram on an RTP port is, and an RTP packet, RFC 3550 5.1 and RFC 5761. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace wsbridge::common {

inline constexpr std::size_t kRtpHeaderBytes = 12;

/// The fixed part, in host byte order.
struct RtpHeader {
  bool marker = false;
  int type = 0;  ///< of the payload, 0 to 127
  std::uint16_t sequence = 0;
  std::uint32_t timestamp = 0;
  std::uint32_t ssrc = 0;
};

struct RtpPacket {
  RtpHeader header;
  std::span<const std::uint8_t> payload;  ///< within what was parsed; may be empty
};

/// Nothing when that is not version 2, or shorter than a header.
constexpr std::optional<RtpHeader> readRtpHeader(std::span<const std::uint8_t> packet) {
  if (packet.size() < kRtpHeaderBytes || packet[0] >> 6 != 2) return std::nullopt;
  const auto number = [&](std::size_t at, std::size_t bytes) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i)
      value = value << 8 | packet[at + i];
    return value;
  };
  return RtpHeader{(packet[1] & 0x80) != 0, packet[1] & 0x7f,
                   static_cast<std::uint16_t>(number(2, 2)), number(4, 4), number(8, 4)};
}

/// Nothing when that is no RTP packet of version 2, or one whose lengths do not fit into it.
constexpr std::optional<RtpPacket> parseRtpPacket(std::span<const std::uint8_t> packet) {
  constexpr std::uint8_t kPadding = 0x20;
  constexpr std::uint8_t kExtension = 0x10;
  const auto header = readRtpHeader(packet);
  if (!header) return std::nullopt;
  const std::size_t size = packet.size();
  std::size_t start = kRtpHeaderBytes + 4 * static_cast<std::size_t>(packet[0] & 0x0f);
  if ((packet[0] & kExtension) != 0) {
    if (size < start + 4) return std::nullopt;
    start += 4 + 4 * static_cast<std::size_t>(packet[start + 2] << 8 | packet[start + 3]);
  }
  std::size_t padding = 0;
  if ((packet[0] & kPadding) != 0) {
    padding = packet[size - 1];
    if (padding == 0) return std::nullopt;
  }
  if (size < start + padding) return std::nullopt;
  return RtpPacket{*header, packet.subspan(start, size - start - padding)};
}

/// A compound RTCP packet begins with one of the types 192 to 223.
constexpr bool isRtcp(std::span<const std::uint8_t> packet) {
  constexpr std::size_t kHeader = 8;
  return packet.size() >= kHeader && packet[0] >> 6 == 2 && packet[1] >= 192 && packet[1] <= 223;
}

}  // namespace wsbridge::common
