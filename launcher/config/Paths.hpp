// SPDX-License-Identifier: LGPL-2.1-or-later
// Where the plugin and the templates are: in the build tree when the executable itself lies in it,
// otherwise where they were installed. Pure but for looking at the file system.
#pragma once

#include <string>

#include "base/Result.hpp"

namespace launcher {

struct Paths {
  std::string pluginDirectory;
  std::string pipelineDirectory;
  bool buildTree = false;
};

/// Of this program.
[[nodiscard]] Paths findPaths();
/// Of the launcher in that file.
[[nodiscard]] Paths pathsOf(const std::string& program);

/// Loads the plugin from there unless GStreamer already knows it.
Result<void> loadPlugin(const Paths& paths);

}  // namespace launcher
