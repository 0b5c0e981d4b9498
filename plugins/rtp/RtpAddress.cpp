// SPDX-License-Identifier: LGPL-2.1-or-later
#include "rtp/RtpAddress.hpp"

#include <algorithm>
#include <cstring>

#include <arpa/inet.h>

namespace wsbridge {

namespace {

constexpr std::array<uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool isMapped(const std::array<uint8_t, 16>& ip) {
  return std::equal(kMapped.begin(), kMapped.end(), ip.begin());
}

void mapIpv4(const in_addr& from, std::array<uint8_t, 16>& ip) {
  std::copy(kMapped.begin(), kMapped.end(), ip.begin());
  std::memcpy(ip.data() + kMapped.size(), &from, sizeof from);
}

/// Of IPv4, in host order.
bool isForbiddenIpv4(uint32_t ip) {
  constexpr uint32_t kMetadata[] = {0x646464c8, 0xa83f8110, 0xc00000c0};
  const bool metadata = std::find(std::begin(kMetadata), std::end(kMetadata), ip) !=
                        std::end(kMetadata);  // 169.254.169.254 is link-local
  const uint32_t first = ip >> 24;
  return metadata || first == 0 || first >= 224 || ip >> 16 == 0xa9fe;
}

bool isForbiddenIpv6(const std::array<uint8_t, 16>& ip) {
  constexpr std::array<uint8_t, 16> kMetadata[] = {
      {0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54},
      {0xfd, 0x20, 0x00, 0xce, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54},
  };
  const bool metadata =
      std::find(std::begin(kMetadata), std::end(kMetadata), ip) != std::end(kMetadata);
  return metadata || ip[0] == 0xff || (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80);
}

}  // namespace

std::optional<RtpAddress> RtpAddress::parse(const std::string& text, uint16_t port) {
  RtpAddress result;
  result.port = port;
  in_addr v4{};
  in6_addr v6{};
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) {
    mapIpv4(v4, result.ip);
  } else if (inet_pton(AF_INET6, text.c_str(), &v6) == 1) {
    std::memcpy(result.ip.data(), &v6, sizeof v6);
  } else {
    return std::nullopt;
  }
  return result;
}

RtpAddress RtpAddress::of(const sockaddr_storage& address) {
  RtpAddress result;
  if (address.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof v4);
    mapIpv4(v4.sin_addr, result.ip);
    result.port = ntohs(v4.sin_port);
  } else if (address.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address, sizeof v6);
    std::memcpy(result.ip.data(), &v6.sin6_addr, sizeof v6.sin6_addr);
    result.scope = v6.sin6_scope_id;
    result.port = ntohs(v6.sin6_port);
  }
  return result;
}

bool RtpAddress::isNowhere() const {
  const auto zero = [](uint8_t byte) { return byte == 0; };
  const auto begin = isMapped(ip) ? ip.begin() + kMapped.size() : ip.begin();
  return port == 0 || std::all_of(begin, ip.end(), zero);
}

bool RtpAddress::mayBeSentTo() const {
  if (isNowhere()) return false;
  if (!isMapped(ip)) return !isForbiddenIpv6(ip);
  const auto octet = [this](size_t at) { return uint32_t{ip[kMapped.size() + at]}; };
  return !isForbiddenIpv4(octet(0) << 24 | octet(1) << 16 | octet(2) << 8 | octet(3));
}

std::string RtpAddress::ipText() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (isMapped(ip)) {
    inet_ntop(AF_INET, ip.data() + kMapped.size(), text, sizeof text);
  } else {
    inet_ntop(AF_INET6, ip.data(), text, sizeof text);
  }
  return text;
}

socklen_t RtpAddress::toSockaddr(int family, sockaddr_storage& out) const {
  if (family == AF_INET) {
    if (!isMapped(ip)) return 0;
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, ip.data() + kMapped.size(), sizeof v4.sin_addr);
    std::memcpy(&out, &v4, sizeof v4);
    return sizeof v4;
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  v6.sin6_scope_id = scope;
  std::memcpy(&v6.sin6_addr, ip.data(), ip.size());
  std::memcpy(&out, &v6, sizeof v6);
  return sizeof v6;
}

}  // namespace wsbridge
