// SPDX-License-Identifier: LGPL-2.1-or-later
// The one table of configuration keys: type, range, default and help, used for parsing,
// --print-config, --help and docs/configuration.md (a test compares). Pure.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "config/Config.hpp"

namespace launcher {

struct ConfigKey {
  std::string name;      ///< "section.key"
  std::string type;      ///< what may stand there, with unit and range
  std::string fallback;  ///< default value as text
  std::string help;
  bool restart = false;  ///< a change is taken up at the next start only
  bool secret = false;   ///< never printed, and not taken from the command line
  /// Parses and stores; returns what is wrong, or an empty text.
  std::function<std::string(Config&, const std::string&)> apply;
  bool hidden = false;  ///< never printed: there may be secrets in it

  [[nodiscard]] std::string section() const { return name.substr(0, name.find('.')); }
  std::string key() const { return name.substr(name.find('.') + 1); }
};

struct RouteKey {
  std::string name;
  std::string type;
  std::string help;
  bool secret = false;  ///< never printed
  std::function<std::string(Route&, const std::string&)> apply;
  bool hidden = false;  ///< as in ConfigKey
};

[[nodiscard]] std::span<const ConfigKey> configKeys();
std::span<const RouteKey> routeKeys();
[[nodiscard]] const ConfigKey* findConfigKey(const std::string& name);

/// `ADDR:PORT` with IPv6 in brackets; empty text when it is right.
[[nodiscard]] std::string parseHostPort(const std::string& value, HostPort& result);
/// Whether only this machine reaches what is listened at there.
[[nodiscard]] bool isLoopback(const HostPort& where);

}  // namespace launcher
