// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ConnectProxy.hpp"

#include <array>
#include <cstdlib>
#include <stdexcept>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <glib.h>

namespace testsupport {
namespace {

constexpr int kPollMs = 20;

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

void sendAll(int fd, const std::string& bytes) {
  for (size_t sent = 0; sent < bytes.size();) {
    const ssize_t count = send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) return;
    sent += static_cast<size_t>(count);
  }
}

// One byte after the other, so that nothing behind the head is taken away.
std::string readHead(int fd, const std::atomic<bool>& stopping) {
  std::string head;
  while (!stopping && head.find("\r\n\r\n") == std::string::npos) {
    pollfd ready{fd, POLLIN, 0};
    if (poll(&ready, 1, kPollMs) <= 0) continue;
    char byte = 0;
    if (recv(fd, &byte, 1, 0) <= 0) return {};
    head += byte;
  }
  return head;
}

// False when that side has ended.
bool pass(int from, int to) {
  std::array<char, 16 * 1024> buffer{};
  const ssize_t count = recv(from, buffer.data(), buffer.size(), 0);
  if (count <= 0) return false;
  sendAll(to, std::string(buffer.data(), static_cast<size_t>(count)));
  return true;
}

}  // namespace

ConnectProxy::ConnectProxy(Options options) : options_(std::move(options)) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t length = sizeof address;
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      listen(listener_, 128) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    close(listener_);
    throw std::runtime_error("proxy cannot listen");
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { listenLoop(); });
}

ConnectProxy::~ConnectProxy() {
  stopping_ = true;
  acceptor_.join();
  for (auto& thread : threads_)
    thread.join();
  close(listener_);
}

std::string ConnectProxy::uri(const std::string& credentials) const {
  return "http://" + credentials + (credentials.empty() ? "" : "@") +
         "127.0.0.1:" + std::to_string(port_);
}

std::vector<std::string> ConnectProxy::targets() const {
  const auto guard = state_.lock();
  return targets_;
}

void ConnectProxy::listenLoop() {
  while (!stopping_) {
    pollfd ready{listener_, POLLIN, 0};
    if (poll(&ready, 1, kPollMs) <= 0) continue;
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client >= 0) threads_.emplace_back([this, client] { serve(client); });
  }
}

void ConnectProxy::serve(int client) {
  const std::string head = readHead(client, stopping_);
  const size_t end = head.find(' ', 8);
  if (head.starts_with("CONNECT ") && end != std::string::npos) {
    const std::string target = head.substr(8, end - 8);
    {
      const auto guard = state_.lock();
      targets_.push_back(target);
    }
    g_autofree char* wanted = g_base64_encode(
        reinterpret_cast<const guchar*>(options_.credentials.data()), options_.credentials.size());
    const bool known =
        options_.credentials.empty() ||
        head.find(std::string("Proxy-Authorization: Basic ") + wanted) != std::string::npos;
    const unsigned status = known ? options_.rejectStatus : 407;
    const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(std::atoi(target.substr(target.rfind(':') + 1).c_str()));
    if (status != 0) {
      sendAll(client, "HTTP/1.1 " + std::to_string(status) + " No\r\nContent-Length: 0\r\n\r\n");
    } else if (connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      sendAll(client, "HTTP/1.1 502 Bad Gateway\r\n\r\n");
    } else {
      sendAll(client, "HTTP/1.1 200 Connection established\r\n\r\n");
      relay(client, server);
    }
    close(server);
  }
  close(client);
}

void ConnectProxy::relay(int client, int server) const {
  while (!stopping_) {
    std::array<pollfd, 2> ready{{{client, POLLIN, 0}, {server, POLLIN, 0}}};
    if (poll(ready.data(), ready.size(), kPollMs) <= 0) continue;
    if (ready[0].revents != 0 && !pass(client, server)) return;
    if (ready[1].revents != 0 && !pass(server, client)) return;
  }
}

}  // namespace testsupport
