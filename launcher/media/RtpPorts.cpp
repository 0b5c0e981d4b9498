// SPDX-License-Identifier: LGPL-2.1-or-later
#include "media/RtpPorts.hpp"

#include <algorithm>

#include <sys/socket.h>

#include "base/GPtr.hpp"

namespace launcher {

namespace {

constexpr std::int64_t kRestUs = 2 * G_USEC_PER_SEC;
constexpr int kReceiveBuffer = 256 * 1024;

std::shared_ptr<GSocket> bindUdp(const std::string& address, std::uint16_t port) {
  GObjectPtr<GSocketAddress> where(g_inet_socket_address_new_from_string(address.c_str(), port));
  if (!where) return nullptr;
  GSocket* socket = g_socket_new(g_socket_address_get_family(where.get()), G_SOCKET_TYPE_DATAGRAM,
                                 G_SOCKET_PROTOCOL_UDP, nullptr);
  if (!socket) return nullptr;
  auto owned = shareObject(socket);
  // Not reusable: a port that another program holds must not be shared with it.
  if (!g_socket_bind(socket, where.get(), FALSE, nullptr)) return nullptr;
  g_socket_set_blocking(socket, FALSE);
  g_socket_set_option(socket, SOL_SOCKET, SO_RCVBUF, kReceiveBuffer, nullptr);
  return owned;
}

}  // namespace

RtpPorts::RtpPorts(PortRange range)
    : range_(range), next_(static_cast<std::uint16_t>(range.first + range.first % 2)) {}

bool RtpPorts::resting(std::uint16_t port) const {
  return std::any_of(rested_.begin(), rested_.end(),
                     [port](const auto& entry) { return entry.first == port; });
}

std::optional<RtpSockets> RtpPorts::take(const std::string& address) {
  const std::lock_guard lock(mutex_);
  const std::int64_t now = g_get_monotonic_time();
  while (!rested_.empty() && rested_.front().second <= now)
    rested_.pop_front();
  const int pairs = (range_.last - range_.first + 1) / 2;
  const auto first = static_cast<std::uint16_t>(range_.first + range_.first % 2);
  // A small range may have nothing but resting pairs left: then those, rather than refuse a call.
  for (const bool allowResting : {false, true}) {
    for (int tried = 0; tried < pairs; ++tried) {
      const std::uint16_t port = next_;
      next_ = static_cast<std::uint16_t>(next_ + 2 >= range_.last ? first : next_ + 2);
      if (port + 1 > range_.last || used_.count(port)) continue;
      if (!allowResting && resting(port)) continue;
      RtpSockets sockets{port, bindUdp(address, port), nullptr};
      if (!sockets.rtp) continue;
      sockets.rtcp = bindUdp(address, static_cast<std::uint16_t>(port + 1));
      if (!sockets.rtcp) continue;
      used_.insert(port);
      return sockets;
    }
    if (rested_.empty()) break;
  }
  return std::nullopt;
}

void RtpPorts::giveBack(const RtpSockets& sockets) {
  if (sockets.rtp) g_socket_close(sockets.rtp.get(), nullptr);
  if (sockets.rtcp) g_socket_close(sockets.rtcp.get(), nullptr);
  const std::lock_guard lock(mutex_);
  if (used_.erase(sockets.port) == 0) return;
  rested_.emplace_back(sockets.port, g_get_monotonic_time() + kRestUs);
}

std::size_t RtpPorts::inUse() const {
  const std::lock_guard lock(mutex_);
  return used_.size();
}

}  // namespace launcher
