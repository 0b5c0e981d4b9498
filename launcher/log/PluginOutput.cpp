// SPDX-License-Identifier: LGPL-2.1-or-later
#include "log/PluginOutput.hpp"

#include <cstdlib>
#include <string>
#include <string_view>

#include <gst/gst.h>

#include "base/Text.hpp"
#include "log/Log.hpp"

namespace launcher::log {

namespace {

constexpr const char* kCategories = "wsbridge*";

/// All at debug: what matters to an operator has a record of its own.
void writeLine(GstDebugCategory* category, GstDebugLevel level, const gchar*, const gchar*, gint,
               GObject* object, GstDebugMessage* message, gpointer) noexcept {
  const std::string_view name = gst_debug_category_get_name(category);
  if (!name.starts_with("wsbridge") || !enabled(Level::Debug)) return;
  const char* said = gst_debug_message_get(message);
  const bool named = object && GST_IS_OBJECT(object);
  write(Level::Debug, "plugin",
        {{"category", name},
         {"level", text::trim(gst_debug_level_get_name(level))},
         {"element", named ? GST_OBJECT_NAME(object) : ""},
         {"text", said ? said : ""}});
}

}  // namespace

void takePluginOutput() {
  static const bool left = std::getenv("GST_DEBUG") != nullptr;
  if (left) return;
  static const bool taken = [] {
    gst_debug_remove_log_function(gst_debug_log_default);
    gst_debug_add_log_function(writeLine, nullptr, nullptr);
    return true;
  }();
  static_cast<void>(taken);
  if (enabled(Level::Debug)) {
    gst_debug_set_threshold_for_name(kCategories, GST_LEVEL_LOG);
    gst_debug_set_active(TRUE);
  } else {
    gst_debug_unset_threshold_for_name(kCategories);
  }
}

}  // namespace launcher::log
