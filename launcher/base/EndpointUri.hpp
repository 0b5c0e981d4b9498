// SPDX-License-Identifier: LGPL-2.1-or-later
// The URI of an endpoint, and several of them in one value. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/Result.hpp"

namespace launcher {

struct EndpointUri {
  std::string uri;   ///< ws:// or wss://
  std::string host;  ///< without brackets
  std::uint16_t port = 0;
  /// The configuration's credentials go there: it named the URI itself, or the host.
  bool getsCredentials = false;
};

/// The URI in its normal form, or what is wrong with it.
Result<EndpointUri> parseEndpointUri(const std::string& given);

/// Separated by commas. A comma may also be part of a URI, so one counts only where ws://, wss://,
/// http:// or https:// follows. The parts are trimmed.
[[nodiscard]] std::vector<std::string> splitEndpointUris(std::string_view value);

/// All URIs of such a value, in order, or what is wrong with the first bad one.
Result<std::vector<EndpointUri>> parseEndpointUris(std::string_view value);

}  // namespace launcher
