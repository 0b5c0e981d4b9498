// SPDX-License-Identifier: LGPL-2.1-or-later
// The embedded WebSocket endpoint for trying things out: it sends back every BINARY message, and
// plays a tone on the path /tone. Owns a thread "echo" with a GMainContext and a loop of its own,
// on which the SoupServer and its connections are made, used and freed: what is tried out with it
// does not wait for the main thread, nor the main thread for it. listen() and the destructor belong
// to the thread that made it, and wait: the first until it listens or cannot, the second until its
// loop has ended and the thread is joined. Nothing of it is left then.
#pragma once

#include <future>
#include <memory>
#include <set>
#include <string>
#include <thread>

#include "base/GPtr.hpp"
#include "base/Result.hpp"
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

  /// Once.
  Result<void> listen(const HostPort& where);
  /// ADDR:PORT that was really bound.
  [[nodiscard]] const std::string& address() const { return address_; }

 private:
  struct Connection;
  // On its thread.
  void run(const HostPort& where, std::promise<Result<void>>& listening);
  Result<void> open(const HostPort& where);
  void accept(SoupWebsocketConnection* connection, bool tone);
  /// The context owns the source.
  GSource* attach(GSource* source, GSourceFunc callback, gpointer data);

  GMainContext* context_;
  GMainLoop* loop_;
  std::thread thread_;
  std::string address_;  ///< not written any more when listen() returns
  // Its thread's.
  GObjectPtr<SoupServer> server_;
  std::set<std::unique_ptr<Connection>> connections_;
};

}  // namespace launcher
