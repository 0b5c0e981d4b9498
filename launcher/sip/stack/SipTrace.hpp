// SPDX-License-Identifier: LGPL-2.1-or-later
// SIP messages for the log at level debug, without what is secret in them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <sys/socket.h>

struct sip_s;

namespace launcher {

inline constexpr std::size_t kMaxShownSip = 4096;

/// The message with *** for credentials, SRTP and ICE keys and digits, and for the P-wsbridge
/// headers that may hold a secret; URIs without passwords and queries. What is longer than the
/// bound ends in "…". Pure.
[[nodiscard]] std::string shownSip(std::string_view message);

/// Writes a record for a message that has come, whole and parsed, when the level is debug. SIP
/// thread only.
void traceReceived(const sip_s* sip, const sockaddr* from) noexcept;
/// The same for bytes that go out; those that do not begin a message are left out.
void traceSent(std::string_view bytes, const sockaddr* to) noexcept;

}  // namespace launcher
