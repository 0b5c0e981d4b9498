// SPDX-License-Identifier: LGPL-2.1-or-later
#include "rtp/RtpPacket.hpp"

namespace wsbridge {

namespace {
constexpr size_t kFixedHeader = 12;
constexpr uint8_t kPadding = 0x20;
constexpr uint8_t kExtension = 0x10;
}  // namespace

std::optional<RtpPacket> parseRtpPacket(std::span<const uint8_t> packet) {
  const size_t size = packet.size();
  if (size < kFixedHeader || packet[0] >> 6 != 2) return std::nullopt;
  size_t header = kFixedHeader + 4 * static_cast<size_t>(packet[0] & 0x0f);
  if ((packet[0] & kExtension) != 0) {
    if (size < header + 4) return std::nullopt;
    header += 4 + 4 * static_cast<size_t>(packet[header + 2] << 8 | packet[header + 3]);
  }
  size_t padding = 0;
  if ((packet[0] & kPadding) != 0) {
    padding = packet[size - 1];
    if (padding == 0) return std::nullopt;
  }
  if (size < header + padding) return std::nullopt;
  return RtpPacket{packet[1] & 0x7f, packet.subspan(header, size - header - padding)};
}

bool isRtcp(std::span<const uint8_t> packet) {
  constexpr size_t kHeader = 8;
  return packet.size() >= kHeader && (packet[0] >> 6) == 2 && packet[1] >= 192 && packet[1] <= 223;
}

}  // namespace wsbridge
