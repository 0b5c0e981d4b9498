// SPDX-License-Identifier: LGPL-2.1-or-later
#include "connection/Proxy.hpp"

#include <memory>

#include <libsoup/soup.h>

#include "connection/Endpoint.hpp"

namespace wsbridge {

namespace {

constexpr const char* kForm = "proxy is not valid: give http://[user:password@]host:port";

struct HeadersUnref {
  void operator()(SoupMessageHeaders* headers) const { soup_message_headers_unref(headers); }
};

std::string authority(const std::string& host, uint16_t port) {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::string hintOf(unsigned status) {
  if (status == 407) return ": check the user and password in proxy";
  if (status == 403) return ": it does not allow this endpoint";
  if (status == 502 || status == 503 || status == 504) return ": it does not reach the endpoint";
  return "";
}

}  // namespace

std::variant<Proxy, std::string> Proxy::parse(const std::string& uri) {
  g_autoptr(GUri) parsed =
      g_uri_parse(uri.c_str(), static_cast<GUriFlags>(G_URI_FLAGS_HAS_PASSWORD), nullptr);
  if (parsed == nullptr || g_ascii_strcasecmp(g_uri_get_scheme(parsed), "http") != 0)
    return std::string(kForm);
  const char* host = g_uri_get_host(parsed);
  const int port = g_uri_get_port(parsed);
  if (host == nullptr || *host == '\0' || port <= 0) return std::string(kForm);
  if (faultInHeader("Host", host)) return std::string(kForm);
  Proxy proxy;
  proxy.host = host;
  proxy.port = static_cast<uint16_t>(port);
  proxy.shown = authority(proxy.host, proxy.port);
  if (const char* user = g_uri_get_user(parsed)) {
    const char* password = g_uri_get_password(parsed);
    const std::string pair = std::string(user) + ":" + (password != nullptr ? password : "");
    g_autofree char* encoded =
        g_base64_encode(reinterpret_cast<const guchar*>(pair.data()), pair.size());
    proxy.authorization = std::string("Basic ") + encoded;
  }
  return proxy;
}

std::string connectText(const Proxy& proxy, const std::string& host, uint16_t port) {
  const std::string target = authority(host, port);
  std::string text = "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n";
  if (!proxy.authorization.empty()) text += "Proxy-Authorization: " + proxy.authorization + "\r\n";
  return text + "\r\n";
}

std::optional<Failure> readProxyAnswer(std::string_view head, const Proxy& proxy) {
  const std::unique_ptr<SoupMessageHeaders, HeadersUnref> headers(
      soup_message_headers_new(SOUP_MESSAGE_HEADERS_RESPONSE));
  SoupHTTPVersion version = SOUP_HTTP_1_1;
  guint status = 0;
  g_autofree char* phrase = nullptr;
  const std::string text(head.substr(0, head.size() >= 2 ? head.size() - 2 : 0));
  const std::string who = "the proxy " + proxy.shown;
  if (!soup_headers_parse_response(text.c_str(), static_cast<int>(text.size()), headers.get(),
                                   &version, &status, &phrase)) {
    return Failure{.kind = FailureKind::Handshake, .text = who + " does not answer in HTTP"};
  }
  if (status >= 200 && status < 300) return std::nullopt;
  return Failure{.kind = FailureKind::Handshake,
                 .text = who + " answered " + std::to_string(status) + hintOf(status),
                 .http_status = status,
                 .temporary = status == 502 || status == 503 || status == 504};
}

}  // namespace wsbridge
