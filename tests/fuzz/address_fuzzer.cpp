// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Which addresses a call may reach: the verdict about any spelling of a host against another
// reader's opinion of the address. The first line is the host, the others are entries of an allow
// list.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <gio/gio.h>

#include "FuzzCheck.hpp"
#include "FuzzInput.hpp"
#include "base/Networks.hpp"
#include "base/UriPolicy.hpp"

namespace {

using fuzz::require;
using launcher::IpAddress;
using launcher::Networks;
using launcher::UriPolicy;

bool isSpecial(const std::string& address) {
  g_autoptr(GInetAddress) inet = g_inet_address_new_from_string(address.c_str());
  if (!inet) return true;
  return g_inet_address_get_is_any(inet) || g_inet_address_get_is_loopback(inet) ||
         g_inet_address_get_is_link_local(inet) || g_inet_address_get_is_site_local(inet) ||
         g_inet_address_get_is_multicast(inet);
}

void checkStrict(const std::string& host) {
  const UriPolicy policy({});
  const auto literal = UriPolicy::literalAddress(host);
  const auto verdict = policy.checkHost(host);
  (void)UriPolicy::explain(host);
  if (!literal) {
    require(verdict != UriPolicy::Verdict::Allowed, "no name is allowed before it is looked up");
    return;
  }
  require(UriPolicy::literalAddress(*literal) == literal, "the normal form is its own");
  require(verdict != UriPolicy::Verdict::Resolve, "an address is not looked up");
  const bool allowed = verdict == UriPolicy::Verdict::Allowed;
  require(allowed == policy.allowsAddress(*literal), "host and address are decided alike");
  require(!allowed || !isSpecial(*literal), "no special address is allowed");
}

void checkAddress(const std::string& text) {
  const auto address = IpAddress::parse(text);
  if (!address) return;
  require(IpAddress::parse(address->text()) == address, "an address reads back");
  require(address->source().source() == address->source(), "a source is its own");
  Networks own;
  require(own.add(address->text()) && own.contains(*address), "an address contains itself");
}

void checkEntry(const std::string& entry, const std::string& host) {
  Networks networks;
  const bool added = networks.add(entry);
  require(networks.empty() == !added, "an entry is added or is not");
  if (added) {
    const auto base = IpAddress::parse(entry.substr(0, entry.find('/')));
    require(base && networks.contains(*base), "a network contains its own address");
    require(UriPolicy::isNetwork(entry), "what is a network here is one there");
  }
  if (const auto address = IpAddress::parse(host)) (void)networks.contains(*address);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<std::string> lines = fuzz::Input(data, size).fields('\n');
  const std::string host = lines.front();
  lines.erase(lines.begin());
  checkStrict(host);
  checkAddress(host);
  for (const std::string& entry : lines)
    checkEntry(entry, host);
  const UriPolicy policy(lines);
  if (policy.checkHost(host) == UriPolicy::Verdict::Forbidden)
    require(UriPolicy({}).checkHost(host) == UriPolicy::Verdict::Forbidden,
            "an allow list forbids nothing");
  return 0;
}
