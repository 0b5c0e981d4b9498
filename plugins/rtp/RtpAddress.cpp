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
