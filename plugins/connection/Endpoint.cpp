// SPDX-License-Identifier: LGPL-2.1-or-later
#include "connection/Endpoint.hpp"

#include <algorithm>
#include <array>

#include "connection/Encoding.hpp"
#include "connection/Http.hpp"

namespace wsbridge {

namespace {

constexpr std::string_view kAcceptGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

std::string acceptKey(const std::string& key) {
  g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA1);
  const std::string whole = key + std::string(kAcceptGuid);
  g_checksum_update(checksum, reinterpret_cast<const guchar*>(whole.data()),
                    static_cast<gssize>(whole.size()));
  std::array<guint8, 20> digest{};
  gsize size = digest.size();
  g_checksum_get_digest(checksum, digest.data(), &size);
  return base64(digest);
}

Failure handshakeFailure(const std::string& text, unsigned status) {
  return Failure{.kind = FailureKind::Handshake,
                 .text = text,
                 .http_status = status,
                 .temporary = isTemporaryStatus(status)};
}

std::string statusHint(unsigned status) {
  switch (status) {
    case 401:
    case 403:
    case 407:
      return ": check the authorization given to the endpoint";
    case 404:
    case 410:
      return ": check the path of the URI";
    case 200:
      return ": this is an HTTP page, not a WebSocket";
    default:
      break;
  }
  if (status >= 300 && status < 400) return ": redirects are not followed, give the final URI";
  return "";
}

bool equalsFolded(const char* value, const char* wanted) {
  return value != nullptr && g_ascii_strcasecmp(value, wanted) == 0;
}

}  // namespace

std::variant<Endpoint, std::string> Endpoint::parse(const std::string& uri) {
  // GLib lets these pass in places, and they must never reach a request line.
  if (std::any_of(uri.begin(), uri.end(), [](unsigned char c) { return c <= 0x20 || c == 0x7F; })) {
    return std::string("uri has white space or a control character: write it percent-encoded");
  }
  g_autoptr(GError) error = nullptr;
  constexpr auto kFlags =
      static_cast<GUriFlags>(G_URI_FLAGS_HAS_PASSWORD | G_URI_FLAGS_ENCODED_PATH |
                             G_URI_FLAGS_ENCODED_QUERY | G_URI_FLAGS_SCHEME_NORMALIZE);
  g_autoptr(GUri) parsed = g_uri_parse(uri.c_str(), kFlags, &error);
  // GLib's own words would repeat parts of the URI, which may be a password.
  if (parsed == nullptr) return std::string("uri is not valid: give ws://host[:port]/path");
  const std::string_view scheme(g_uri_get_scheme(parsed));
  Endpoint endpoint;
  if (scheme == "wss" || scheme == "https") {
    endpoint.tls = true;
  } else if (scheme != "ws" && scheme != "http") {
    return "uri has the scheme \"" + std::string(scheme) + "\": give ws, wss, http or https";
  }
  const char* host = g_uri_get_host(parsed);
  if (host == nullptr || *host == '\0')
    return std::string("uri has no host: give ws://host[:port]/path");
  endpoint.host = host;
  // Percent-encoding is undone in a host: it must not bring back what a request line cannot hold.
  if (!isHostText(endpoint.host)) {
    return std::string("uri has a host with characters that no host name has");
  }
  const int port = g_uri_get_port(parsed);
  endpoint.port = static_cast<uint16_t>(port > 0 ? port : endpoint.tls ? 443 : 80);
  endpoint.target = *g_uri_get_path(parsed) == '\0' ? "/" : g_uri_get_path(parsed);
  endpoint.shown =
      std::string(endpoint.tls ? "wss://" : "ws://") + endpoint.hostHeader() + endpoint.target;
  if (const char* query = g_uri_get_query(parsed)) endpoint.target += std::string("?") + query;
  endpoint.authorization = basicAuthorizationOf(parsed);
  return endpoint;
}

std::string Endpoint::hostHeader() const {
  std::string text = host.find(':') != std::string::npos ? "[" + host + "]" : host;
  if (port != (tls ? 443 : 80)) text += ":" + std::to_string(port);
  return text;
}

