// SPDX-License-Identifier: LGPL-2.1-or-later
// The launcher's HTTP server: requests as values to the resource whose path they are under, answers
// as values back. Owns a SoupServer, its HttpListener and the requests that wait for their answer.
// Main thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "admin/HttpListener.hpp"
#include "base/GPtr.hpp"
#include "base/Result.hpp"
#include "config/Config.hpp"

struct _SoupServer;
using SoupServer = _SoupServer;
struct _SoupServerMessage;
using SoupServerMessage = _SoupServerMessage;

namespace launcher {

struct HttpRequest {
  std::string method;
  std::string path;  ///< decoded
  std::string contentType;
  std::string authorization;
  std::string body;
  /// The server can be reached from this machine only, and no proxy has said that it asks for
  /// somebody else.
  bool loopback = false;
};

struct HttpResponse {
  unsigned status = 200;
  std::string contentType;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers = {};
};

class HttpServer {
 public:
  /// To be called once, on the main thread, at any time: whoever asked may be gone by then, and so
  /// may the server.
  using Answer = std::function<void(const HttpResponse&)>;
  using Resource = std::function<void(const HttpRequest&, Answer)>;

  static constexpr std::int64_t kMaxBody = 64 * 1024;

  explicit HttpServer(std::size_t mostConnections = 64);
  /// Closes what is open; answers that come later go nowhere.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// `prefix` is a path without a slash at its end.
  void add(const std::string& prefix, Resource resource);
  /// With a certificate it speaks HTTPS; with `clientCaFile` only to clients that have one of these
  /// authorities.
  Result<void> listen(const HostPort& where, const std::string& certFile,
                      const std::string& keyFile, const std::string& clientCaFile = {});
  /// ADDR:PORT that was really bound.
  [[nodiscard]] const std::string& address() const { return address_; }

 private:
  struct Asked {
    GObjectPtr<SoupServerMessage> message;
    GObjectPtr<GIOStream> stream;
  };
  using Waiting = std::map<std::uint64_t, Asked>;

  void handle(SoupServerMessage* message, const std::string& path, const Resource& resource);

  GObjectPtr<SoupServer> server_;
  std::unique_ptr<HttpListener> listener_;
  std::shared_ptr<Waiting> waiting_ = std::make_shared<Waiting>();
  std::uint64_t next_number_ = 1;
  bool loopback_ = false;
  std::string address_;
};

}  // namespace launcher
