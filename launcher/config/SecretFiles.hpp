// SPDX-License-Identifier: LGPL-2.1-or-later
// Files with secrets in them that others than their owner may read. Looks at the file system; any
// thread.
#pragma once

#include <string>
#include <vector>

#include "config/Config.hpp"

namespace launcher {

struct OpenFile {
  std::string path;
  std::string mode;  ///< octal, such as 0644
};

/// The configuration file when there is a secret in it, and the key files that it names, where
/// their mode lets group or others in.
[[nodiscard]] std::vector<OpenFile> filesOthersMayRead(const Config& config,
                                                       const std::string& configFile);

/// Tells of each as a warning.
void warnOfOpenFiles(const Config& config, const std::string& configFile);

}  // namespace launcher
