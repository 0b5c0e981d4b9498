// SPDX-License-Identifier: LGPL-2.1-or-later
//
// URIs of endpoints: the launcher decides about a host, the plugin connects to one, so both have to
// read the same out of a URI; and nothing of it gets out of its place in the handshake.
#include <algorithm>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "FuzzCheck.hpp"
#include "FuzzInput.hpp"
#include "base/EndpointUri.hpp"
#include "base/Text.hpp"
#include "base/UriPolicy.hpp"
#include "connect/Endpoint.hpp"
#include "connect/Proxy.hpp"

namespace {

using fuzz::require;
using wsbridge::Endpoint;

size_t linesOf(const std::string& text) {
  return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
}

void checkHandshake(const Endpoint& endpoint) {
  require(!endpoint.host.empty() && endpoint.port != 0, "an endpoint has a host and a port");
  require(!fuzz::hasControl(endpoint.host + endpoint.target + endpoint.shown),
          "no control character gets through");
  require(endpoint.target.find(' ') == std::string::npos, "the target is one word");
  const std::string text = wsbridge::handshakeText(endpoint, {}, "key");
  const size_t lines = endpoint.authorization.empty() ? 7 : 8;
  require(linesOf(text) == lines, "the handshake has the lines it should have");
  require(text.starts_with("GET " + endpoint.target + " HTTP/1.1\r\nHost: "),
          "the target is asked");
  require(text.ends_with("\r\n\r\n"), "the handshake has an end");
  // A zone of IPv6 is escaped in a URI.
  if (endpoint.host.find('%') != std::string::npos) return;
  const auto again = Endpoint::parse(endpoint.url());
  require(again && again->host == endpoint.host && again->port == endpoint.port &&
              again->tls == endpoint.tls && again->target == endpoint.target,
          "the URL of an endpoint is that endpoint");
}

void compare(const launcher::EndpointUri& ours) {
  const auto theirs = Endpoint::parse(ours.uri);
  if (!theirs) return;  // the call ends with "settings", nothing is connected to
  require(theirs->host == ours.host, "launcher and plugin see the same host");
  require(theirs->port == ours.port, "launcher and plugin see the same port");
  require(theirs->tls == ours.uri.starts_with("wss:"), "launcher and plugin agree on TLS");
  (void)launcher::UriPolicy({}).checkHost(ours.host);
}

void readList(const std::string& value) {
  const auto parsed = launcher::parseEndpointUris(value);
  if (!parsed) {
    require(!parsed.error().empty() && !fuzz::hasControl(parsed.error()), "a fault has words");
    return;
  }
  const auto& uris = *parsed;
  require(!uris.empty(), "a list has at least one");
  std::string joined;
  for (const launcher::EndpointUri& uri : uris) {
    compare(uri);
    const auto same = launcher::parseEndpointUri(uri.uri);
    require(same && same->uri == uri.uri && same->host == uri.host && same->port == uri.port,
            "the normal form is its own");
    joined += (joined.empty() ? "" : ",") + uri.uri;
  }
  const auto same = launcher::parseEndpointUris(joined);
  require(same && same->size() == uris.size(), "a list reads back as long as it was");
  for (size_t i = 0; i < uris.size(); ++i)
    require((*same)[i].uri == uris[i].uri, "a list reads back as it was");
}

void readProxy(const std::string& text) {
  const auto proxy = wsbridge::Proxy::parse(text);
  if (!proxy) return;
  const std::string connect = wsbridge::connectText(*proxy, "h.example", 443);
  require(linesOf(connect) == (proxy->authorization.empty() ? 3U : 4U), "CONNECT has its lines");
  require(!fuzz::hasControl(proxy->shown), "what is shown of a proxy has no control characters");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto direct = Endpoint::parse(text);
  if (direct) checkHandshake(*direct);
  // As a call does it.
  readList(launcher::text::withoutWhiteSpace(text));
  readProxy(text);
  return 0;
}
