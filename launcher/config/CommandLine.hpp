// SPDX-License-Identifier: LGPL-2.1-or-later
// The command line as a value, read by GOption. Any thread; no fault but in `fault`.
#pragma once

#include <string>
#include <vector>

namespace launcher {

struct CommandLine {
  enum class Mode { Run, Call, CheckConfig, PrintConfig, Version, Help };
  Mode mode = Mode::Run;
  std::string configFile;
  std::vector<std::string> settings;  ///< after --set
  // Of `call`.
  std::string sipUri;
  std::string websocketUri;
  std::string websocketHeaders;
  std::string contentType;
  std::string dialect;
  std::string fault;  ///< what is wrong with it, if anything
};

[[nodiscard]] CommandLine parseCommandLine(const std::vector<std::string>& arguments);
[[nodiscard]] std::string helpText();

}  // namespace launcher
