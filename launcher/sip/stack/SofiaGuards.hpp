// SPDX-License-Identifier: LGPL-2.1-or-later
// Definitions of ours for functions that Sofia-SIP calls within its own library; the dynamic linker
// takes them in place of the library's:
// * su_getaddrinfo() resolves addresses only: to answer a request whose Via names a host the stack
//   would look that up and wait for it, and all SIP would stand still meanwhile;
// * su_vrecv() drops datagrams that cannot be SIP: to STUN and compressed ones the stack answers
//   whoever sends them;
// * sip_sanity_check(), which each message passes before a transaction is made of it, holds it
//   against MessageCheck as well;
// * sip_response_terminates_dialog() leaves the end of a dialog whose UPDATE fails to us, because
//   the stack would drop it without a BYE.
// * tport_shutdown() leaves the connection alone by which a request came that we refuse: dialogs of
//   others may use it;
// * connect() of a datagram socket never fails: the stack's resolver would not come to an end;
// * su_vsend() shows the log what goes out, at level debug;
// * accept() and su_close() keep count of the connections that others open.
// All of them run on the SIP thread.
#pragma once

#include <string>
#include <vector>

#include <sys/socket.h>

#include "base/Result.hpp"

struct su_root_s;
struct msg_mclass_s;
struct sip_s;

namespace launcher {

/// Proves with a real message that Sofia-SIP calls the functions above: an agent on a loopback port
/// gets a request whose answer would need a name to be looked up. On the SIP thread, before any
/// agent; takes some milliseconds.
Result<void> proveSofiaGuards(su_root_s* root);

/// Decides about messages and connections; SIP thread only. Called by C, so nothing may throw.
class SipGuard {
 public:
  struct Origin {
    int socket;
    bool datagram;
    const sockaddr* address;
    socklen_t length;
  };
  virtual ~SipGuard() = default;
  /// False: the request is dropped; whoever sent it has been answered, or never will be.
  [[nodiscard]] virtual bool request(sip_s* sip, const Origin& origin) noexcept = 0;
  /// False: the connection is closed at once.
  [[nodiscard]] virtual bool connection(int descriptor, const sockaddr* from) noexcept = 0;
  /// Bytes of a message have come by a connection.
  virtual void received(int descriptor) noexcept = 0;
  virtual void closed(int descriptor) noexcept = 0;
};
/// Null for none. The guard outlives its time as one.
void setSipGuard(SipGuard* guard);

/// Connects a datagram socket to the discard port of this machine.
[[nodiscard]] int connectNowhere(int descriptor, int family);

/// Host patterns that a 302 or 305 to a call of ours may lead to; none by default.
void allowRedirects(const std::vector<std::string>& hosts);

/// The message class of SIP without Session-Expires and Min-SE, which thereby are unknown headers:
/// nua has no session timer then, SessionTimer is ours. Made once, lives as long as the process.
[[nodiscard]] const msg_mclass_s* sipMessageClass();

}  // namespace launcher
