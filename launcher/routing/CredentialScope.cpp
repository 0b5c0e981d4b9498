// SPDX-License-Identifier: LGPL-2.1-or-later
#include "routing/CredentialScope.hpp"

#include <algorithm>

#include <glib.h>

#include "base/GPtr.hpp"
#include "base/Text.hpp"

namespace launcher {

namespace {

bool isPlain(const std::string& host) {
  return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
    return g_ascii_isalnum(c) || c == '-' || c == '_' || c == '.' || c == ':';
  });
}

bool isSet(const AuthorizationConfig& authorization) {
  return authorization.type != "fixed" || !authorization.value.empty();
}

bool hasUser(const std::string& proxy) {
  const UriPtr uri(g_uri_parse(proxy.c_str(), G_URI_FLAGS_NONE, nullptr));
  return uri && g_uri_get_userinfo(uri.get());
}

/// Without the brackets of IPv6 and the dot at the end of a full name.
std::string bare(const std::string& host) {
  std::string_view name = host;
  if (name.starts_with('[') && name.ends_with(']')) name = name.substr(1, name.size() - 2);
  if (name.ends_with('.')) name.remove_suffix(1);
  return std::string(name);
}

}  // namespace

bool namesHost(const std::vector<std::string>& patterns, const std::string& host) {
  const std::string name = bare(host);
  return isPlain(name) && std::any_of(patterns.begin(), patterns.end(), [&](const auto& pattern) {
           return text::matchesWildcard(bare(pattern), name);
         });
}

std::string credentialScope(const std::vector<EndpointUri>& endpoints) {
  std::string positions;
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    if (endpoints[i].getsCredentials)
      positions += (positions.empty() ? "" : ",") + std::to_string(i);
  }
  const auto count = std::count(positions.begin(), positions.end(), ',') + 1;
  if (positions.empty()) return "none";
  return static_cast<std::size_t>(count) == endpoints.size() ? "all" : positions;
}

std::string withheldCredentials(const Config& config, const BridgeRequest& bridge) {
  if (credentialScope(bridge.endpoints) == "all") return {};
  const Config::Websocket& ws = config.websocket;
  std::string keys;
  const auto add = [&keys](bool given, const char* key) {
    if (given) keys += (keys.empty() ? "" : ", ") + std::string(key);
  };
  add(!bridge.ownAuthorization && isSet(bridge.authorization), "authorization");
  add(!ws.signatureKey.empty(), "signature-key");
  add(bridge.dialect == "twilio" && !ws.twilioAuthToken.empty(), "twilio-auth-token");
  add(!ws.tlsCertFile.empty(), "tls-cert-file");
  add(hasUser(ws.proxy), "proxy");
  return keys;
}

}  // namespace launcher
