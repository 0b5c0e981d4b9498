// SPDX-License-Identifier: LGPL-2.1-or-later
// Rows of the table of keys by the type of their value, each with its check. Pure but for file(),
// which looks whether the file can be read.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <unistd.h>

#include <glib.h>

#include "base/Text.hpp"
#include "config/ConfigKeys.hpp"

namespace launcher::keys {

using Apply = std::function<std::string(Config&, const std::string&)>;

template <typename Access>
[[nodiscard]] ConfigKey number(const char* name, const char* unit, std::int64_t low,
                               std::int64_t high, std::int64_t fallback, const char* help,
                               Access access, bool restart = false) {
  const std::string range = std::to_string(low) + "–" + std::to_string(high);
  ConfigKey key{name,
                "number" + std::string(*unit ? ", " : "") + unit + ", " + range,
                std::to_string(fallback),
                help,
                restart,
                false,
                {}};
  key.apply = [low, high, range, access](Config& config, const std::string& value) -> std::string {
    const auto parsed = text::parseInteger(value);
    if (!parsed) return "'" + value + "' is not a whole number";
    if (*parsed < low || *parsed > high) return "'" + value + "' is outside " + range;
    auto& target = access(config);
    target = static_cast<std::remove_reference_t<decltype(target)>>(*parsed);
    return {};
  };
  return key;
}

template <typename Access>
[[nodiscard]] ConfigKey boolean(const char* name, bool fallback, const char* help, Access access) {
  ConfigKey key{name, "true or false", fallback ? "true" : "false", help, false, false, {}};
  key.apply = [access](Config& config, const std::string& value) -> std::string {
    if (value != "true" && value != "false") return "'" + value + "' is neither true nor false";
    access(config) = value == "true";
    return {};
  };
  return key;
}

template <typename Access>
[[nodiscard]] ConfigKey plain(const char* name, const char* type, const char* fallback,
                              const char* help, Access access, bool restart = false,
                              bool secret = false) {
  ConfigKey key{name, type, fallback, help, restart, secret, {}};
  key.apply = [access](Config& config, const std::string& value) -> std::string {
    access(config) = value;
    return {};
  };
  return key;
}

/// The name of a file that has to be there when the configuration is read.
template <typename Access>
[[nodiscard]] ConfigKey file(const char* name, const char* help, Access target,
                             bool restart = false) {
  ConfigKey key{name, "path", "", help, restart, false, {}};
  key.apply = [target](Config& config, const std::string& value) -> std::string {
    target(config) = value;
    if (value.empty()) return {};
    if (g_file_test(value.c_str(), G_FILE_TEST_IS_DIR)) return "'" + value + "' is a directory";
    if (::access(value.c_str(), R_OK) == 0) return {};
    return "'" + value + "' cannot be read: " + g_strerror(errno);
  };
  return key;
}

/// One word of several; the value is the index in the list.
template <typename Access>
[[nodiscard]] ConfigKey choice(const char* name, const std::vector<std::string>& words,
                               const char* fallback, const char* help, Access store) {
  std::string type;
  for (const std::string& word : words)
    type += (type.empty() ? "" : ", ") + word;
  ConfigKey key{name, "one of " + type, fallback, help, false, false, {}};
  key.apply = [words, type, store](Config& config, const std::string& value) -> std::string {
    const auto found = std::find(words.begin(), words.end(), value);
    if (found == words.end()) return "'" + value + "' is none of " + type;
    store(config, static_cast<std::size_t>(found - words.begin()));
    return {};
  };
  return key;
}

[[nodiscard]] inline ConfigKey custom(const char* name, const std::string& type,
                                      const char* fallback, const char* help, Apply apply,
                                      bool restart = false) {
  return {name, type, fallback, help, restart, false, std::move(apply)};
}

}  // namespace launcher::keys
