// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sip/stack/MessageCheck.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

#include <arpa/inet.h>

#include <sofia-sip/sip.h>
#include <sofia-sip/sip_header.h>

#include "base/Text.hpp"

namespace launcher {

namespace {

constexpr std::size_t kMaxHost = 255;

bool isHost(std::string_view host) {
  if (host.empty() || host.size() > kMaxHost) return false;
  if (host.front() == '[') {
    in6_addr address{};
    const std::string inner(host.substr(1, host.size() - 2));
    return host.back() == ']' && inet_pton(AF_INET6, inner.c_str(), &address) == 1;
  }
  return std::all_of(host.begin(), host.end(), [](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '-' || c == '_';
  });
}

bool areUsable(const sip_contact_t* contact) {
  for (; contact; contact = contact->m_next) {
    if (!isUsableTarget(contact->m_url)) return false;
  }
  return true;
}

bool areUsable(const sip_record_route_t* route) {
  for (; route; route = route->r_next) {
    if (!isUsableTarget(route->r_url)) return false;
  }
  return true;
}

/// Those whose Contact is no remote target.
bool leavesTargetAlone(sip_method_t method) {
  return method == sip_method_ack || method == sip_method_cancel || method == sip_method_bye ||
         method == sip_method_register;
}

}  // namespace

bool mayBeSip(unsigned char first) {
  // A token's characters, of which a method is made.
  if ((first >= 'A' && first <= 'Z') || (first >= 'a' && first <= 'z')) return true;
  if (first >= '0' && first <= '9') return true;
  return first != 0 && std::strchr("\r\n-.!%*_+`'~", first) != nullptr;
}

bool isUsableTarget(const url_t* url) {
  if (!url || (url->url_type != url_sip && url->url_type != url_sips) || !url->url_host) {
    return false;
  }
  if (!isHost(url->url_host)) return false;
  if (!url->url_port || !*url->url_port) return true;
  const auto port = text::parseInteger(url->url_port);
  return port && *port > 0 && *port <= 65535;
}

bool isAcceptableRequest(const sip_s* sip) {
  // The stack takes an empty one, and all calls without a name would be one.
  const char* callId = sip->sip_call_id ? sip->sip_call_id->i_id : nullptr;
  if (!callId || *callId == '\0' || std::strlen(callId) > kMaxCallId) return false;
  const sip_method_t method = sip->sip_request->rq_method;
  if (leavesTargetAlone(method)) return true;
  const bool beginsDialog = !sip->sip_to || !sip->sip_to->a_tag;
  if (method == sip_method_invite && beginsDialog && !sip->sip_contact) return false;
  return areUsable(sip->sip_contact) && areUsable(sip->sip_record_route);
}

void stripUnusableTargets(sip_s* sip, const std::vector<std::string>& redirectHosts) {
  const int status = sip->sip_status ? sip->sip_status->st_status : 0;
  const sip_contact_t* contact = sip->sip_contact;
  bool usable = areUsable(contact) && areUsable(sip->sip_record_route);
  if (usable && contact && status >= 300 && status < 400) {
    const std::string host = contact->m_url->url_host;
    usable = std::any_of(
        redirectHosts.begin(), redirectHosts.end(),
        [&host](const std::string& pattern) { return text::matchesWildcard(pattern, host); });
  }
  if (usable) return;
  sip->sip_contact = nullptr;
  sip->sip_record_route = nullptr;
}

}  // namespace launcher