std::string Endpoint::url() const {
  return (tls ? "wss://" : "ws://") + hostHeader() + target;
}

std::string makeHandshakeKey() {
  std::array<guint32, 4> raw{};
  std::generate(raw.begin(), raw.end(), g_random_int);
  return base64({reinterpret_cast<const uint8_t*>(raw.data()), sizeof raw});
}

std::string handshakeText(const Endpoint& endpoint, const HandshakeRequest& request,
                          const std::string& key) {
  std::string text = "GET " + endpoint.target + " HTTP/1.1\r\nHost: " + endpoint.hostHeader() +
                     "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: " + key +
                     "\r\nSec-WebSocket-Version: 13\r\n";
  if (!request.subprotocols.empty()) {
    text += "Sec-WebSocket-Protocol: ";
    for (size_t i = 0; i < request.subprotocols.size(); ++i) {
      text += (i > 0 ? ", " : "") + request.subprotocols[i];
    }
    text += "\r\n";
  }
  const std::string& authorization =
      request.authorization.empty() ? endpoint.authorization : request.authorization;
  if (!authorization.empty()) text += "Authorization: " + authorization + "\r\n";
  for (const auto& [name, value] : request.extra_headers) {
    text.append(name).append(": ").append(value).append("\r\n");
  }
  return text + "\r\n";
}

std::variant<HandshakeAnswer, Failure> readHandshakeAnswer(std::string_view head,
                                                           const HandshakeRequest& request,
                                                           const std::string& key) {
  const auto http = readHttpAnswer(head);
  if (!http) {
    return handshakeFailure(
        "the endpoint's answer is not HTTP: is there a WebSocket server behind this URI?", 0);
  }
  const auto& [status, headers] = *http;
  if (status != SOUP_STATUS_SWITCHING_PROTOCOLS) {
    return handshakeFailure("the endpoint answered " + std::to_string(status) + statusHint(status),
                            status);
  }
  if (!equalsFolded(soup_message_headers_get_one(headers.get(), "Upgrade"), "websocket") ||
      !soup_message_headers_header_contains(headers.get(), "Connection", "Upgrade")) {
    return handshakeFailure("the endpoint's 101 does not upgrade to a WebSocket", status);
  }
  const char* accept = soup_message_headers_get_one(headers.get(), "Sec-WebSocket-Accept");
  if (accept == nullptr || acceptKey(key) != accept) {
    return handshakeFailure("the endpoint's Sec-WebSocket-Accept does not fit our key", status);
  }
  if (soup_message_headers_get_one(headers.get(), "Sec-WebSocket-Extensions") != nullptr) {
    return handshakeFailure("the endpoint selected an extension although none was offered", status);
  }
  HandshakeAnswer answer;
  if (const char* selected =
          soup_message_headers_get_one(headers.get(), "Sec-WebSocket-Protocol")) {
    answer.subprotocol = selected;
    const auto& offered = request.subprotocols;
    if (std::find(offered.begin(), offered.end(), answer.subprotocol) == offered.end()) {
      return handshakeFailure(
          "the endpoint selected a subprotocol that was not offered: set subprotocols", status);
    }
  }
  return answer;
}

bool isHostText(const std::string& host) {
  // A colon, which may have come percent-encoded, stands in addresses only.
  const bool colon = host.find(':') != std::string::npos;
  if (colon && g_hostname_is_ip_address(host.substr(0, host.find('%')).c_str()) == FALSE)
    return false;
  return host.find_first_of("/?#@[]\\ \t\"<>") == std::string::npos && !faultInHeader("Host", host);
}

std::optional<std::string> faultInHeader(const std::string& name, const std::string& value) {
  if (name.empty()) return "a header without a name";
  for (const char c : name) {
    if (!g_ascii_isalnum(c) &&
        std::string_view("!#$%&'*+-.^_`|~").find(c) == std::string_view::npos) {
      return "header name with a character that HTTP does not allow";
    }
  }
  for (const char c : value) {
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F) {
      return "value of header " + name + " has a control character";
    }
  }
  return std::nullopt;
}

}  // namespace wsbridge
