// SPDX-License-Identifier: LGPL-2.1-or-later
// The configuration keys that say what the Authorization header of the handshake is made of; they
// stand in [websocket] and in routes alike. Pure but for `authorizationFault()`, which reads the
// key file.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "config/Config.hpp"

namespace launcher {

struct AuthorizationKey {
  std::string name;
  std::string type;
  std::string fallback;
  std::string help;
  bool secret;
  /// Parses and stores; returns what is wrong, or an empty text.
  std::function<std::string(AuthorizationConfig&, const std::string&)> apply;
  bool hidden = false;  ///< as in ConfigKey
};

[[nodiscard]] std::span<const AuthorizationKey> authorizationKeys();

/// What is in force for a route: a key that it lacks comes from `[websocket]`. A route that sets
/// `authorization` and no type means that value.
[[nodiscard]] AuthorizationConfig inherited(const AuthorizationConfig& route,
                                            const AuthorizationConfig& general);

/// What its type lacks, or what is wrong with the key of a JWT; empty when it can be used.
[[nodiscard]] std::string authorizationFault(const AuthorizationConfig& authorization);

}  // namespace launcher
