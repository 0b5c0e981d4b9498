// SPDX-License-Identifier: LGPL-2.1-or-later
#include "connect/Proxy.hpp"

#include "connect/Endpoint.hpp"
#include "connect/Http.hpp"

namespace wsbridge {

namespace {

constexpr const char* kForm = "proxy is not valid: give http://[user:password@]host:port";

std::string authority(const std::string& host, uint16_t port) {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::string hintOf(unsigned status) {
  if (status == 407) return ": check the user and password in proxy";
  if (status == 403) return ": it does not allow this endpoint";
  if (isTemporaryStatus(status)) return ": it does not reach the endpoint";
  return "";
}

}  // namespace

common::Result<Proxy> Proxy::parse(const std::string& uri) {
  g_autoptr(GUri) parsed =
      g_uri_parse(uri.c_str(), static_cast<GUriFlags>(G_URI_FLAGS_HAS_PASSWORD), nullptr);
  if (parsed == nullptr || g_ascii_strcasecmp(g_uri_get_scheme(parsed), "http") != 0)
    return common::Failure{std::string(kForm)};
  const char* host = g_uri_get_host(parsed);
  const int port = g_uri_get_port(parsed);
  if (host == nullptr || *host == '\0' || port <= 0) return common::Failure{std::string(kForm)};
  if (!common::WsUri::isHostText(host)) return common::Failure{std::string(kForm)};
  Proxy proxy;
  proxy.host = host;
  proxy.port = static_cast<uint16_t>(port);
  proxy.shown = authority(proxy.host, proxy.port);
  const char* password = g_uri_get_password(parsed);
  if (const char* user = g_uri_get_user(parsed))
    proxy.authorization = basicAuthorization(user, password != nullptr ? password : "");
  return proxy;
}

std::string connectText(const Proxy& proxy, const std::string& host, uint16_t port) {
  const std::string target = authority(host, port);
  std::string text = "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n";
  if (!proxy.authorization.empty()) text += "Proxy-Authorization: " + proxy.authorization + "\r\n";
  return text + "\r\n";
}

std::optional<Failure> readProxyAnswer(std::string_view head, const Proxy& proxy) {
  const auto answer = readHttpAnswer(head);
  const std::string who = "the proxy " + proxy.shown;
  if (!answer)
    return Failure{.kind = FailureKind::Handshake, .text = who + " does not answer in HTTP"};
  const unsigned status = answer->status;
  if (status >= 200 && status < 300) return std::nullopt;
  return Failure{.kind = FailureKind::Handshake,
                 .text = who + " answered " + std::to_string(status) + hintOf(status),
                 .http_status = status,
                 .temporary = isTemporaryStatus(status)};
}

}  // namespace wsbridge
