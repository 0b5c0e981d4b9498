// SPDX-License-Identifier: LGPL-2.1-or-later
#include "connect/Endpoint.hpp"

#include <algorithm>
#include <array>

#include "connect/Encoding.hpp"
#include "connect/Http.hpp"

namespace wsbridge {

using common::WsUri;

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

common::Failure<Failure> handshakeFailure(const std::string& text, unsigned status) {
  return {Failure{.kind = FailureKind::Handshake,
                  .text = text,
                  .http_status = status,
                  .temporary = isTemporaryStatus(status)}};
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

common::Result<Endpoint> Endpoint::parse(const std::string& uri) {
  auto parsed = WsUri::parse(uri);
  if (const auto* fault = std::get_if<std::string>(&parsed))
    return common::Failure{"uri " + *fault};
  Endpoint endpoint;
  static_cast<WsUri&>(endpoint) = std::get<WsUri>(std::move(parsed));
  endpoint.target = endpoint.path + (endpoint.query ? "?" + *endpoint.query : "");
  endpoint.shown = (endpoint.tls ? "wss://" : "ws://") + endpoint.hostHeader() + endpoint.path;
  if (endpoint.user)
    endpoint.authorization = basicAuthorization(endpoint.user->name, endpoint.user->password);
  return endpoint;
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

common::Result<HandshakeAnswer, Failure> readHandshakeAnswer(std::string_view head,
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
