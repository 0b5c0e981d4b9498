// SPDX-License-Identifier: LGPL-2.1-or-later
#include "config/ConfigKeys.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <gio/gio.h>

#include "base/Text.hpp"
#include "call/Routing.hpp"
#include "config/KeyMakers.hpp"
#include "call/TwilioSids.hpp"

namespace launcher {

namespace {

using namespace keys;

std::string applyListen(Config& config, const std::string& value) {
  config.sip.listen.clear();
  for (const std::string& entry : text::splitList(value, ";,")) {
    ListenAddress address;
    HostPort where;
    if (entry.starts_with("udp:")) {
      address.udp = true;
    } else if (entry.starts_with("tcp:")) {
      address.udp = false;
    } else {
      return "'" + entry + "' does not start with udp: or tcp:";
    }
    if (std::string fault = parseHostPort(entry.substr(4), where); !fault.empty()) return fault;
    if (!g_hostname_is_ip_address(where.host.c_str())) {
      return "'" + where.host + "' is not an IP address";
    }
    address.host = where.host;
    address.port = where.port;
    config.sip.listen.push_back(address);
  }
  return config.sip.listen.empty() ? "names no address" : "";
}

std::string applyAddress(std::string& target, const std::string& value, bool autoAllowed) {
  const bool word = value.empty() || (autoAllowed && value == "auto");
  if (!word && !g_hostname_is_ip_address(value.c_str())) {
    return "'" + value + "' is not an IP address";
  }
  target = value;
  return {};
}

std::string applyPortRange(Config& config, const std::string& value) {
  const std::size_t dash = value.find('-');
  const auto first = text::parseInteger(text::trim(value.substr(0, dash)));
  const auto last =
      dash == std::string::npos ? first : text::parseInteger(text::trim(value.substr(dash + 1)));
  if (dash == std::string::npos || !first || !last) return "'" + value + "' is not FIRST-LAST";
  if (*first < 1024 || *last > 65535 || *last < *first + 1) {
    return "'" + value + "' needs 1024 <= FIRST < LAST <= 65535";
  }
  config.rtp.portRange = {static_cast<std::uint16_t>(*first), static_cast<std::uint16_t>(*last)};
  return {};
}

std::string applyCodecs(Config& config, const std::string& value) {
  config.rtp.codecs.clear();
  for (const std::string& name : text::splitList(value, ";,")) {
    const Codec* codec = findCodec(name);
    if (!codec) return "'" + name + "' is none of L16/16000, L16/8000, PCMU, PCMA";
    if (std::count(config.rtp.codecs.begin(), config.rtp.codecs.end(), codec)) {
      return "'" + name + "' stands there twice";
    }
    config.rtp.codecs.push_back(codec);
  }
  return config.rtp.codecs.empty() ? "names no codec" : "";
}

std::string applyUri(std::string& target, const std::string& value) {
  if (!value.empty()) {
    const auto parsed = parseEndpointUris(value);
    if (const auto* fault = std::get_if<std::string>(&parsed)) return *fault;
  }
  target = value;
  return {};
}

std::string applyHeaders(std::string& target, const std::string& value) {
  if (!value.empty()) {
    if (const auto fault = headersFault(value)) return *fault;
  }
  target = value;
  return {};
}

std::string applyContentType(std::string& target, const std::string& value) {
  if (!value.empty() && !normalContentType(value)) {
    return "'" + value +
           "' is not audio/l16;rate= with 8000, 16000, 24000, 32000 or 48000, audio/pcmu or "
           "audio/pcma";
  }
  target = value.empty() ? value : *normalContentType(value);
  return {};
}

std::string applyDialect(std::string& target, const std::string& value) {
  if (!value.empty() && !isDialect(value)) return "'" + value + "' is none of " LAUNCHER_DIALECTS;
  target = value;
  return {};
}

std::string applyAuthorization(std::string& target, const std::string& value) {
  if (value.find_first_of("\r\n") != std::string::npos) return "has a line end in it";
  target = value;
  return {};
}

/// An IP address with a port, or nothing.
std::string applyServer(std::vector<HostPort>& target, const std::string& value) {
  target.clear();
  if (value.empty()) return {};
  HostPort where;
  if (std::string fault = parseHostPort(value, where); !fault.empty()) return fault;
  if (!g_hostname_is_ip_address(where.host.c_str())) {
    return "'" + where.host + "' is not an IP address";
  }
  target.push_back(where);
  return {};
}

std::vector<ConfigKey> buildSipAndRtp() {
  return {
      custom("sip.listen", "list of udp:ADDR:PORT and tcp:ADDR:PORT",
             "udp:0.0.0.0:5060;tcp:0.0.0.0:5060", "where SIP is heard; port 0 takes any free port",
             applyListen, true),
      custom(
          "sip.public-address", "IP address", "",
          "address written into Contact instead of the local one",
          [](Config& c, const std::string& v) {
            return applyAddress(c.sip.publicAddress, v, false);
          },
          true),
      choice("sip.transfer", {"allow", "forbid"}, "allow", "whether endpoints may transfer callers",
             [](Config& c, std::size_t i) { c.sip.transfer = i == 0; }),
      custom(
          "sip.transfer-allow", "list of hosts, *.wildcards and tel:", "",
          "hosts that callers may be transferred to, with tel: for all tel: URIs; empty: anywhere",
          [](Config& c, const std::string& v) {
            c.sip.transferAllow = text::splitList(v, ";,");
            return std::string();
          }),
      number(
          "sip.transfer-timeout", "s", 1, 3600, 60,
          "a transfer that the caller has accepted and tells nothing of is given up after this",
          [](Config & c) -> auto& { return c.sip.transferTimeout; }),
      choice("sip.message-method", {"message", "info"}, "message",
             "SIP method that carries the endpoint's messages to the caller",
             [](Config& c, std::size_t i) {
               c.sip.messageMethod = i == 0 ? MessageMethod::Message : MessageMethod::Info;
             }),
      custom("rtp.address", "IP address or auto", "auto",
             "local address of the RTP sockets; auto takes the one that SIP was heard on",
             [](Config& c, const std::string& v) { return applyAddress(c.rtp.address, v, true); }),
      custom("rtp.public-address", "IP address", "",
             "address written into the SDP instead of the local one",
             [](Config& c, const std::string& v) {
               return applyAddress(c.rtp.publicAddress, v, false);
             }),
      custom("rtp.port-range", "FIRST-LAST, 1024–65535", "20000-29999",
             "UDP ports for RTP and RTCP, two for each call", applyPortRange, true),
      custom("rtp.codecs", "list of L16/16000, L16/8000, PCMU, PCMA",
             "L16/16000;PCMU;PCMA;L16/8000", "codecs, the preferred first", applyCodecs),
      number(
          "rtp.ptime", "ms", 10, 60, 20, "packet time when the offer names none",
          [](Config & c) -> auto& { return c.rtp.ptime; }),
      number(
          "rtp.jitter-wait", "ms", 0, 1000, 60,
          "how long a missing packet is waited for before it counts as lost",
          [](Config & c) -> auto& { return c.rtp.jitterWait; }),
  };
}

std::vector<ConfigKey> buildWebsocket() {
  return {
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
      custom("websocket.dialect", "one of " LAUNCHER_DIALECTS, "wsbridge",
             "how audio and events are written",
             [](Config& c, const std::string& v) {
               if (v.empty()) return std::string("must not be empty");
               return applyDialect(c.websocket.dialect, v);
             }),
      ConfigKey{"websocket.authorization", "text", "",
                "value of the Authorization header of the handshake; never logged", false, true,
                [](Config& c, const std::string& v) {
                  return applyAuthorization(c.websocket.authorization, v);
                }},
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
               const bool right = v.empty() || isTwilioSid("AC", v);
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
      boolean(
          "websocket.tls-verify", true, "check the endpoint's certificate",
          [](Config & c) -> auto& { return c.websocket.tlsVerify; }),
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
      choice("websocket.on-close", {"drain", "hangup"}, "drain",
             "when the endpoint closes: play what is queued and hang up then, or at once",
             [](Config& c, std::size_t i) {
               c.websocket.onClose = i == 0 ? OnClose::Drain : OnClose::Hangup;
             }),
  };
}

std::vector<ConfigKey> buildAudioAndMedia() {
  return {
      choice("audio.fallback", {"comfort-noise", "silence", "none"}, "comfort-noise",
             "what the caller hears while the endpoint sends nothing",
             [](Config& c, std::size_t i) {
               c.audio.fallback = std::vector{"comfort-noise", "silence", "none"}[i];
             }),
      number(
          "audio.noise-level", "dBov", -127, 0, -65, "level of the comfort noise",
          [](Config & c) -> auto& { return c.audio.noiseLevel; }),
      number(
          "audio.max-playout", "ms", 20, 3600000, 60000,
          "audio buffered for the caller before reading from the endpoint stops",
          [](Config & c) -> auto& { return c.audio.maxPlayout; }),
      number(
          "audio.max-total-playout-bytes", "bytes", 0, std::int64_t{1} << 40, 268435456,
          "the same over all calls; 0 has no limit",
          [](Config & c) -> auto& { return c.audio.maxTotalPlayoutBytes; }),
      number(
          "audio.prebuffer", "ms", 0, 1000, 0, "audio gathered before a talk spurt is played",
          [](Config & c) -> auto& { return c.audio.prebuffer; }),
      number(
          "audio.max-queue", "ms", 20, 60000, 1000,
          "audio kept for an endpoint that does not read; the oldest is dropped above it",
          [](Config & c) -> auto& { return c.audio.maxQueue; }),
      number(
          "media.loops", "", 0, 256, 0, "threads that carry the calls; 0 takes one for each core",
          [](Config & c) -> auto& { return c.media.loops; }, true),
      number(
          "media.loop-wait", "ms", 0, 1000, 1,
          "how long such a thread may gather work before it wakes up",
          [](Config & c) -> auto& { return c.media.loopWait; }),
      number(
          "media.workers", "", 1, 64, 4,
          "threads that build and take down pipelines; with several, one only builds",
          [](Config & c) -> auto& { return c.media.workers; }, true),
      file(
          "media.template", "pipeline template that replaces the shipped call.launch",
          [](Config & c) -> auto& { return c.media.templateFile; }, true),
  };
}

std::vector<ConfigKey> buildRest() {
  return {
      number(
          "limits.max-calls", "", 0, 100000, 0, "calls at once, 503 above it; 0 has no limit",
          [](Config & c) -> auto& { return c.limits.maxCalls; }),
      number(
          "limits.max-loop-delay", "ms", 0, 10000, 20,
          "new calls get 503 while every media loop misses its ticks by more; 0 never",
          [](Config & c) -> auto& { return c.limits.maxLoopDelay; }),
      number(
          "limits.max-loop-load", "percent", 0, 100, 90,
          "new calls get 503 while every media loop works for a larger share of its time; 0 never",
          [](Config & c) -> auto& { return c.limits.maxLoopLoad; }),
      number(
          "limits.max-call-duration", "s", 0, 604800, 0, "a longer call is ended; 0 never",
          [](Config & c) -> auto& { return c.limits.maxCallDuration; }),
      number(
          "limits.media-timeout", "s", 0, 86400, 0,
          "a call without any RTP from the caller for this long is ended; 0 never",
          [](Config & c) -> auto& { return c.limits.mediaTimeout; }),
      number(
          "limits.media-warning", "s", 0, 86400, 0,
          "the endpoint is told when no RTP has come from the caller for this long; 0 never",
          [](Config & c) -> auto& { return c.limits.mediaWarning; }),
      number(
          "limits.drain-time", "s", 0, 86400, 30,
          "after SIGTERM, how long calls may go on before they are ended",
          [](Config & c) -> auto& { return c.limits.drainTime; }),
      choice("log.level", {"error", "warning", "info", "debug"}, "info", "what is logged",
             [](Config& c, std::size_t i) { c.log.level = static_cast<log::Level>(i); }),
      choice("log.format", {"text", "json"}, "text", "how a record is written",
             [](Config& c, std::size_t i) { c.log.format = static_cast<log::Format>(i); }),
      boolean(
          "log.steps", false, "log every step of a call's set-up as call-step",
          [](Config & c) -> auto& { return c.log.steps; }),
      custom(
          "echo.listen", "ADDR:PORT", "",
          "embedded WebSocket endpoint for trying things out; empty is off",
          [](Config& c, const std::string& v) { return applyServer(c.echo.listen, v); }, true),
      custom(
          "http.listen", "ADDR:PORT", "", "HTTP server with the calls API; empty is off",
          [](Config& c, const std::string& v) { return applyServer(c.http.listen, v); }, true),
      file(
          "http.tls-cert-file", "certificate of the HTTP server, PEM; with it, it speaks HTTPS",
          [](Config & c) -> auto& { return c.http.tlsCertFile; }, true),
      file(
          "http.tls-key-file", "its key, PEM",
          [](Config & c) -> auto& { return c.http.tlsKeyFile; }, true),
  };
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
  route.match = value;
  route.regex = std::shared_ptr<GRegex>(regex, g_regex_unref);
  return {};
}

}  // namespace

std::string parseHostPort(const std::string& value, HostPort& result) {
  const std::size_t colon = value.rfind(':');
  if (colon == std::string::npos || colon == 0) return "'" + value + "' is not ADDR:PORT";
  const auto port = text::parseInteger(value.substr(colon + 1));
  if (!port || *port < 0 || *port > 65535) return "'" + value + "' has no port from 0 to 65535";
  std::string host = value.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  result = {host, static_cast<std::uint16_t>(*port)};
  return {};
}

std::span<const ConfigKey> configKeys() {
  static const std::vector<ConfigKey> keys = [] {
    std::vector<ConfigKey> all = buildSipAndRtp();
    for (auto part : {buildWebsocket(), buildAudioAndMedia(), buildRest()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return keys;
}

std::span<const RouteKey> routeKeys() {
  static const std::vector<RouteKey> keys = {
      {"match", "regular expression",
       "matched against the request URI; the first route in the file that matches is taken",
       applyMatch},
      {"uri", "ws:// or wss:// URIs, comma separated", "endpoint, and those to try when it fails",
       [](Route& r, const std::string& v) { return applyUri(r.uri, v); }},
      {"headers", "JSON object, at most 8 KiB", "custom keys of the first message",
       [](Route& r, const std::string& v) { return applyHeaders(r.headers, v); }},
      {"content-type", "audio/l16;rate=N, audio/pcmu or audio/pcma",
       "audio format towards the endpoint",
       [](Route& r, const std::string& v) { return applyContentType(r.contentType, v); }},
      {"dialect", "one of " LAUNCHER_DIALECTS, "how audio and events are written",
       [](Route& r, const std::string& v) { return applyDialect(r.dialect, v); }},
      {"authorization", "text", "value of the Authorization header of the handshake; never logged",
       [](Route& r, const std::string& v) { return applyAuthorization(r.authorization, v); }},
      {"force", "true or false",
       "true: wins over the INVITE's headers; false: fills in what the INVITE lacks",
       [](Route& r, const std::string& v) -> std::string {
         if (v != "true" && v != "false") return "'" + v + "' is neither true nor false";
         r.force = v == "true";
         return {};
       }},
  };
  return keys;
}

const ConfigKey* findConfigKey(const std::string& name) {
  for (const ConfigKey& key : configKeys()) {
    if (key.name == name) return &key;
  }
  return nullptr;
}

}  // namespace launcher
