// SPDX-License-Identifier: LGPL-2.1-or-later
// The embedded WebSocket endpoint for trying things out: it sends back every BINARY message, and
// plays a tone on the path /tone. Owns a SoupServer and its connections. Main thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "base/GPtr.hpp"
#include "config/Config.hpp"

struct _SoupServer;
using SoupServer = _SoupServer;
struct _SoupWebsocketConnection;
using SoupWebsocketConnection = _SoupWebsocketConnection;

namespace launcher {

class EchoEndpoint {
 public:
  EchoEndpoint();
  ~EchoEndpoint();
  EchoEndpoint(const EchoEndpoint&) = delete;
  EchoEndpoint& operator=(const EchoEndpoint&) = delete;

  /// Returns what is wrong, or an empty text.
  std::string listen(const HostPort& where);
  /// ADDR:PORT that was really bound.
  const std::string& address() const { return address_; }

 private:
  struct Connection;
  void accept(SoupWebsocketConnection* connection, bool tone);

  GObjectPtr<SoupServer> server_;
  std::set<std::unique_ptr<Connection>> connections_;
  std::string address_;
};

}  // namespace launcher
