// SPDX-License-Identifier: LGPL-2.1-or-later
// Sofia-SIP's own log: it goes to ours at level debug, and it is the only place where the stack
// says why it could not send a request, so that is kept. SIP thread only.
#pragma once

#include <string>

namespace launcher {

/// Once, before the first agent.
void redirectSofiaLog();

/// What the kernel said when the request of this CSeq could not be sent, such as "connection
/// refused"; empty when it was another request that failed last, or none.
[[nodiscard]] std::string sendFault(const char* method, unsigned cseq);

}  // namespace launcher
