// SPDX-License-Identifier: LGPL-2.1-or-later
#include "media/RtpPorts.hpp"

#include <algorithm>

#include <sys/random.h>
#include <sys/socket.h>

#include "base/CallEnd.hpp"
#include "base/GPtr.hpp"
#include "base/SocketFault.hpp"

namespace launcher {

namespace {

constexpr std::int64_t kRestUs = 2 * G_USEC_PER_SEC;
// As long as a caller who was refused for it is told to wait.
constexpr std::int64_t kFaultHoldsUs = kRetryAfter * G_USEC_PER_SEC;
constexpr int kReceiveBuffer = 256 * 1024;
// Pairs that others hold cost system calls, and the SIP thread waits; the next call looks
// elsewhere.
constexpr int kMostBinds = 100;

std::shared_ptr<GSocket> openUdp(GSocketAddress* where) {
  GSocket* socket = g_socket_new(g_socket_address_get_family(where), G_SOCKET_TYPE_DATAGRAM,
                                 G_SOCKET_PROTOCOL_UDP, nullptr);
  if (!socket) return nullptr;
  auto owned = shareObject(socket);
  g_socket_set_blocking(socket, FALSE);
  g_socket_set_option(socket, SOL_SOCKET, SO_RCVBUF, kReceiveBuffer, nullptr);
  return owned;
}

bool bindTo(GSocket* socket, const std::string& address, int port) {
  GObjectPtr<GSocketAddress> where(
      g_inet_socket_address_new_from_string(address.c_str(), static_cast<guint>(port)));
  // Not reusable: a port that another program holds must not be shared with it.
  return g_socket_bind(socket, where.get(), FALSE, nullptr) == TRUE;
}

/// From the kernel: what a generator gives can be told from what it gave before.
std::size_t drawBelow(std::size_t bound) {
  std::uint64_t number = 0;
  while (getrandom(&number, sizeof number, 0) != sizeof number) {
  }
  return static_cast<std::size_t>(number % bound);
}

}  // namespace

RtpPorts::RtpPorts(PortRange range) : range_(range) {}

std::size_t RtpPorts::pairs() const {
  return static_cast<std::size_t>(range_.last + 1 - range_.first - range_.first % 2) / 2;
}

bool RtpPorts::resting(std::uint16_t port) const {
  return std::any_of(rested_.begin(), rested_.end(),
                     [port](const auto& entry) { return entry.first == port; });
}

Result<RtpSockets, PortFault> RtpPorts::take(const std::string& address) {
  const std::lock_guard lock(mutex_);
  auto sockets = find(address);
  last_fault_ = sockets ? PortFault::None : sockets.error();
  if (!sockets) failed_at_ = g_get_monotonic_time();
  return sockets;
}

std::string RtpPorts::explain(const std::string& address, PortFault fault) const {
  const std::string on = " on " + address;
  if (fault == PortFault::NoSocket) {
    const std::string why = socketFault(address, 0, Transport::Udp);
    return "no socket" + on + (why.empty() ? "" : ": " + why);
  }
  const std::string none = "no free RTP port" + on + ": ";
  if (inUse() >= pairs()) return none + "all " + std::to_string(pairs()) + " pairs are in use";
  const std::string why = socketFault(address, 0, Transport::Udp);
  if (!why.empty()) return none + why;
  const std::string first = socketFault(address, range_.first, Transport::Udp);
  return none + (first.empty() ? "others hold them"
                               : "port " + std::to_string(range_.first) + ": " + first);
}

PortFault RtpPorts::lacking() const {
  const std::lock_guard lock(mutex_);
  if (used_.size() >= pairs()) return PortFault::RangeUsed;
  const bool recent = g_get_monotonic_time() - failed_at_ < kFaultHoldsUs;
  return recent ? last_fault_ : PortFault::None;
}

Result<RtpSockets, PortFault> RtpPorts::find(const std::string& address) {
  if (used_.size() >= pairs()) return Failure{PortFault::RangeUsed};
  const GObjectPtr<GSocketAddress> any(g_inet_socket_address_new_from_string(address.c_str(), 0));
  RtpSockets sockets{0, any ? openUdp(any.get()) : nullptr, any ? openUdp(any.get()) : nullptr};
  if (!sockets.rtp || !sockets.rtcp) return Failure{PortFault::NoSocket};
  const std::int64_t now = g_get_monotonic_time();
  while (!rested_.empty() && rested_.front().second <= now)
    rested_.pop_front();
  const auto first = static_cast<std::uint16_t>(range_.first + range_.first % 2);
  int binds = 0;
  // A small range may have nothing but resting pairs left: then those, rather than refuse a call.
  for (const bool allowResting : {false, true}) {
    const std::size_t start = drawBelow(pairs());
    for (std::size_t tried = 0; tried < pairs() && binds < kMostBinds; ++tried) {
      const auto port = static_cast<std::uint16_t>(first + (start + tried) % pairs() * 2);
      if (used_.count(port)) continue;
      if (!allowResting && resting(port)) continue;
      ++binds;
      // RTCP first: when that port is taken, the socket is as good as new for the next pair.
      if (!bindTo(sockets.rtcp.get(), address, port + 1)) continue;
      if (!bindTo(sockets.rtp.get(), address, port)) {
        sockets.rtcp = openUdp(any.get());
        if (!sockets.rtcp) break;
        continue;
      }
      sockets.port = port;
      used_.emplace(port, address);
      return sockets;
    }
    if (rested_.empty()) break;
  }
  return Failure{PortFault::RangeUsed};
}

void RtpPorts::giveBack(const RtpSockets& sockets) {
  if (sockets.rtp) g_socket_close(sockets.rtp.get(), nullptr);
  if (sockets.rtcp) g_socket_close(sockets.rtcp.get(), nullptr);
  const std::lock_guard lock(mutex_);
  last_fault_ = PortFault::None;
  if (used_.erase(sockets.port) == 0) return;
  rested_.emplace_back(sockets.port, g_get_monotonic_time() + kRestUs);
}

void RtpPorts::addOwn(const std::string& address, std::uint16_t port) {
  const std::lock_guard lock(mutex_);
  others_.emplace_back(port, address);
}

std::vector<std::string> RtpPorts::boundTo(std::uint16_t port) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> addresses;
  const auto pair = used_.find(static_cast<std::uint16_t>(port & ~1U));
  if (pair != used_.end()) addresses.push_back(pair->second);
  for (const auto& [other, address] : others_) {
    if (other == port) addresses.push_back(address);
  }
  return addresses;
}

std::size_t RtpPorts::inUse() const {
  const std::lock_guard lock(mutex_);
  return used_.size();
}

}  // namespace launcher
