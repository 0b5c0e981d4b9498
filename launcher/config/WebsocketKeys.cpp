// SPDX-License-Identifier: LGPL-2.1-or-later
#include "config/WebsocketKeys.hpp"

#include "base/EndpointUri.hpp"
#include "base/GPtr.hpp"
#include "base/Text.hpp"
#include "common/ContentType.hpp"
#include "common/CustomHeaders.hpp"
#include "common/DialectInfo.hpp"
#include "common/TwilioSid.hpp"
#include "config/AuthorizationKeys.hpp"
#include "config/KeyMakers.hpp"

namespace launcher {

using namespace keys;

namespace {

std::string applyUri(std::string& target, const std::string& value) {
  if (!value.empty()) {
    if (const auto parsed = parseEndpointUris(value); !parsed) return parsed.error();
  }
  target = value;
  return {};
}

std::string applyHeaders(std::string& target, const std::string& value) {
  if (!value.empty()) {
    if (const auto fault = wsbridge::common::faultInCustomHeaders(value)) return "is " + *fault;
  }
  target = value;
  return {};
}

std::string applyContentType(std::string& target, const std::string& value) {
  const auto type = wsbridge::common::ContentType::parse(value);
  if (!value.empty() && !type)
    return "'" + value + "' is not " + wsbridge::common::ContentType::kSupported;
  target = type ? type->text() : value;
  return {};
}

std::string oneOfDialects() {
  return "one of " + wsbridge::common::dialectNames();
}

std::string applyDialect(std::string& target, const std::string& value) {
  if (!value.empty() && !wsbridge::common::findDialect(value))
    return "'" + value + "' is none of " + wsbridge::common::dialectNames();
  target = value;
  return {};
}

/// The fault repeats nothing of the value: there may be a password in it.
std::string applyProxy(Config& config, const std::string& value) {
  config.websocket.proxy = value;
  if (value.empty()) return {};
  const UriPtr uri(g_uri_parse(value.c_str(), G_URI_FLAGS_HAS_PASSWORD, nullptr));
  const bool usable = uri && text::lower(g_uri_get_scheme(uri.get())) == "http" &&
                      g_uri_get_host(uri.get()) && *g_uri_get_host(uri.get()) &&
                      g_uri_get_port(uri.get()) > 0;
  return usable ? "" : "is not http://[user:password@]host:port";
}

std::string applyNameServers(Config& config, const std::string& value) {
  config.websocket.nameServers.clear();
  for (const std::string& entry : text::splitList(value, ";,")) {
    const bool bracketed = entry.starts_with('[');
    const std::size_t end = bracketed ? entry.find(']') : entry.find(':');
    const std::string host = bracketed ? entry.substr(1, end == std::string::npos ? end : end - 1)
                                       : entry.substr(0, end);
    const std::string rest =
        end == std::string::npos ? "" : entry.substr(bracketed ? end + 1 : end);
    const std::int64_t port =
        rest.starts_with(':') ? text::parseInteger(rest.substr(1)).value_or(0) : 0;
    const bool family = bracketed ? end != std::string::npos && host.find(':') != std::string::npos
                                  : host.find(':') == std::string::npos;
    if (!family || !g_hostname_is_ip_address(host.c_str()) ||
        (!rest.empty() && (port < 1 || port > 65535))) {
      return "'" + entry + "' is not ADDR or ADDR:PORT, an IPv6 address in brackets";
    }
    config.websocket.nameServers += (config.websocket.nameServers.empty() ? "" : ",") + entry;
  }
  return {};
}

std::string applyMatch(Route& route, const std::string& value) {
  GError* error = nullptr;
  GRegex* regex =
      g_regex_new(value.c_str(), G_REGEX_OPTIMIZE, static_cast<GRegexMatchFlags>(0), &error);
  if (!regex) {
    std::string fault = std::string("is not a regular expression: ") + error->message;
    g_error_free(error);
    return fault;
  }
  g_regex_unref(regex);
  // The limit of the library lets one URI take a second and more of the thread that all calls
  // share.
  const std::string bounded = "(*LIMIT_MATCH=500000)" + value;
  regex = g_regex_new(bounded.c_str(), G_REGEX_OPTIMIZE, static_cast<GRegexMatchFlags>(0), nullptr);
  if (!regex) return "is not a regular expression that can be bounded";
  route.match = value;
  route.regex = std::shared_ptr<GRegex>(regex, g_regex_unref);
  return {};
}

}  // namespace

std::vector<ConfigKey> websocketKeys() {
  std::vector<ConfigKey> keys = {
      custom("websocket.uri", "ws:// or wss:// URIs, comma separated", "",
             "endpoint of calls whose INVITE and route name none; further ones are tried in order",
             [](Config& c, const std::string& v) { return applyUri(c.websocket.uri, v); }),
      custom("websocket.content-type", "audio/l16;rate=N, audio/pcmu or audio/pcma",
             "audio/l16;rate=16000",
             "audio format towards the endpoint, N is 8000, 16000, 24000, 32000 or 48000; G.711 "
             "for dialects that know it",
             [](Config& c, const std::string& v) {
               if (v.empty()) return std::string("must not be empty");
               return applyContentType(c.websocket.contentType, v);
             }),
      custom("websocket.headers", "JSON object, at most 8 KiB", "",
             "custom keys of the first message when the INVITE has none",
             [](Config& c, const std::string& v) { return applyHeaders(c.websocket.headers, v); }),
      custom("websocket.dialect", oneOfDialects(), "wsbridge", "how audio and events are written",
             [](Config& c, const std::string& v) {
               if (v.empty()) return std::string("must not be empty");
               return applyDialect(c.websocket.dialect, v);
             }),
      ConfigKey{"websocket.proxy", "http://[user:password@]host:port", "",
                "HTTP proxy to connect through with CONNECT; never logged", false, true,
                applyProxy},
      custom("websocket.name-servers", "list of ADDR or ADDR:PORT, IPv6 in brackets", "",
             "name servers that endpoints are looked up with; empty: those of /etc/resolv.conf",
             applyNameServers, true),
      plain(
          "websocket.signature-key", "text", "",
          "the handshake's method, URL and time are signed with it (X-Wsbridge-Signature); never "
          "logged",
          [](Config & c) -> auto& { return c.websocket.signatureKey; }, false, true),
      ConfigKey{
          "websocket.twilio-auth-token", "text", "",
          "dialect twilio: signs the handshake (X-Twilio-Signature), password of the calls API; "
          "never logged",
          false, true,
          [](Config& c, const std::string& v) {
            c.websocket.twilioAuthToken = v;
            return std::string();
          }},
      custom("websocket.twilio-account-sid", "AC and 32 hexadecimal digits", "",
             "dialect twilio: accountSid of the calls; empty takes one of the gateway's own",
             [](Config& c, const std::string& v) {
               c.websocket.twilioAccountSid = v;
               const bool right = v.empty() || wsbridge::common::isTwilioSid("AC", v);
               return right ? std::string() : "'" + v + "' is not AC and 32 of 0-9 and a-f";
             }),
      plain(
          "websocket.subprotocols", "list", "WSBRIDGE",
          "offered in Sec-WebSocket-Protocol; empty offers none",
          [](Config & c) -> auto& { return c.websocket.subprotocols; }),
      number(
          "websocket.connect-timeout", "ms", 1, 600000, 6000,
          "from name resolution to the answered handshake, all endpoints and retries together",
          [](Config & c) -> auto& { return c.websocket.connectTimeout; }),
      number(
          "websocket.connect-retries", "", 0, 1000, 0,
          "how often endpoints that cannot be reached for the moment are tried again",
          [](Config & c) -> auto& { return c.websocket.connectRetries; }),
      number(
          "websocket.reconnect-time", "ms", 0, 600000, 0,
          "how long to try again when the WebSocket breaks in mid-call; 0: the break ends the call",
          [](Config & c) -> auto& { return c.websocket.reconnectTime; }),
      number(
          "websocket.max-control-rate", "messages/s", 0, 1000000, 200,
          "control messages that an endpoint may send for ever, half a minute's worth at once; "
          "what "
          "is more is read later, and after 10 s of it the WebSocket is closed (1008); 0: no limit",
          [](Config & c) -> auto& { return c.websocket.maxControlRate; }),
      boolean(
          "websocket.tls-verify", true, "check the endpoint's certificate",
          [](Config & c) -> auto& { return c.websocket.tlsVerify; }),
      choice("websocket.tls-min-version", {"1.2", "1.3"}, "1.2",
             "the oldest TLS that is spoken with an endpoint",
             [](Config& c, std::size_t i) { c.websocket.tlsMinVersion = i == 0 ? "1.2" : "1.3"; }),
      file(
          "websocket.tls-ca-file",
          "PEM file of the certificate authorities to trust; empty takes the system's",
          [](Config & c) -> auto& { return c.websocket.tlsCaFile; }),
      file(
          "websocket.tls-cert-file", "client certificate, PEM",
          [](Config & c) -> auto& { return c.websocket.tlsCertFile; }),
      file(
          "websocket.tls-key-file", "key of the client certificate, PEM",
          [](Config & c) -> auto& { return c.websocket.tlsKeyFile; }),
      number(
          "websocket.ping-interval", "s", 0, 3600, 20, "WebSocket ping; 0 sends none",
          [](Config & c) -> auto& { return c.websocket.pingInterval; }),
      number(
          "websocket.pong-timeout", "s", 0, 3600, 10,
          "nothing received for this long after a ping ends the call; 0 waits for ever",
          [](Config & c) -> auto& { return c.websocket.pongTimeout; }),
      custom(
          "websocket.allow", "list of hosts, *.wildcards and CIDR networks", "",
          "loopback, link-local, private and metadata addresses that calls may reach all the same",
          [](Config& c, const std::string& v) {
            c.websocket.allow = text::splitList(v, ";,");
            return std::string();
          }),
      custom("websocket.credentials-for", "list of hosts and *.wildcards", "",
             "hosts of an INVITE's own URI that get the credentials of the configuration too",
             [](Config& c, const std::string& v) {
               c.websocket.credentialsFor = text::splitList(v, ";,");
               return std::string();
             }),
      choice("websocket.on-close", {"drain", "hangup"}, "drain",
             "when the endpoint closes: play what is queued and hang up then, or at once",
             [](Config& c, std::size_t i) {
               c.websocket.onClose = i == 0 ? OnClose::Drain : OnClose::Hangup;
             }),
  };
  for (ConfigKey& key : keys) {
    if (key.name == "websocket.headers") key.hidden = true;
  }
  for (const AuthorizationKey& row : authorizationKeys()) {
    keys.push_back({"websocket." + row.name, row.type, row.fallback, row.help, false, row.secret,
                    [apply = row.apply](Config& c, const std::string& v) {
                      return apply(c.websocket.authorization, v);
                    },
                    row.hidden});
  }
  return keys;
}

std::span<const RouteKey> routeKeys() {
  static const std::vector<RouteKey> keys = [] {
    std::vector<RouteKey> all = {
        {"match", "regular expression",
         "matched against the request URI; the first route in the file that matches is taken",
         false, applyMatch},
        {"uri", "ws:// or wss:// URIs, comma separated", "endpoint, and those to try when it fails",
         false, [](Route& r, const std::string& v) { return applyUri(r.uri, v); }},
        {"headers", "JSON object, at most 8 KiB", "custom keys of the first message", false,
         [](Route& r, const std::string& v) { return applyHeaders(r.headers, v); }, true},
        {"content-type", "audio/l16;rate=N, audio/pcmu or audio/pcma",
         "audio format towards the endpoint", false,
         [](Route& r, const std::string& v) { return applyContentType(r.contentType, v); }},
        {"dialect", oneOfDialects(), "how audio and events are written", false,
         [](Route& r, const std::string& v) { return applyDialect(r.dialect, v); }},
        {"force", "true or false",
         "true: wins over the INVITE's headers; false: fills in what the INVITE lacks", false,
         [](Route& r, const std::string& v) -> std::string {
           if (v != "true" && v != "false") return "'" + v + "' is neither true nor false";
           r.force = v == "true";
           return {};
         }},
    };
    for (const AuthorizationKey& row : authorizationKeys()) {
      all.push_back({row.name, row.type, row.help, row.secret,
                     [apply = row.apply](Route& r, const std::string& v) {
                       return apply(r.authorization, v);
                     },
                     row.hidden});
    }
    return all;
  }();
  return keys;
}

}  // namespace launcher
