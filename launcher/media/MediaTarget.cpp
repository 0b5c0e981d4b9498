// SPDX-License-Identifier: LGPL-2.1-or-later
#include "media/MediaTarget.hpp"

#include <algorithm>
#include <optional>
#include <string_view>

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include "base/UriPolicy.hpp"

namespace launcher {

namespace {

/// What only the own host or the own network can reach.
enum class Reach { Everybody, Network, Host, Nobody };

Reach reachOf(const std::string& address) {
  const char* name = UriPolicy::specialKind(address);
  if (!name) return Reach::Everybody;
  const std::string_view kind = name;
  if (kind == "loopback") return Reach::Host;
  return kind == "private" || kind == "reserved" ? Reach::Network : Reach::Nobody;
}

std::string textOf(const sockaddr* address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address && address->sa_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, text, sizeof text);
  } else if (address && address->sa_family == AF_INET6) {
    inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr, text,
              sizeof text);
  }
  return text;
}

/// IPv4 in IPv6 as IPv4.
std::string plain(const std::string& address) {
  const std::string text = UriPolicy::literalAddress(address).value_or(address);
  constexpr const char* kMapped = "::ffff:";
  const bool mapped = text.starts_with(kMapped) && text.find('.') != std::string::npos;
  return mapped ? text.substr(std::string_view(kMapped).size()) : text;
}

/// Nothing: no address.
std::optional<int> familyOf(const std::string& address) {
  in6_addr parsed{};
  const std::string text = plain(address);
  if (inet_pton(AF_INET, text.c_str(), &parsed) == 1) return AF_INET;
  if (inet_pton(AF_INET6, text.c_str(), &parsed) == 1) return AF_INET6;
  return std::nullopt;
}

/// Loopback, or an address of one of our network interfaces.
bool isOwnAddress(const std::string& address) {
  if (reachOf(address) == Reach::Host) return true;
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) return false;
  bool found = false;
  for (const ifaddrs* one = all; one && !found; one = one->ifa_next)
    found = textOf(one->ifa_addr) == plain(address);
  freeifaddrs(all);
  return found;
}

}  // namespace

Aim aimOf(const std::string& announced, const std::string& signalling,
          const std::vector<std::string>& allow) {
  const Reach reach = reachOf(announced);
  if (reach == Reach::Nobody) return Aim::Never;
  if (reach == Reach::Everybody || UriPolicy(allow).allowsAddress(announced)) return Aim::AtOnce;
  // A peer on this host reaches all that the host does, one in a private network the others there.
  const Reach peer = reachOf(signalling);
  const bool near = peer == Reach::Host || peer == reach;
  return near ? Aim::AtOnce : Aim::OnceLatched;
}

bool canReach(const std::string& bound, const std::string& address) {
  const auto theirs = familyOf(address);
  const auto ours = familyOf(bound);
  // On all addresses of IPv6 a socket speaks IPv4 too.
  return theirs && (!ours || *ours == *theirs || bound == "::");
}

bool reachesSocket(const std::string& address, const std::vector<std::string>& bound) {
  return std::any_of(bound.begin(), bound.end(), [&address](const std::string& one) {
    const bool any = one == "0.0.0.0" || one == "::";
    return any ? isOwnAddress(address) : plain(address) == plain(one);
  });
}

}  // namespace launcher
