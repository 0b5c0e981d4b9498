// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/UriPolicy.hpp"

#include <array>
#include <cstdint>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/Text.hpp"

namespace launcher {

namespace {

/// Both families as 16 bytes; IPv4 as ::ffff:a.b.c.d, and addresses that carry an IPv4 address in a
/// way that the network may unpack (mapped, compatible, translated, NAT64, 6to4) as that IPv4
/// address.
using Bytes = std::array<std::uint8_t, 16>;

struct Range {
  const char* network;
  int bits;  ///< as written, IPv4 counts from its own first bit
  const char* kind;
};

// IANA's registries of special-purpose addresses (RFC 6890), and cloud metadata. IPv6 addresses
// outside of 2000::/3 are nobody's unless they stand here.
constexpr Range kSpecial[] = {
    {"169.254.169.254", 32, "metadata"},
    {"100.100.100.200", 32, "metadata"},
    {"168.63.129.16", 32, "metadata"},
    {"192.0.0.192", 32, "metadata"},
    {"fd00:ec2::254", 128, "metadata"},
    {"fd20:ce::254", 128, "metadata"},
    {"0.0.0.0", 8, "unspecified"},
    {"10.0.0.0", 8, "private"},
    {"100.64.0.0", 10, "private"},
    {"127.0.0.0", 8, "loopback"},
    {"169.254.0.0", 16, "link-local"},
    {"172.16.0.0", 12, "private"},
    {"192.0.0.0", 24, "reserved"},
    {"192.0.2.0", 24, "reserved"},
    {"192.31.196.0", 24, "reserved"},
    {"192.52.193.0", 24, "reserved"},
    {"192.88.99.0", 24, "reserved"},
    {"192.168.0.0", 16, "private"},
    {"192.175.48.0", 24, "reserved"},
    {"198.18.0.0", 15, "private"},
    {"198.51.100.0", 24, "reserved"},
    {"203.0.113.0", 24, "reserved"},
    {"224.0.0.0", 4, "multicast"},
    {"255.255.255.255", 32, "broadcast"},
    {"240.0.0.0", 4, "reserved"},
    {"::", 128, "unspecified"},
    {"::1", 128, "loopback"},
    {"64:ff9b:1::", 48, "private"},
    {"100::", 64, "reserved"},
    {"2001::", 23, "reserved"},
    {"2001:db8::", 32, "reserved"},
    {"2620:4f:8000::", 48, "reserved"},
    {"3ffe::", 16, "reserved"},
    {"3fff::", 20, "reserved"},
    {"fc00::", 7, "private"},
    {"fe80::", 10, "link-local"},
    {"fec0::", 10, "private"},
    {"ff00::", 8, "multicast"},
};

Bytes mapped(const std::uint8_t* v4) {
  Bytes bytes{};
  bytes[10] = bytes[11] = 0xff;
  std::memcpy(bytes.data() + 12, v4, 4);
  return bytes;
}

std::optional<Bytes> parseAddress(const std::string& text) {
  std::string plain = text.substr(0, text.find('%'));
  if (plain.size() > 2 && plain.front() == '[' && plain.back() == ']') {
    plain = plain.substr(1, plain.size() - 2);
  }
  std::uint8_t v4[4];
  if (inet_pton(AF_INET, plain.c_str(), v4) == 1) return mapped(v4);
  Bytes v6{};
  if (inet_pton(AF_INET6, plain.c_str(), v6.data()) != 1) return std::nullopt;
  return v6;
}

Bytes unpacked(const Bytes& bytes) {
  static constexpr std::uint8_t kNat64[12] = {0, 0x64, 0xff, 0x9b};
  static constexpr std::uint8_t kTranslated[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0};
  static constexpr std::uint8_t kZero[12] = {};
  if (std::memcmp(bytes.data(), kNat64, 12) == 0) return mapped(bytes.data() + 12);
  if (std::memcmp(bytes.data(), kTranslated, 12) == 0) return mapped(bytes.data() + 12);
  const bool compatible = std::memcmp(bytes.data(), kZero, 12) == 0 &&
                          (bytes[12] != 0 || bytes[13] != 0 || bytes[14] != 0);
  if (compatible) return mapped(bytes.data() + 12);
  if (bytes[0] == 0x20 && bytes[1] == 0x02) return mapped(bytes.data() + 2);
  return bytes;
}

/// RFC 5214: ::0:5efe:a.b.c.d or ::200:5efe:a.b.c.d below any prefix leads to that IPv4 address
/// where the prefix is a tunnel's.
bool isIsatap(const Bytes& bytes) {
  return (bytes[8] & 0xfd) == 0 && bytes[9] == 0 && bytes[10] == 0x5e && bytes[11] == 0xfe;
}

bool within(const Bytes& address, const Bytes& network, int bits) {
  const auto whole = static_cast<std::size_t>(bits / 8);
  if (std::memcmp(address.data(), network.data(), whole) != 0) return false;
  const int rest = bits % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xff << (8 - rest));
  return ((address[whole] ^ network[whole]) & mask) == 0;
}

const char* kindOf(const Bytes& bytes) {
  for (const Range& range : kSpecial) {
    const bool v4 = std::strchr(range.network, ':') == nullptr;
    if (within(bytes, *parseAddress(range.network), v4 ? range.bits + 96 : range.bits)) {
      return range.kind;
    }
  }
  const bool v4 = within(bytes, *parseAddress("::ffff:0:0"), 96);
  return v4 || within(bytes, *parseAddress("2000::"), 3) ? nullptr : "reserved";
}

/// `10.0.0.0/8`, `fd00::/8`, or a bare address.
bool matchesNetwork(const std::string& entry, const Bytes& address) {
  const std::size_t slash = entry.find('/');
  const std::string base = entry.substr(0, slash);
  const auto network = parseAddress(base);
  if (!network) return false;
  const bool v4 = base.find(':') == std::string::npos;
  const int width = v4 ? 32 : 128;
  int bits = width;
  if (slash != std::string::npos) {
    const auto given = text::parseInteger(entry.substr(slash + 1));
    if (!given || *given < 0 || *given > width) return false;
    bits = static_cast<int>(*given);
  }
  return within(address, *network, v4 ? bits + 96 : bits);
}

std::string withoutDot(std::string host) {
  while (!host.empty() && host.back() == '.')
    host.pop_back();
  return text::lower(host);
}

/// RFC 6761 6.3.
bool isLocalhost(const std::string& host) {
  const std::string name = withoutDot(host);
  return name == "localhost" || name.ends_with(".localhost");
}

}  // namespace

