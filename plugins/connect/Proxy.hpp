// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Proxy: an HTTP proxy that a connection goes through by CONNECT (RFC 9110 section 9.3.6), as text
// in and out. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/Result.hpp"
#include "connect/Failure.hpp"

namespace wsbridge {

struct Proxy {
  std::string host;  // without brackets
  uint16_t port = 0;
  std::string authorization;  // made of the user-info; empty without
  std::string shown;          // host and port: for messages

  /// `http://[user:password@]host:port`. The fault names nothing of what was given.
  static common::Result<Proxy> parse(const std::string& uri);
};

/// `host` is a name or an address without brackets.
std::string connectText(const Proxy& proxy, const std::string& host, uint16_t port);

/// `head` is the answer up to and with the empty line. Empty: the way is open.
std::optional<Failure> readProxyAnswer(std::string_view head, const Proxy& proxy);

}  // namespace wsbridge
