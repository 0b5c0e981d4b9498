// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Bytes at the HTTP server's port, cut in two where the first byte of the input says: it answers in
// HTTP or hangs up, says the same as to the same bytes in one piece, and serves the next one.
#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <glib.h>

#include "FuzzCheck.hpp"
#include "FuzzInput.hpp"
#include "admin/HttpServer.hpp"

namespace {

using fuzz::require;
using launcher::HttpRequest;
using launcher::HttpServer;

constexpr int64_t kDeadlineUs = 5'000'000;
constexpr int kMostDescriptors = 256;

class Server {
 public:
  Server() {
    server_.add("/2010-04-01", [](const HttpRequest& request, const HttpServer::Answer& answer) {
      require(request.path.starts_with("/2010-04-01"), "a resource gets what is below it");
      require(request.body.size() <= static_cast<size_t>(HttpServer::kMaxBody),
              "a body has an end");
      answer({200, "text/plain", request.method, {}});
    });
    require(static_cast<bool>(server_.listen({"127.0.0.1", 0}, "", "")), "there is a port");
    const std::string& address = server_.address();
    port_ = static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
  }

  /// What comes back, to the end of the connection where that has one, otherwise while the server
  /// has something to do.
  std::string ask(std::string_view first, std::string_view second, bool hasEnd) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port_);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    require(fd < kMostDescriptors, "the server hangs up on who has gone");
    require(connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0, "the port is open");
    for (const std::string_view part : {first, second}) {
      if (part.empty()) continue;
      (void)!send(fd, part.data(), part.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      turn();
    }
    shutdown(fd, SHUT_WR);
    std::string back;
    turn();
    const int64_t deadline = g_get_monotonic_time() + kDeadlineUs;
    for (;;) {
      char buffer[4096];
      const ssize_t got = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
      if (got > 0) back.append(buffer, static_cast<size_t>(got));
      if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) break;
      if (got < 0 && !hasEnd) break;
      require(g_get_monotonic_time() < deadline, "the server hangs up when it has said so");
      if (got < 0) turn();
    }
    close(fd);
    turn();
    return back;
  }

 private:
  static void turn() {
    for (int i = 0; i < 20; ++i) {
      if (g_main_context_iteration(nullptr, FALSE) == FALSE) break;
    }
  }

  HttpServer server_;
  uint16_t port_ = 0;
};

std::string firstLine(const std::string& answer) {
  return answer.substr(0, answer.find('\r'));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Server& server = *new Server;
  fuzz::Input input(data, size);
  const size_t cut = input.byte();
  const std::string text = input.rest();
  const std::string_view whole(text);
  const std::string back = server.ask(whole.substr(0, std::min(cut, whole.size())),
                                      whole.substr(std::min(cut, whole.size())), false);
  require(back.empty() || back.starts_with("HTTP/1."), "what comes back is HTTP");
  // An answer may be lost where the server hangs up on what it has not read.
  const std::string uncut = server.ask(whole, "", false);
  require(back.empty() || uncut.empty() || firstLine(back) == firstLine(uncut),
          "the same is answered however the bytes are cut");
  const std::string good =
      server.ask("GET /2010-04-01/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "", true);
  require(good.starts_with("HTTP/1.1 200 "), "the next one is served");
  return 0;
}
