// SPDX-License-Identifier: LGPL-2.1-or-later
#include "config/ConfigKeys.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <gio/gio.h>

#include "base/GPtr.hpp"
#include "base/Text.hpp"
#include "base/UriPolicy.hpp"
#include "config/KeyMakers.hpp"
#include "config/WebsocketKeys.hpp"

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

std::string applyNetworks(Networks& target, const std::string& value) {
  target = Networks();
  for (const std::string& entry : text::splitList(value, ";,")) {
    if (!target.add(entry))
      return "'" + entry + "' is no network such as 10.0.0.0/8 and no address";
  }
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

std::string applyNetworks(std::vector<std::string>& target, const std::string& value) {
  target = text::splitList(value, ";,");
  for (const std::string& entry : target) {
    if (!UriPolicy::isNetwork(entry)) return "'" + entry + "' is no address and no network";
  }
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
      custom("sip.allow", "list of networks and addresses",
             "127.0.0.0/8;::1;10.0.0.0/8;172.16.0.0/12;192.168.0.0/16;100.64.0.0/10;169.254.0.0/16;"
             "fc00::/7;fe80::/10",
             "who may call and ask (OPTIONS); anybody else gets 403",
             [](Config& c, const std::string& v) { return applyNetworks(c.sip.allow, v); }),
      choice("sip.headers", {"ignore", "allowed", "all"}, "allowed",
             "whose P-wsbridge-* headers count: nobody's, of the sources in sip.allow, everybody's",
             [](Config& c, std::size_t i) { c.sip.headersFrom = static_cast<HeadersFrom>(i); }),
      custom("sip.redirect-allow", "list of hosts and *.wildcards", "",
             "hosts that a redirection (302, 305) of a call of ours is followed to; empty: nowhere",
             [](Config& c, const std::string& v) {
               c.sip.redirectAllow = text::splitList(v, ";,");
               return std::string();
             }),
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
      custom("rtp.allow", "list of CIDR networks", "",
             "private and loopback addresses of an SDP that RTP is sent to before any has come, "
             "though the signalling comes from elsewhere",
             [](Config& c, const std::string& v) { return applyNetworks(c.rtp.allow, v); }),
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
          "how long such a thread may gather work before it wakes up; twice that when busy",
          [](Config & c) -> auto& { return c.media.loopWait; }, true),
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
          "limits.lookups-per-source", "", 1, 10000, 64,
          "names that are looked up at once for the calls of one source, 503 above it",
          [](Config & c) -> auto& { return c.limits.lookupsPerSource; }),
      number(
          "limits.max-lookups", "", 1, 10000, 128,
          "names that are looked up at once, 503 above it; each takes a descriptor per name server",
          [](Config & c) -> auto& { return c.limits.maxLookups; }),
      number(
          "limits.max-call-duration", "s", 0, 604800, 14400, "a longer call is ended; 0 never",
          [](Config & c) -> auto& { return c.limits.maxCallDuration; }),
      number(
          "limits.media-timeout", "s", 0, 86400, 60,
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
      number(
          "limits.peer-requests", "per second", 0, 100000, 500,
          "requests outside a dialog of each source in sip.allow, 503 above it; 0 has no limit",
          [](Config & c) -> auto& { return c.limits.peerRequests; }),
      number(
          "limits.stranger-requests", "per second", 0, 100000, 20,
          "requests of all sources that are not in sip.allow, no answer above it; 0 has no limit",
          [](Config & c) -> auto& { return c.limits.strangerRequests; }),
      number(
          "limits.all-requests", "per second", 0, 1000000, 3000,
          "requests outside a dialog of all sources in sip.allow, 503 above it; 0 has no limit",
          [](Config & c) -> auto& { return c.limits.allRequests; }),
      number(
          "limits.peer-setups", "", 0, 4096, 1000,
          "INVITEs of one source that no ACK has confirmed yet, 503 above it; 0 has no limit",
          [](Config & c) -> auto& { return c.limits.peerSetups; }),
      number(
          "limits.connections", "", 0, 100000, 512,
          "SIP over TCP connections that others have opened; 0 has no limit",
          [](Config & c) -> auto& { return c.limits.connections; }),
      number(
          "limits.peer-connections", "", 0, 100000, 256,
          "of these, of each source in sip.allow; 0 has no limit",
          [](Config & c) -> auto& { return c.limits.peerConnections; }),
      number(
          "limits.stranger-connections", "", 0, 100000, 16,
          "of these, of all sources that are not in sip.allow; 0 has no limit",
          [](Config & c) -> auto& { return c.limits.strangerConnections; }),
      number(
          "limits.http-connections", "", 1, 10000, 64,
          "connections to the HTTP server; above it the one that has waited longest gives way",
          [](Config & c) -> auto& { return c.limits.httpConnections; }, true),
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
      file(
          "http.tls-client-ca-file",
          "authorities, PEM; only clients with a certificate of one of them are answered",
          [](Config & c) -> auto& { return c.http.tlsClientCaFile; }, true),
  };
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

bool isLoopback(const HostPort& where) {
  const GObjectPtr<GInetAddress> address(g_inet_address_new_from_string(where.host.c_str()));
  return address && g_inet_address_get_is_loopback(address.get());
}

std::span<const ConfigKey> configKeys() {
  static const std::vector<ConfigKey> keys = [] {
    std::vector<ConfigKey> all = buildSipAndRtp();
    for (auto part : {websocketKeys(), buildAudioAndMedia(), buildRest()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return keys;
}

const ConfigKey* findConfigKey(const std::string& name) {
  for (const ConfigKey& key : configKeys()) {
    if (key.name == name) return &key;
  }
  return nullptr;
}

}  // namespace launcher
