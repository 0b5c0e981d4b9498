// SPDX-License-Identifier: LGPL-2.1-or-later
#include "config/Paths.hpp"

#include <gst/gst.h>

#include "base/GPtr.hpp"
#include "wsbridge-config.h"

namespace launcher {

Paths findPaths() {
  const CharPtr self(g_file_read_link("/proc/self/exe", nullptr));
  const std::string root = std::string(WSBRIDGE_BUILD_ROOT) + "/";
  if (self && std::string(self.get()).starts_with(root)) {
    return {std::string(WSBRIDGE_BUILD_ROOT) + "/plugins",
            std::string(WSBRIDGE_SOURCE_ROOT) + "/pipelines", true};
  }
  // Installed: found from where the program lies, so that the whole tree may be moved.
  const CharPtr bin(self ? g_path_get_dirname(self.get()) : nullptr);
  const CharPtr prefix(bin ? g_path_get_dirname(bin.get()) : nullptr);
  if (prefix) {
    const std::string base = std::string(prefix.get()) + "/";
    const std::string plugins = base + WSBRIDGE_LIBDIR + "/gstreamer-1.0";
    if (g_file_test(plugins.c_str(), G_FILE_TEST_IS_DIR)) {
      return {plugins, base + WSBRIDGE_DATADIR + "/gst-wsbridge/pipelines", false};
    }
  }
  return {WSBRIDGE_PLUGIN_DIR, WSBRIDGE_PIPELINES_DIR, false};
}

std::string loadPlugin(const Paths& paths) {
  const std::string file = paths.pluginDirectory + "/libgstwsbridge.so";
  // In the build tree the plugin just built must win over an installed one.
  if (paths.buildTree ||
      !gst_registry_check_feature_version(gst_registry_get(), "wsbridgesink", 0, 0, 0)) {
    GError* error = nullptr;
    GstPlugin* plugin = gst_plugin_load_file(file.c_str(), &error);
    if (plugin) gst_object_unref(plugin);
    const ErrorPtr owned(error);
    if (!plugin) return error ? error->message : "cannot load " + file;
  }
  for (const char* name : {"wsbridgesink", "wsbridgesrc"}) {
    GstElementFactory* factory = gst_element_factory_find(name);
    if (!factory) return std::string("GStreamer has no element ") + name;
    gst_object_unref(factory);
  }
  return {};
}

}  // namespace launcher
