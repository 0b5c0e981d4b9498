// SPDX-License-Identifier: LGPL-2.1-or-later
// Codes with which a WebSocket is closed, RFC 6455 section 7.4 and its registry. Pure.
#pragma once

namespace wsbridge::common::close {

inline constexpr unsigned kNormal = 1000;
inline constexpr unsigned kGoingAway = 1001;
inline constexpr unsigned kProtocolError = 1002;
inline constexpr unsigned kNoStatus = 1005;  ///< the frame had none; never in one
inline constexpr unsigned kAbnormal = 1006;  ///< there was no frame; never in one
inline constexpr unsigned kInvalidData = 1007;
inline constexpr unsigned kPolicy = 1008;
inline constexpr unsigned kTooBig = 1009;
inline constexpr unsigned kInternalError = 1011;
inline constexpr unsigned kBadGateway = 1014;

/// In a frame: 1004 to 1006 and 1015 never are, 1016 to 2999 are kept for later versions.
constexpr bool mayStandInFrame(unsigned code) {
  return (code >= kNormal && code <= 1003) || (code >= kInvalidData && code <= kBadGateway) ||
         (code >= 3000 && code <= 4999);
}

/// By a client: 1011 to 1014 are a server's words, and libsoup does not send them for a client.
constexpr bool mayBeSentByClient(unsigned code) {
  return mayStandInFrame(code) && (code < kInternalError || code > kBadGateway);
}

/// The endpoint has ended the conversation as it meant to.
constexpr bool isOrderly(unsigned code) {
  return code == kNormal || code == kGoingAway || code == kNoStatus;
}

/// Another WebSocket may mend it: the endpoint, or something in front of it, cannot go on. Other
/// codes are about us.
constexpr bool isBreak(unsigned code) {
  return code >= kInternalError && code <= kBadGateway;
}

}  // namespace wsbridge::common::close
