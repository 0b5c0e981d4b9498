// SPDX-License-Identifier: LGPL-2.1-or-later
// IP addresses and lists of networks as values; IPv4 is mapped into IPv6 (RFC 4291 2.5.5.2), so
// that one comparison serves both. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct sockaddr;

namespace launcher {

struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};

  [[nodiscard]] static std::optional<IpAddress> parse(const std::string& text);
  static IpAddress of(const sockaddr* address);
  bool operator==(const IpAddress&) const = default;
  bool operator<(const IpAddress& other) const { return bytes < other.bytes; }
  [[nodiscard]] bool isIpv4() const;
  std::string text() const;
  /// What one subscriber has: the address itself, of IPv6 its first 64 bits.
  [[nodiscard]] IpAddress source() const;
};

class Networks {
 public:
  /// One more: `10.0.0.0/8`, `fd00::/8`, or an address. False when it is none of these.
  [[nodiscard]] bool add(std::string_view entry);
  bool contains(const IpAddress& address) const;
  [[nodiscard]] bool empty() const { return networks_.empty(); }

 private:
  struct Network {
    IpAddress base;
    unsigned bits;
  };
  std::vector<Network> networks_;
};

}  // namespace launcher
