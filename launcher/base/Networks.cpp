// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/Networks.hpp"

#include <algorithm>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/Text.hpp"

namespace launcher {

namespace {

constexpr unsigned kMappedBits = 96;

void setIpv4(IpAddress& address, const void* four) {
  address.bytes = {};
  address.bytes[10] = address.bytes[11] = 0xff;
  std::memcpy(address.bytes.data() + 12, four, 4);
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(const std::string& text) {
  IpAddress address;
  in_addr four{};
  if (inet_pton(AF_INET, text.c_str(), &four) == 1) {
    setIpv4(address, &four);
    return address;
  }
  if (inet_pton(AF_INET6, text.c_str(), address.bytes.data()) != 1) return std::nullopt;
  return address;
}

IpAddress IpAddress::of(const sockaddr* address) {
  IpAddress result;
  if (address->sa_family == AF_INET) {
    setIpv4(result, &reinterpret_cast<const sockaddr_in*>(address)->sin_addr);
  } else if (address->sa_family == AF_INET6) {
    std::memcpy(result.bytes.data(), &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr,
                result.bytes.size());
  }
  return result;
}

bool IpAddress::isIpv4() const {
  return std::all_of(bytes.begin(), bytes.begin() + 10, [](auto byte) { return byte == 0; }) &&
         bytes[10] == 0xff && bytes[11] == 0xff;
}

std::string IpAddress::text() const {
  char buffer[INET6_ADDRSTRLEN] = "";
  const bool four = isIpv4();
  inet_ntop(four ? AF_INET : AF_INET6, bytes.data() + (four ? 12 : 0), buffer, sizeof buffer);
  return buffer;
}

IpAddress IpAddress::source() const {
  IpAddress result = *this;
  if (!isIpv4()) std::fill(result.bytes.begin() + 8, result.bytes.end(), std::uint8_t{0});
  return result;
}

bool Networks::add(std::string_view entry) {
  const std::size_t slash = entry.find('/');
  const auto base = IpAddress::parse(std::string(entry.substr(0, slash)));
  if (!base) return false;
  const bool four = entry.substr(0, slash).find(':') == std::string_view::npos;
  const unsigned width = four ? 32 : 128;
  unsigned bits = width;
  if (slash != std::string_view::npos) {
    const auto given = text::parseInteger(entry.substr(slash + 1));
    if (!given || *given < 0 || *given > width) return false;
    bits = static_cast<unsigned>(*given);
  }
  networks_.push_back({*base, four ? bits + kMappedBits : bits});
  return true;
}

bool Networks::contains(const IpAddress& address) const {
  return std::any_of(networks_.begin(), networks_.end(), [&address](const Network& network) {
    const std::size_t whole = network.bits / 8;
    if (std::memcmp(address.bytes.data(), network.base.bytes.data(), whole) != 0) return false;
    const unsigned rest = network.bits % 8;
    if (rest == 0) return true;
    const auto mask = static_cast<std::uint8_t>(0xff << (8 - rest));
    return ((address.bytes[whole] ^ network.base.bytes[whole]) & mask) == 0;
  });
}

}  // namespace launcher
