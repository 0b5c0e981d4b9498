// SPDX-License-Identifier: LGPL-2.1-or-later
#include "call/EndpointUri.hpp"

#include <algorithm>
#include <array>

#include <glib.h>

#include "base/GPtr.hpp"
#include "base/Text.hpp"

namespace launcher {

namespace {

constexpr std::size_t kMaxUri = 2048;
constexpr std::size_t kMaxUris = 8;

bool startsUri(std::string_view text) {
  constexpr std::array kSchemes = {"ws://", "wss://", "http://", "https://"};
  const std::string start = text::lower(text::trim(text.substr(0, 32)));
  return std::any_of(kSchemes.begin(), kSchemes.end(),
                     [&](const char* scheme) { return start.starts_with(scheme); });
}

}  // namespace

std::variant<EndpointUri, std::string> parseEndpointUri(const std::string& given) {
  if (given.size() > kMaxUri) return "is longer than 2048 bytes";
  GError* error = nullptr;
  UriPtr parsed(g_uri_parse(given.c_str(),
                            static_cast<GUriFlags>(G_URI_FLAGS_ENCODED | G_URI_FLAGS_HAS_PASSWORD),
                            &error));
  if (!parsed) {
    ErrorPtr owned(error);
    return std::string("is not a URI");
  }
  const std::string scheme = text::lower(g_uri_get_scheme(parsed.get()));
  std::string target;
  if (scheme == "ws" || scheme == "http") target = "ws";
  if (scheme == "wss" || scheme == "https") target = "wss";
  if (target.empty()) return "has a scheme other than ws and wss";
  const char* host = g_uri_get_host(parsed.get());
  if (!host || !*host) return std::string("has no host");
  for (const char* p = host; *p; ++p) {
    if (static_cast<unsigned char>(*p) <= ' ' || *p == 0x7f) return "has a bad host";
  }
  // A colon, which may have come percent-encoded, stands in addresses only.
  const std::string name = host;
  const bool colon = name.find(':') != std::string::npos;
  if (colon && !g_hostname_is_ip_address(name.substr(0, name.find('%')).c_str()))
    return "has a bad host";
  const int port = g_uri_get_port(parsed.get());
  if (port == 0 || port > 65535) return "has a bad port";
  EndpointUri result;
  result.host = host;
  result.port = static_cast<std::uint16_t>(port > 0 ? port : (target == "ws" ? 80 : 443));
  const std::size_t rest = given.find(':');
  result.uri = target + given.substr(rest);
  return result;
}

std::vector<std::string> splitEndpointUris(std::string_view value) {
  std::vector<std::string> uris;
  std::size_t start = 0;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] != ',' || !startsUri(value.substr(i + 1))) continue;
    uris.push_back(text::trim(value.substr(start, i - start)));
    start = i + 1;
  }
  uris.push_back(text::trim(value.substr(start)));
  return uris;
}

std::variant<std::vector<EndpointUri>, std::string> parseEndpointUris(std::string_view value) {
  const std::vector<std::string> given = splitEndpointUris(value);
  if (given.size() > kMaxUris) return "names more than 8 endpoints";
  std::vector<EndpointUri> uris;
  for (const std::string& uri : given) {
    auto parsed = parseEndpointUri(uri);
    if (auto* fault = std::get_if<std::string>(&parsed)) {
      if (given.size() == 1) return std::move(*fault);
      return "at place " + std::to_string(uris.size() + 1) + " " + *fault;
    }
    uris.push_back(std::get<EndpointUri>(std::move(parsed)));
  }
  return uris;
}

}  // namespace launcher
