// SPDX-License-Identifier: LGPL-2.1-or-later
#include "rtp/RtpHeader.hpp"

namespace wsbridge {

namespace {
constexpr size_t kFixedHeader = 12;
constexpr size_t kRtcpHeader = 8;
}  // namespace

int rtpPayloadType(const uint8_t* data, size_t size) {
  if (size < kFixedHeader || (data[0] >> 6) != 2) return -1;
  size_t header = kFixedHeader + 4 * static_cast<size_t>(data[0] & 0x0f);
  if ((data[0] & 0x10) != 0) {
    if (size < header + 4) return -1;
    header += 4 + 4 * static_cast<size_t>(data[header + 2] << 8 | data[header + 3]);
  }
  if ((data[0] & 0x20) != 0) header += data[size - 1];
  return size < header ? -1 : data[1] & 0x7f;
}

bool isRtcp(const uint8_t* data, size_t size) {
  return size >= kRtcpHeader && (data[0] >> 6) == 2 && data[1] >= 192 && data[1] <= 223;
}

}  // namespace wsbridge
