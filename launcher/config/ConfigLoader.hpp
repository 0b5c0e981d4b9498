// SPDX-License-Identifier: LGPL-2.1-or-later
// Turns a file's text and `--set section.key=value` into one checked Config, or into the list of
// all faults, each with its line. Pure but for `loadConfigFile()`, which reads the file.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/Config.hpp"

namespace launcher {

struct ConfigFault {
  std::string where;  ///< file name or "--set"
  int line = 0;       ///< 0 when there is none
  std::string text;
  [[nodiscard]] std::string describe() const;
};

struct ConfigResult {
  ConfigPtr config;  ///< null when there are faults
  std::vector<ConfigFault> faults;
  /// Endpoints that the policy refuses to every call. No reason not to start: other routes work,
  /// and an INVITE may name an endpoint of its own.
  std::vector<ConfigFault> refusedEndpoints;
};

/// `settings` are the texts after --set, in order; they win over the file.
[[nodiscard]] ConfigResult parseConfig(const std::string& text, const std::string& fileName,
                                       const std::vector<std::string>& settings);

/// An empty file name takes the defaults.
[[nodiscard]] ConfigResult loadConfigFile(const std::string& fileName,
                                          const std::vector<std::string>& settings);

/// The whole configuration as a file that gives the same again; secrets are masked.
[[nodiscard]] std::string printConfig(const Config& config);

/// Names of the keys marked `restart` whose values differ.
[[nodiscard]] std::vector<std::string> keysNeedingRestart(const Config& before,
                                                          const Config& after);

}  // namespace launcher
