// SPDX-License-Identifier: LGPL-2.1-or-later
// Where the plugin and the templates are: in the build tree when the executable itself lies in it,
// otherwise where they were installed. Pure but for looking at the file system.
#pragma once

#include <string>

namespace launcher {

struct Paths {
  std::string pluginDirectory;
  std::string pipelineDirectory;
  bool buildTree = false;
};

/// Of this program.
Paths findPaths();
/// Of the launcher in that file.
Paths pathsOf(const std::string& program);

/// Loads the plugin from there unless GStreamer already knows it; returns what is wrong, if
/// anything.
std::string loadPlugin(const Paths& paths);

}  // namespace launcher
