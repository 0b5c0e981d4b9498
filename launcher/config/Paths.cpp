// SPDX-License-Identifier: LGPL-2.1-or-later
#include "config/Paths.hpp"

#include <string_view>

#include <gst/gst.h>

#include "base/GPtr.hpp"
#include "wsbridge-config.h"

namespace launcher {

Paths findPaths() {
  const CharPtr self(g_file_read_link("/proc/self/exe", nullptr));
  return self ? pathsOf(self.get()) : Paths{WSBRIDGE_PLUGIN_DIR, WSBRIDGE_PIPELINES_DIR, false};
}

Paths pathsOf(const std::string& program) {
  // Found from where the program lies, so that the whole tree may be moved.
  const CharPtr directory(g_path_get_dirname(program.c_str()));
  const CharPtr root(g_path_get_dirname(directory.get()));
  const std::string base = std::string(root.get()) + "/";
  if (std::string_view(directory.get()).ends_with("/launcher") &&
      g_file_test((base + "plugins/libgstwsbridge.so").c_str(), G_FILE_TEST_IS_REGULAR)) {
    return {base + "plugins", base + "pipelines", true};
  }
  const std::string plugins = base + WSBRIDGE_LIBDIR + "/gstreamer-1.0";
  if (g_file_test(plugins.c_str(), G_FILE_TEST_IS_DIR)) {
    return {plugins, base + WSBRIDGE_DATADIR + "/gst-wsbridge/pipelines", false};
  }
  return {WSBRIDGE_PLUGIN_DIR, WSBRIDGE_PIPELINES_DIR, false};
}

Result<void> loadPlugin(const Paths& paths) {
  const std::string file = paths.pluginDirectory + "/libgstwsbridge.so";
  // In the build tree the plugin just built must win over an installed one.
  if (paths.buildTree ||
      !gst_registry_check_feature_version(gst_registry_get(), "wsbridgesink", 0, 0, 0)) {
    GError* error = nullptr;
    GstPlugin* plugin = gst_plugin_load_file(file.c_str(), &error);
    if (plugin) gst_object_unref(plugin);
    const ErrorPtr owned(error);
    if (!plugin) return Failure{error ? error->message : "cannot load " + file};
  }
  for (const char* name : {"wsbridgesink", "wsbridgesrc"}) {
    GstElementFactory* factory = gst_element_factory_find(name);
    if (!factory) return Failure{std::string("GStreamer has no element ") + name};
    gst_object_unref(factory);
  }
  return {};
}

}  // namespace launcher