UriPolicy::UriPolicy(const std::vector<std::string>& allow) {
  for (const std::string& entry : allow) {
    const bool address = parseAddress(entry.substr(0, entry.find('/'))).has_value();
    (address ? networks_ : names_).push_back(entry);
  }
}

std::optional<std::string> UriPolicy::literalAddress(const std::string& host) {
  const std::string plain = withoutDot(host);
  if (const auto bytes = parseAddress(plain)) {
    char buffer[INET6_ADDRSTRLEN];
    const bool v4 = plain.find(':') == std::string::npos;
    inet_ntop(v4 ? AF_INET : AF_INET6, bytes->data() + (v4 ? 12 : 0), buffer, sizeof buffer);
    return buffer;
  }
  in_addr loose{};
  if (inet_aton(plain.c_str(), &loose) == 0) return std::nullopt;
  char buffer[INET_ADDRSTRLEN];
  inet_ntop(AF_INET, &loose, buffer, sizeof buffer);
  return buffer;
}

const char* UriPolicy::specialKind(const std::string& address) {
  const auto given = parseAddress(address);
  if (!given) return "unreadable";
  const char* kind = kindOf(unpacked(*given));
  if (kind || !isIsatap(*given)) return kind;
  return kindOf(mapped(given->data() + 12));
}

bool UriPolicy::allowsAddress(const std::string& address) const {
  const auto given = parseAddress(address);
  if (!given) return false;
  if (!specialKind(address)) return true;
  const Bytes plain = unpacked(*given);
  for (const std::string& network : networks_) {
    if (matchesNetwork(network, *given) || matchesNetwork(network, plain)) return true;
  }
  return false;
}

bool UriPolicy::isNetwork(const std::string& entry) {
  // Every network holds its own first address.
  const auto base = parseAddress(entry.substr(0, entry.find('/')));
  return base && matchesNetwork(entry, *base);
}

UriPolicy::Verdict UriPolicy::checkHost(const std::string& host) const {
  const std::string name = withoutDot(host);
  if (name.empty()) return Verdict::Forbidden;
  for (const std::string& pattern : names_) {
    if (text::matchesWildcard(withoutDot(pattern), name)) return Verdict::Allowed;
  }
  if (const auto literal = literalAddress(name)) {
    return allowsAddress(*literal) ? Verdict::Allowed : Verdict::Forbidden;
  }
  if (name == "metadata" || name == "metadata.google.internal" || name == "instance-data") {
    return Verdict::Forbidden;
  }
  return Verdict::Resolve;
}

std::optional<std::string> UriPolicy::alwaysRefused(const std::string& host) const {
  const Verdict verdict = checkHost(host);
  // The one name whose addresses are known, and one that is refused is enough.
  const bool refused =
      verdict == Verdict::Forbidden || (verdict == Verdict::Resolve && isLocalhost(host) &&
                                        !(allowsAddress("127.0.0.1") && allowsAddress("::1")));
  return refused ? std::optional(explain(host)) : std::nullopt;
}

std::string UriPolicy::explain(const std::string& hostOrAddress) {
  const auto literal = literalAddress(hostOrAddress);
  const char* kind = literal                      ? specialKind(*literal)
                     : isLocalhost(hostOrAddress) ? "loopback"
                                                  : "metadata";
  return hostOrAddress + " is a " + (kind ? kind : "forbidden") +
         " address; websocket.allow would have to name it";
}

}  // namespace launcher
