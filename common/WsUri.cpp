// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/WsUri.hpp"

#include <algorithm>
#include <memory>
#include <string_view>

#include <glib.h>

namespace wsbridge::common {

namespace {

constexpr int kPlainPort = 80;
constexpr int kTlsPort = 443;

struct UriUnref {
  void operator()(GUri* uri) const { g_uri_unref(uri); }
};

bool isControlOrSpace(unsigned char c) {
  return c <= 0x20 || c == 0x7F;
}

std::string orEmpty(const char* text) {
  return text != nullptr ? text : "";
}

}  // namespace

std::variant<WsUri, std::string> WsUri::parse(const std::string& uri) {
  // GLib lets these pass in places, and they must never reach a request line.
  if (std::any_of(uri.begin(), uri.end(), isControlOrSpace))
    return "has white space or a control character: write it percent-encoded";
  constexpr auto kFlags =
      static_cast<GUriFlags>(G_URI_FLAGS_HAS_PASSWORD | G_URI_FLAGS_ENCODED_PATH |
                             G_URI_FLAGS_ENCODED_QUERY | G_URI_FLAGS_SCHEME_NORMALIZE);
  // Without an error: GLib's own words would repeat parts of the URI.
  const std::unique_ptr<GUri, UriUnref> parsed(g_uri_parse(uri.c_str(), kFlags, nullptr));
  if (!parsed) return "is not valid: give ws://host[:port]/path";
  const std::string_view scheme(g_uri_get_scheme(parsed.get()));
  WsUri result;
  result.tls = scheme == "wss" || scheme == "https";
  if (!result.tls && scheme != "ws" && scheme != "http")
    return "has the scheme \"" + std::string(scheme) + "\": give ws, wss, http or https";
  result.host = orEmpty(g_uri_get_host(parsed.get()));
  if (result.host.empty()) return "has no host: give ws://host[:port]/path";
  if (!isHostText(result.host)) return "has a host with characters that no host name has";
  const int port = g_uri_get_port(parsed.get());
  if (port == 0 || port > 65535) return "has a port outside 1–65535";
  result.port = static_cast<std::uint16_t>(port > 0 ? port : result.tls ? kTlsPort : kPlainPort);
  result.path = orEmpty(g_uri_get_path(parsed.get()));
  if (result.path.empty()) result.path = "/";
  if (const char* query = g_uri_get_query(parsed.get())) result.query = query;
  if (const char* user = g_uri_get_user(parsed.get()))
    result.user = User{user, orEmpty(g_uri_get_password(parsed.get()))};
  result.text = (result.tls ? "wss" : "ws") + uri.substr(uri.find(':'));
  return result;
}

std::string WsUri::hostHeader() const {
  std::string header = host.find(':') != std::string::npos ? "[" + host + "]" : host;
  if (port != (tls ? kTlsPort : kPlainPort)) header += ":" + std::to_string(port);
  return header;
}

bool WsUri::isHostText(const std::string& host) {
  // A colon, which may have come percent-encoded, stands in addresses only.
  const bool colon = host.find(':') != std::string::npos;
  if (colon && g_hostname_is_ip_address(host.substr(0, host.find('%')).c_str()) == FALSE)
    return false;
  return host.find_first_of("/?#@[]\\\"<>") == std::string::npos &&
         std::none_of(host.begin(), host.end(), isControlOrSpace);
}

}  // namespace wsbridge::common
