// SPDX-License-Identifier: LGPL-2.1-or-later
#include "SipWire.hpp"

#include <atomic>
#include <cerrno>
#include <chrono>

#include <dlfcn.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sofia-sip/su.h>

#include "FuzzCheck.hpp"
#include "sip/stack/SofiaGuards.hpp"
#include "wire/SipMessage.hpp"

namespace {

std::atomic<uint16_t> allowedPort{0};
thread_local bool mayConnect = false;

bool isCaller(const sockaddr* address) {
  if (address->sa_family != AF_INET) return false;
  const auto* four = reinterpret_cast<const sockaddr_in*>(address);
  return four->sin_addr.s_addr == htonl(INADDR_LOOPBACK) && ntohs(four->sin_port) == allowedPort;
}

}  // namespace

extern "C" {

__attribute__((visibility("default"))) issize_t su_vsend(su_socket_t socket,
                                                         su_iovec_t const parts[], isize_t count,
                                                         int flags, su_sockaddr_t const* to,
                                                         socklen_t length) {
  static auto* const next = reinterpret_cast<decltype(su_vsend)*>(dlsym(RTLD_NEXT, "su_vsend"));
  if (!to || isCaller(&to->su_sa)) return next(socket, parts, count, flags, to, length);
  issize_t size = 0;
  for (isize_t i = 0; i < count; ++i)
    size += static_cast<issize_t>(parts[i].siv_len);
  return size;  // gone, as datagrams go
}

__attribute__((visibility("default"))) int connect(int socket, const sockaddr* to,
                                                   socklen_t length) {
  static auto* const next = reinterpret_cast<decltype(connect)*>(dlsym(RTLD_NEXT, "connect"));
  if (mayConnect || to->sa_family == AF_UNIX) return next(socket, to, length);
  int type = 0;
  socklen_t size = sizeof type;
  getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &size);
  // As the gateway has it where no way leads to a name server.
  if (type == SOCK_DGRAM) return launcher::connectNowhere(socket, to->sa_family);
  errno = ECONNREFUSED;
  return -1;
}

}  // extern "C"

namespace fuzz {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kPatience{5};
constexpr int kAgainMs = 250;
constexpr size_t kPiece = 7;

sockaddr_in loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/// Each line of the head is one header: nothing of the other side's has broken out of its place.
void checkMessage(std::string_view message) {
  const size_t end = message.find("\r\n\r\n");
  require(end != std::string_view::npos, "a message has a head");
  const std::string_view head = message.substr(0, end);
  size_t at = head.find("\r\n");
  const std::string_view first = head.substr(0, at);
  require(first.starts_with("SIP/2.0 ") || first.ends_with(" SIP/2.0"), "a message is SIP");
  while (at != std::string_view::npos) {
    const size_t next = head.find("\r\n", at + 2);
    const std::string_view line = head.substr(at + 2, next - at - 2);
    const bool folded = line.starts_with(' ') || line.starts_with('\t');
    const size_t colon = line.find(':');
    require(folded || (colon != std::string_view::npos && colon > 0), "a line has a name");
    require(line.find('\0') == std::string_view::npos, "a line has no U+0000");
    at = next;
  }
}

}  // namespace

SipWire::SipWire(uint16_t agent) : agent_(agent) {
  udp_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in own = loopback(0);
  socklen_t length = sizeof own;
  require(bind(udp_, reinterpret_cast<sockaddr*>(&own), sizeof own) == 0 &&
              getsockname(udp_, reinterpret_cast<sockaddr*>(&own), &length) == 0,
          "the caller has a port");
  port_ = ntohs(own.sin_port);
  allowedPort = port_;
}

SipWire::~SipWire() {
  endTcp();
  close(udp_);
}

void SipWire::send(std::string_view message) {
  const sockaddr_in to = loopback(agent_);
  (void)!sendto(udp_, message.data(), message.size(), MSG_NOSIGNAL,
                reinterpret_cast<const sockaddr*>(&to), sizeof to);
}

void SipWire::sendByTcp(std::string_view message, unsigned cuts) {
  if (tcp_ < 0) {
    tcp_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in to = loopback(agent_);
    mayConnect = true;
    const int connected = connect(tcp_, reinterpret_cast<const sockaddr*>(&to), sizeof to);
    mayConnect = false;
    require(connected == 0, "the agent takes connections");
  }
  const size_t piece = cuts == 0 ? message.size() : kPiece * cuts;
  while (!message.empty()) {
    const std::string_view part = message.substr(0, piece);
    message.remove_prefix(part.size());
    if (::send(tcp_, part.data(), part.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) return;
  }
}

void SipWire::endTcp() {
  if (tcp_ < 0) return;
  while (readTcp()) {
  }
  close(tcp_);
  tcp_ = -1;
}

bool SipWire::readTcp() {
  char buffer[16384];
  const ssize_t got = recv(tcp_, buffer, sizeof buffer, MSG_DONTWAIT);
  if (got <= 0) return false;
  wire::SipMessage message;
  if (!wire::parseSip({buffer, static_cast<size_t>(got)}, message)) return true;
  if (const std::string tag = message.toTag(); !tag.empty()) tag_ = tag;
  return true;
}

void SipWire::take(const std::string& datagram) {
  checkMessage(datagram);
  wire::SipMessage message;
  if (!wire::parseSip(datagram, message)) return;
  if (message.isResponse()) {
    if (message.status != 200) return;
    if (message.header("Call-ID") == awaited_) alive_ = true;
    if (message.method == "INVITE" && !message.toTag().empty()) tag_ = message.toTag();
    return;
  }
  if (message.method != "ACK") send(wire::responseTo(message, 200, "OK", "caller"));
}

void SipWire::requireAlive() {
  const std::string number = std::to_string(++number_);
  awaited_ = "alive-" + number;
  const std::string options =
      wire::SipRequest{
          .method = "OPTIONS",
          .uri = "sip:alive@127.0.0.1",
          .via = "SIP/2.0/UDP 127.0.0.1:" + std::to_string(port_) + ";branch=z9hG4bKalive" + number,
          .from = "<sip:alive@127.0.0.1>;tag=" + number,
          .to = "<sip:alive@127.0.0.1>",
          .callId = awaited_}
          .text();
  alive_ = false;
  const auto deadline = Clock::now() + kPatience;
  send(options);
  while (!alive_) {
    require(Clock::now() < deadline, "an OPTIONS of somebody else is answered");
    pollfd ready{udp_, POLLIN, 0};
    if (poll(&ready, 1, kAgainMs) <= 0) {
      send(options);
      continue;
    }
    takeNext();
  }
  if (tcp_ >= 0) (void)readTcp();
}

bool SipWire::takeNext() {
  std::string datagram(65536, '\0');
  const ssize_t got = recv(udp_, datagram.data(), datagram.size(), MSG_DONTWAIT);
  if (got < 0) return false;
  datagram.resize(static_cast<size_t>(got));
  take(datagram);
  return true;
}

void SipWire::drain() {
  while (takeNext()) {
  }
}

}  // namespace fuzz
