// SPDX-License-Identifier: LGPL-2.1-or-later
// Accepts the connections of the HTTP server and hands them to libsoup, which knows no time-outs
// and no limit of its own: TLS handshakes, client certificates, how long a request may take and how
// many connections there are. Owns the listening socket and the table of connections; the
// SoupServer must outlive it. Main thread only.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "admin/HttpConnections.hpp"
#include "admin/HttpHandshakes.hpp"
#include "base/GPtr.hpp"
#include "base/Result.hpp"
#include "config/Config.hpp"
#include "log/Throttle.hpp"

struct _SoupServer;
using SoupServer = _SoupServer;
struct _SoupServerMessage;
using SoupServerMessage = _SoupServerMessage;

namespace launcher {

class HttpListener {
 public:
  HttpListener(SoupServer* server, std::size_t mostConnections);
  /// Closes the port and cuts all connections.
  ~HttpListener();
  HttpListener(const HttpListener&) = delete;
  HttpListener& operator=(const HttpListener&) = delete;

  /// With a certificate it speaks TLS; with `clientCaFile` clients need a certificate of one of
  /// these authorities.
  Result<void> listen(const HostPort& where, const std::string& certFile,
                      const std::string& keyFile, const std::string& clientCaFile);
  /// That was really bound.
  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// What a request came by; null when it was cut. It is closed when libsoup has let it go.
  [[nodiscard]] GIOStream* streamOf(SoupServerMessage* message) const;

 private:
  using Phase = HttpConnections::Phase;
  struct Connection {
    GObjectPtr<GSocket> socket;
    GObjectPtr<GIOStream> stream;  ///< with TLS: on top of the socket's
    GObjectPtr<GSocketAddress> local;
    GObjectPtr<GSocketAddress> remote;
    GObjectPtr<GCancellable> cancel;
    int hello = 0;  ///< bytes that are waited for before the handshake begins
  };
  struct Handshake;

  [[nodiscard]] static std::int64_t now() { return g_get_monotonic_time(); }
  void watch();
  void accept();
  void begin(GObjectPtr<GSocket> socket);
  void awaitHello(HttpConnections::Id id);
  [[nodiscard]] bool takeHello(HttpConnections::Id id);
  void askHandshake(HttpConnections::Id id);
  void shakeHands(HttpConnections::Id id);
  void endHandshake(HttpConnections::Id id, bool fine);
  void beginNext();
  void handOver(HttpConnections::Id id);
  [[nodiscard]] bool makeRoom();
  void cut(HttpConnections::Id id);
  void sweep();
  void enter(SoupServerMessage* message, Phase phase);

  SoupServer* server_;
  const std::size_t most_;
  GObjectPtr<GTlsCertificate> certificate_;
  GObjectPtr<GTlsDatabase> client_authorities_;
  GObjectPtr<GSocket> socket_;
  std::uint16_t port_ = 0;
  guint incoming_ = 0;  ///< source; 0 while nobody is accepted
  guint sweeper_ = 0;
  guint patience_ = 0;  ///< source; 0 while no handshake waits
  std::vector<gulong> signals_;
  HttpConnections table_;
  HttpHandshakes handshakes_;
  std::map<HttpConnections::Id, Connection> connections_;
  /// By the remote address that libsoup was given with a connection.
  std::map<GSocketAddress*, HttpConnections::Id> by_address_;
  log::Throttle refused_;
  std::shared_ptr<HttpListener*> alive_ = std::make_shared<HttpListener*>(this);
};

}  // namespace launcher
