// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Endpoint: a parsed WebSocket URI, and the handshake that opens it (RFC 6455 section 4) as text in
// and out. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/Result.hpp"
#include "common/WsUri.hpp"
#include "connect/Failure.hpp"

namespace wsbridge {

struct Endpoint : common::WsUri {
  std::string target;         // path and query
  std::string authorization;  // made of the URI's user-info; empty without
  std::string shown;  // the URI without user-info, query and fragment: for logs and messages

  /// The message names the fault and the remedy.
  static common::Result<Endpoint> parse(const std::string& uri);
  /// As a server can put it together: ws:// or wss://, the Host header, path and query.
  [[nodiscard]] std::string url() const;
};

struct HandshakeRequest {
  std::vector<std::string> subprotocols;
  std::string authorization;
  std::vector<std::pair<std::string, std::string>> extra_headers;
};

/// A fresh value of Sec-WebSocket-Key.
std::string makeHandshakeKey();
std::string handshakeText(const Endpoint& endpoint, const HandshakeRequest& request,
                          const std::string& key);

struct HandshakeAnswer {
  std::string subprotocol;
};

/// `head` is the answer up to and with the empty line.
common::Result<HandshakeAnswer, Failure> readHandshakeAnswer(std::string_view head,
                                                             const HandshakeRequest& request,
                                                             const std::string& key);

/// Empty when the name and value may be sent as an HTTP header.
std::optional<std::string> faultInHeader(const std::string& name, const std::string& value);

}  // namespace wsbridge
