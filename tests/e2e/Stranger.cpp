// SPDX-License-Identifier: LGPL-2.1-or-later
#include "Stranger.hpp"

#include <stdexcept>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire/SipMessage.hpp"

namespace e2e {
namespace {

int openSocket(int type, int port, const std::string& host, bool* connected) {
  const int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
  sockaddr_in from{};
  from.sin_family = AF_INET;
  inet_pton(AF_INET, host.c_str(), &from.sin_addr);
  sockaddr_in to = from;
  to.sin_port = htons(static_cast<uint16_t>(port));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool bound = fd >= 0 && bind(fd, reinterpret_cast<sockaddr*>(&from), sizeof from) == 0;
  *connected = bound && connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
  return fd;
}

bool readable(int fd, Millis limit) {
  pollfd waiting{fd, POLLIN, 0};
  return poll(&waiting, 1, static_cast<int>(limit.count())) > 0;
}

}  // namespace

std::string loopbackHost(unsigned number) {
  return "127." + std::to_string(1 + number / 62'500 % 250) + "." +
         std::to_string(number / 250 % 250) + "." + std::to_string(2 + number % 250);
}

Datagrams::Datagrams(int port, const std::string& host) : host_(host) {
  bool connected = false;
  fd_ = openSocket(SOCK_DGRAM, port, host, &connected);
  if (connected) return;
  close(fd_);
  throw std::runtime_error("no UDP socket on " + host);
}

Datagrams::~Datagrams() {
  close(fd_);
}

void Datagrams::send(const std::string& bytes) const {
  [[maybe_unused]] const auto sent =
      ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

std::optional<std::string> Datagrams::receive(Millis limit) const {
  const auto end = Clock::now() + limit;
  for (;;) {
    char buffer[65536];
    const ssize_t n = recv(fd_, buffer, sizeof buffer, MSG_DONTWAIT);
    if (n >= 0) return std::string(buffer, static_cast<size_t>(n));
    const auto left = std::chrono::duration_cast<Millis>(end - Clock::now());
    if (left <= 0ms || !readable(fd_, left)) return std::nullopt;
  }
}

size_t Datagrams::drain() const {
  size_t number = 0;
  while (receive(0ms))
    ++number;
  return number;
}

Line::Line(int port, const std::string& host) {
  fd_ = openSocket(SOCK_STREAM, port, host, &connected_);
}

Line::~Line() {
  close(fd_);
}

void Line::say(const std::string& bytes) const {
  const auto end = Clock::now() + 1s;
  for (size_t done = 0; done < bytes.size() && Clock::now() < end;) {
    const ssize_t n =
        send(fd_, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) {
      done += static_cast<size_t>(n);
      continue;
    }
    pollfd waiting{fd_, POLLOUT, 0};
    if (errno != EAGAIN || poll(&waiting, 1, 100) < 0) return;
  }
}

std::string Line::hearSome(Millis limit, bool* closed) const {
  *closed = false;
  if (!readable(fd_, limit)) return {};
  char buffer[16384];
  const ssize_t n = recv(fd_, buffer, sizeof buffer, MSG_DONTWAIT);
  *closed = n == 0 || (n < 0 && errno != EAGAIN);
  return n > 0 ? std::string(buffer, static_cast<size_t>(n)) : std::string();
}

std::string Line::hear(Millis limit, bool* closed) const {
  std::string heard;
  const auto end = Clock::now() + limit;
  *closed = false;
  while (Clock::now() < end && !*closed)
    heard += hearSome(100ms, closed);
  return heard;
}

std::string Strange::text() const {
  const std::string from = "<sip:a@127.0.0.1>;tag=f" + id;
  const std::string to = "<sip:x@127.0.0.1>" + (toTag.empty() ? "" : ";tag=" + toTag);
  return wire::SipRequest{.method = method,
                          .uri = uri,
                          .via = via + ";branch=z9hG4bK" + id,
                          .from = from,
                          .to = to,
                          .callId = id,
                          .headers = headers,
                          .body = body}
      .text();
}

const BadTargets& badTargets() {
  static const BadTargets targets = {
      {
          "Contact: <tel:+4930>\r\n",
          "Contact: <mailto:a@b>\r\n",
          "Contact: <urn:service:sos>\r\n",
          "Contact: *\r\n",
          "m: <tel:1>\r\n",
          "",
          "Contact: <sip:>\r\n",
          "Contact: <sip:a@>\r\n",
          "Contact: <sip:a@127.0.0.1:0>\r\n",
          "Contact: <sip:a@127.0.0.1:99999>\r\n",
          "Contact: <sip:a@[::1>\r\n",
          "Contact: <sip:a@127.0.0.1:9>, <tel:1>\r\n",
          "Contact: <sip:a@127.0.0.1:9>\r\nRecord-Route: <tel:1;lr>\r\n",
          "Contact: <sip:a@127.0.0.1:9>\r\nRecord-Route: <sip:127.0.0.1:9;lr>, <mailto:a@b>\r\n",
          // These are SIP URIs, but nothing can be sent there.
          "Contact: <sips:a@127.0.0.1>\r\n",
          "Contact: <sip:a@127.0.0.1;transport=tls>\r\n",
          "Contact: <sip:a@127.0.0.1;transport=nothing>\r\n",
          "Contact: <sip:a@[::1]:5060>\r\n",
          "Contact: <sip:a@no.such.invalid>\r\n",
          "Contact: <sip:a@127.0.0.1;maddr=no.such.invalid>\r\n",
          "Contact: <sip:a@0.0.0.0>\r\n",
          "Contact: <sip:a@255.255.255.255>\r\n",
          "Contact: <sip:a@127.0.0.1:9>\r\nRecord-Route: <sips:127.0.0.1:9;lr>\r\n",
          "Contact: <sip:a@127.0.0.1:9>\r\n"
          "Session-Expires: 90;refresher=uas\r\nSupported: timer\r\n",
      },
      14};
  return targets;
}

}  // namespace e2e
