// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What a datagram on an RTP port is, RFC 3550 A.1 and RFC 5761.
#pragma once

#include <cstddef>
#include <cstdint>

namespace wsbridge {

/// The payload type of a packet of version 2 that is long enough for its own header; -1 otherwise.
int rtpPayloadType(const uint8_t* data, size_t size);

/// A compound RTCP packet begins with one of the types 192 to 223.
bool isRtcp(const uint8_t* data, size_t size);

}  // namespace wsbridge
