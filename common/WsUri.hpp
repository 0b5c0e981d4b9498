// SPDX-License-Identifier: LGPL-2.1-or-later
// WsUri: the URI of a WebSocket endpoint (RFC 6455 section 3), read the same by whoever decides
// about it and by whoever connects to it. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

namespace wsbridge::common {

struct WsUri {
  struct User {
    std::string name;
    std::string password;  ///< may be empty
  };

  bool tls = false;
  std::string host;  ///< without brackets, percent-encoding undone
  std::uint16_t port = 0;
  std::string path;                  ///< "/" at least
  std::optional<std::string> query;  ///< without the question mark
  std::optional<User> user;
  std::string text;  ///< as given, but http written as ws and https as wss

  /// Returns the parts, or what is wrong and how to mend it, as the end of a sentence: "has no
  /// host: give …". The fault repeats nothing of the URI but its scheme: there may be a password.
  static std::variant<WsUri, std::string> parse(const std::string& uri);

  /// The host as a Host header has it, with the port where it is not the scheme's own.
  [[nodiscard]] std::string hostHeader() const;
  /// Whether a host may stand in a request line, whatever was decoded in it.
  static bool isHostText(const std::string& host);
};

}  // namespace wsbridge::common
