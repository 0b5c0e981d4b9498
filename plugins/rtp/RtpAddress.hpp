// SPDX-License-Identifier: LGPL-2.1-or-later
//
// RtpAddress: an IP address and a UDP port, IPv4 or IPv6, as a value that compares quickly.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include <netinet/in.h>
#include <sys/socket.h>

namespace wsbridge {

struct RtpAddress {
  std::array<uint8_t, 16> ip{};  ///< IPv4 mapped into IPv6, RFC 4291 2.5.5.2
  uint32_t scope = 0;            ///< interface of a link-local address
  uint16_t port = 0;

  static std::optional<RtpAddress> parse(const std::string& text, uint16_t port);
  static RtpAddress of(const sockaddr_storage& address);

  bool operator==(const RtpAddress&) const = default;
  [[nodiscard]] bool sameHost(const RtpAddress& other) const {
    return ip == other.ip && scope == other.scope;
  }
  /// Port 0 or the unspecified address: nothing can be sent there.
  [[nodiscard]] bool isNowhere() const;
  /// False for what no phone has: multicast, broadcast, link-local addresses, the metadata services
  /// of clouds, and nowhere.
  [[nodiscard]] bool mayBeSentTo() const;
  [[nodiscard]] std::string ipText() const;
  /// Length of the address in `out`; 0: a socket of that family cannot reach it.
  socklen_t toSockaddr(int family, sockaddr_storage& out) const;
};

}  // namespace wsbridge
