// SPDX-License-Identifier: LGPL-2.1-or-later
#include "Rtp.hpp"

namespace wire {

bool parseRtp(const uint8_t* data, size_t length, RtpHeader& header) {
  if (length < kRtpHeaderBytes || data[0] >> 6 != 2) return false;
  header.payloadType = data[1] & 0x7f;
  header.marker = (data[1] & 0x80) != 0;
  header.sequence = static_cast<uint16_t>(getBig(data + 2, 2));
  header.timestamp = static_cast<uint32_t>(getBig(data + 4, 4));
  header.ssrc = static_cast<uint32_t>(getBig(data + 8, 4));
  header.size = kRtpHeaderBytes + 4u * (data[0] & 0x0f);
  if ((data[0] & 0x10) != 0) {
    if (length < header.size + 4) return false;
    header.size += 4 + 4 * getBig(data + header.size + 2, 2);
  }
  header.padding = (data[0] & 0x20) != 0 ? data[length - 1] : 0;
  return header.size + header.padding <= length;
}

std::string rtpPacket(const RtpHeader& header, std::string_view payload) {
  std::string packet(kRtpHeaderBytes, '\0');
  writeRtp(reinterpret_cast<uint8_t*>(packet.data()), header);
  return packet.append(payload);
}

int rtpEventCode(char digit) {
  const size_t at = std::string_view("0123456789*#ABCD").find(digit);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

std::array<uint8_t, 4> rtpEvent(int code, bool end, uint32_t duration) {
  std::array<uint8_t, 4> payload{static_cast<uint8_t>(code),
                                 static_cast<uint8_t>(end ? 0x8a : 0x0a)};
  putBig(&payload[2], duration, 2);
  return payload;
}

}  // namespace wire
