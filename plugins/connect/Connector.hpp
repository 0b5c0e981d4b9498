// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Connector: opens one WebSocket: connects, does TLS, sends the handshake, reads the answer; all
// inside one deadline. Used and destroyed on the loop's thread. The result is delivered once, never
// after cancel() or destruction.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gio/gio.h>

#include "connect/Credentials.hpp"
#include "connect/Endpoint.hpp"
#include "connect/Failure.hpp"
#include "connect/Proxy.hpp"
#include "runtime/GlibPtr.hpp"
#include "runtime/MediaLoop.hpp"
#include "tls/HandshakeGate.hpp"
#include "tls/TlsSession.hpp"

namespace wsbridge {

struct ConnectSettings {
  std::string connection;  // its name, for the log
  size_t position = 0;     // in the list of endpoints that the user gave
  Endpoint endpoint;
  HandshakeRequest request;
  Credentials credentials;
  std::optional<Proxy> proxy;
  std::vector<std::string> addresses;  // connect to these instead of resolving the host
  unsigned timeout_ms = 6000;
  bool shares_time = false;  // the rest of connect-timeout is for other endpoints
  TlsSettings tls;
};

struct Connected {
  GObjectPtr<GIOStream> stream;
  std::vector<uint8_t> prefix;  // what the server sent behind its answer
  std::string subprotocol;
};

class Connector : public std::enable_shared_from_this<Connector> {
 public:
  using Outcome = common::Result<Connected, Failure>;
  using Done = std::function<void(Outcome)>;

  Connector(std::shared_ptr<MediaLoop> loop, ConnectSettings settings, Done done);
  ~Connector();
  Connector(const Connector&) = delete;
  Connector& operator=(const Connector&) = delete;

  void start();
  void cancel();

 private:
  void connectNext();
  void connected(GSocketConnection* connection);
  void askProxy();
  void proxyAnswered(std::string_view head);
  void secure();
  void startTls();
  void makeTls();
  void shakeHands();
  void shaken(TlsSession::Step step);
  void waitForTls(bool output);
  void endTls();
  void signHandshake();
  void sendHandshake(const std::optional<HandshakeRequest>& request);
  void sendRequest();
  void readAnswer();
  void answerRead(size_t count);
  [[nodiscard]] std::string whatIsNoAnswer(std::string_view text) const;
  /// `head` is the first part of answer_.
  void answered(std::string_view head);
  void fail(Failure failure);
  void finish(Outcome result);

  static void onConnected(GObject* source, GAsyncResult* result, gpointer data) noexcept;
  static void onWritten(GObject* source, GAsyncResult* result, gpointer data) noexcept;
  static void onRead(GObject* source, GAsyncResult* result, gpointer data) noexcept;

  std::shared_ptr<MediaLoop> loop_;
  ConnectSettings settings_;
  Done done_;
  std::string key_;
  std::string request_;
  std::vector<uint8_t> answer_;
  size_t answer_size_ = 0;
  unsigned interim_ = 0;  // answers that another one follows
  size_t next_address_ = 0;
  std::string destination_;  // what the proxy is asked for
  bool asking_proxy_ = false;
  const char* stage_ = "connecting";
  std::unique_ptr<HandshakeGate::Place> tls_place_;
  std::shared_ptr<TlsSession> tls_;
  std::unique_ptr<SocketWatch> tls_watch_;
  bool shaking_ = false;  // a step of the handshake is being done elsewhere
  std::optional<MediaLoop::TimerId> tls_deadline_;
  GObjectPtr<GCancellable> cancellable_;
  GObjectPtr<GSocketClient> client_;
  GObjectPtr<GIOStream> stream_;
  std::optional<MediaLoop::TimerId> deadline_;
};

}  // namespace wsbridge
