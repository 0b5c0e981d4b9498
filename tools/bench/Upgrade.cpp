// SPDX-License-Identifier: LGPL-2.1-or-later
#include "Upgrade.hpp"

#include "wire/Text.hpp"
#include "wire/WebSocketFrame.hpp"

namespace bench {

using namespace wire;
namespace {

bool listHas(std::string_view list, std::string_view item) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    if (sameText(trim(list.substr(0, comma)), item)) return true;
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
  }
  return false;
}

}  // namespace

Upgrade acceptUpgrade(std::string_view request) {
  Upgrade upgrade;
  const auto refuse = [&upgrade](int status, const char* fault) {
    upgrade.status = status;
    upgrade.fault = fault;
    return upgrade;
  };
  const size_t lineEnd = request.find("\r\n");
  const std::string_view line = request.substr(0, lineEnd);
  if (!line.starts_with("GET ") || !line.ends_with(" HTTP/1.1"))
    return refuse(400, "not a GET of HTTP/1.1");
  upgrade.target = trim(line.substr(4, line.size() - 4 - 9));
  if (!upgrade.target.starts_with("/")) return refuse(400, "bad request target");
  std::string_view key, version, subprotocols;
  bool hasUpgrade = false, hasConnection = false, hasHost = false;
  size_t at = lineEnd + 2;
  while (at < request.size()) {
    const size_t end = request.find("\r\n", at);
    const std::string_view header = request.substr(at, end - at);
    at = end == std::string_view::npos ? request.size() : end + 2;
    const size_t colon = header.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view name = header.substr(0, colon);
    const std::string_view value = trim(header.substr(colon + 1));
    if (sameText(name, "Upgrade")) hasUpgrade = listHas(value, "websocket");
    if (sameText(name, "Connection")) hasConnection = listHas(value, "upgrade");
    if (sameText(name, "Host")) hasHost = !value.empty();
    if (sameText(name, "Sec-WebSocket-Key")) key = value;
    if (sameText(name, "Sec-WebSocket-Version")) version = value;
    if (sameText(name, "Sec-WebSocket-Protocol")) subprotocols = value;
  }
  if (!hasHost) return refuse(400, "no Host");
  if (!hasUpgrade || !hasConnection) return refuse(400, "no upgrade to websocket asked for");
  if (version != "13") return refuse(426, "Sec-WebSocket-Version is not 13");
  if (key.size() != 24) return refuse(400, "Sec-WebSocket-Key is not 16 bytes in base64");
  upgrade.response = switchingProtocols(key, listHas(subprotocols, "WSBRIDGE") ? "WSBRIDGE" : "");
  return upgrade;
}

}  // namespace bench
