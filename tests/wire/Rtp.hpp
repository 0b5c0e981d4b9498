// SPDX-License-Identifier: LGPL-2.1-or-later
// RTP packets (RFC 3550) and digits in them (RFC 4733). Pure, and without allocation but for
// rtpPacket(); any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "Bytes.hpp"

namespace wire {

struct RtpHeader {
  int payloadType = 0;
  bool marker = false;
  uint16_t sequence = 0;
  uint32_t timestamp = 0;
  uint32_t ssrc = 0;
  size_t size = 0;     // with CSRCs and extension; parseRtp() fills it in
  size_t padding = 0;  // at the end; parseRtp() fills it in
};

// False when it is no RTP packet of version 2.
bool parseRtp(const uint8_t* data, size_t length, RtpHeader& header);

constexpr size_t kRtpHeaderBytes = 12;
// Writes that many: no CSRCs, no extension.
inline void writeRtp(uint8_t* out, const RtpHeader& header) {
  out[0] = 0x80;
  out[1] = static_cast<uint8_t>(header.payloadType | (header.marker ? 0x80 : 0));
  putBig(out + 2, header.sequence, 2);
  putBig(out + 4, header.timestamp, 4);
  putBig(out + 8, header.ssrc, 4);
}
std::string rtpPacket(const RtpHeader& header, std::string_view payload);

// The code of one of 0-9*#ABCD, −1 for anything else.
int rtpEventCode(char digit);
// The payload of a digit that has been held for so many samples.
std::array<uint8_t, 4> rtpEvent(int code, bool end, uint32_t duration);

}  // namespace wire
