// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The text of a configuration, and the same lines as a command line: there are faults or there is a
// configuration; one that is printed reads back.
#include <cstdint>
#include <string>
#include <vector>

#include "FuzzCheck.hpp"
#include "FuzzInput.hpp"
#include "config/CommandLine.hpp"
#include "config/ConfigLoader.hpp"

namespace {

using fuzz::require;
using namespace launcher;

void readText(const std::string& text) {
  const ConfigResult result = parseConfig(text, "fuzz.ini", {});
  require((result.config == nullptr) == !result.faults.empty(), "there are faults or there is one");
  for (const ConfigFault& fault : result.faults)
    require(!fault.describe().empty() && fault.line >= 0, "a fault says where it is");
  if (!result.config) return;
  const std::string printed = printConfig(*result.config);
  // Without its secret an authorization is none.
  if (printed.find("is set and not shown") != std::string::npos) return;
  const ConfigResult again = parseConfig(printed, "printed.ini", {});
  require(again.config != nullptr, "what is printed reads back");
  require(again.config->values.size() == result.config->values.size(), "with all its keys");
  require(again.config->routes.size() == result.config->routes.size(), "with all its routes");
  require(keysNeedingRestart(*result.config, *result.config).empty(), "it is the same as itself");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const fuzz::Input input(data, size);
  readText(input.rest());
  const std::vector<std::string> lines = input.fields('\n');
  const CommandLine line = parseCommandLine(lines);
  if (line.fault.empty()) (void)parseConfig("", "fuzz.ini", line.settings);
  return 0;
}
