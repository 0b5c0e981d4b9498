// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "Waiting.hpp"

namespace testsupport {

struct EndpointMessage {
  bool text = false;
  std::string data;
  Clock::time_point at;
};

// Everything recorded about one WebSocket connection to a SoupEndpoint. A copy: reading it needs no
// lock.
struct EndpointConnection {
  int id = 0;
  std::string path;
  std::string query;
  std::vector<std::pair<std::string, std::string>> headers;  // of the request, in their order
  std::string protocol;                                      // the subprotocol that was selected
  bool clientCertificate = false;
  Clock::time_point openedAt;
  std::vector<EndpointMessage> messages;
  bool closed = false;
  Clock::time_point closedAt;
  unsigned closeCode = 0;  // 0: no close frame, or one without a code
  std::string closeReason;
  bool error = false;

  // The value of the first request header of that name (compared without case), empty when there is
  // none.
  std::string header(const std::string& name) const;
  bool hasHeader(const std::string& name) const;
  std::vector<std::string> texts() const;
  std::vector<EndpointMessage> binaries() const;
  std::string audio() const;  // the payload of all BINARY messages
};

// A well-behaved WebSocket server: a real SoupServer in a thread and a GMainContext of its own, on
// any free port of 127.0.0.1 and ::1. It records what arrives; all functions may be called from any
// thread.
class SoupEndpoint {
 public:
  using Hook = std::function<void(SoupEndpoint& endpoint, int id)>;
  using MessageHook =
      std::function<void(SoupEndpoint& endpoint, int id, const EndpointMessage& message)>;

  struct Options {
    std::string certFile;  // PEM; with keyFile makes it a wss endpoint
    std::string keyFile;
    std::string clientCaFile;           // a client certificate signed by this CA is required
    bool echo = false;                  // every BINARY message is sent back as it is
    std::string protocol = "WSBRIDGE";  // the one it speaks; empty selects none and refuses none
    unsigned rejectStatus = 0;          // answers every handshake with this HTTP status
    Millis handshakeDelay{0};
    bool record = true;  // false keeps only texts: for long runs
    Hook onOpen;         // these two run on the endpoint's thread
    MessageHook onMessage;
  };

  SoupEndpoint() : SoupEndpoint(Options{}) {}
  // Throws std::runtime_error when it cannot listen.
  explicit SoupEndpoint(Options options);
  ~SoupEndpoint();
  SoupEndpoint(const SoupEndpoint&) = delete;
  SoupEndpoint& operator=(const SoupEndpoint&) = delete;

  int port() const { return port_; }
  // ws://127.0.0.1:PORT/path or the wss form; the path starts with a slash.
  std::string uri(const std::string& path = "/", const std::string& host = "127.0.0.1") const;

  /// `at` becomes the time at which it is handed to libsoup; not read before an answer to it.
  void sendText(int id, const std::string& text, Clock::time_point* at = nullptr);
  void sendBinary(int id, const std::string& bytes);
  // A close frame; code 0 sends one without a code.
  void close(int id, unsigned code, const std::string& reason = {});

  size_t count() const;     // connections that were opened so far
  size_t requests() const;  // handshakes that were asked for, rejected and delayed ones included
  std::optional<EndpointConnection> connection(int id) const;
  // Looks at a connection in place, under the lock, without a copy.
  bool inspect(int id, const std::function<bool(const EndpointConnection&)>& look) const;

  bool waitConnections(size_t number, Millis limit) const;
  bool waitRequests(size_t number, Millis limit) const;
  // The id of the first connection with that path.
  std::optional<int> waitPath(const std::string& path, Millis limit) const;
  bool waitFor(int id, const std::function<bool(const EndpointConnection&)>& condition,
               Millis limit) const;
  bool waitBinaries(int id, size_t number, Millis limit) const;
  bool waitTexts(int id, size_t number, Millis limit) const;
  bool waitClosed(int id, Millis limit) const;

 private:
  struct Server;
  friend struct Server;

  void run();
  void post(std::function<void()> job);

  Options options_;
  Monitor state_;
  std::map<int, EndpointConnection> connections_;
  int last_id_ = 0;
  size_t requests_ = 0;
  int port_ = 0;
  std::string failure_;
  std::unique_ptr<Server> server_;
  std::thread thread_;
};

}  // namespace testsupport
