// SPDX-License-Identifier: LGPL-2.1-or-later
// The server's side of a WebSocket upgrade (RFC 6455 section 4.2). Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace bench {

struct Upgrade {
  int status = 101;      // otherwise the HTTP status to refuse with
  std::string fault;     // why
  std::string target;    // the request target, path and query
  std::string response;  // the whole 101
};

// `request` ends with the empty line. Takes the subprotocol WSBRIDGE when it is offered, otherwise
// none.
Upgrade acceptUpgrade(std::string_view request);

}  // namespace bench
