// SPDX-License-Identifier: LGPL-2.1-or-later
// Decides whether Sofia-SIP may see a message at all. What the stack keeps of a message as a remote
// target or a route set has to be a URI that it can send to: a BYE that fails at once makes nua try
// again until its stack is full. Pure, but that it takes what is unusable out of an answer.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <sofia-sip/url.h>

struct sip_s;

namespace launcher {

/// RFC 3261 sets no limit; sensible ones are shorter than a tenth of this.
inline constexpr std::size_t kMaxCallId = 1024;

/// Whether a datagram that begins with this octet may be a SIP message, or the empty lines that
/// keep a way through a NAT open: RFC 3261 7.1, 7.2, 7.5.
[[nodiscard]] bool mayBeSip(unsigned char first);

/// A sip: or sips: URI with a host, and a port that is one where it names any.
[[nodiscard]] bool isUsableTarget(const url_t* url);

/// Whether a request may be taken: its Contact and Record-Route where a dialog keeps them
/// (RFC 3261 12.1.1, 12.2.2), a Contact where an INVITE begins a dialog, and its Call-ID, which
/// is not empty. False: it is answered 400, an ACK is dropped.
[[nodiscard]] bool isAcceptableRequest(const sip_s* sip);

/// Takes Contact and Record-Route out of an answer when one of them cannot be used, so that the
/// requests of its dialog go where our own request went. A redirection keeps its Contact when
/// `redirectHosts` (host patterns) has the host of the first one, else it leads nowhere.
void stripUnusableTargets(sip_s* sip, const std::vector<std::string>& redirectHosts);

}  // namespace launcher
