// SPDX-License-Identifier: LGPL-2.1-or-later
#include "log/LibraryOutput.hpp"

#include <mutex>
#include <string>

#include <glib.h>

#include "log/Log.hpp"
#include "log/Throttle.hpp"

namespace launcher::log {

namespace {

void writeRecord(Level level, const char* domain, const char* text) {
  static std::mutex mutex;
  static Throttle throttle;
  if (!enabled(level)) return;
  std::uint64_t count = 0;
  {
    const std::lock_guard lock(mutex);
    count = throttle.note(g_get_monotonic_time());
  }
  if (count == 0) return;
  write(level, "library",
        {{"domain", domain ? domain : ""}, {"text", text ? text : ""}, {"count", count}});
}

Level levelOf(GLogLevelFlags flags) {
  if ((flags & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL)) != 0) return Level::Error;
  return (flags & G_LOG_LEVEL_WARNING) != 0 ? Level::Warning : Level::Debug;
}

GLogWriterOutput writeFields(GLogLevelFlags flags, const GLogField* fields, gsize count, gpointer) {
  std::string domain;
  std::string text;
  for (gsize i = 0; i < count; ++i) {
    const auto* value = static_cast<const char*>(fields[i].value);
    const gssize length = fields[i].length;
    const std::string whole =
        length < 0 ? std::string(value) : std::string(value, static_cast<std::size_t>(length));
    if (g_strcmp0(fields[i].key, "GLIB_DOMAIN") == 0) domain = whole;
    if (g_strcmp0(fields[i].key, "MESSAGE") == 0) text = whole;
  }
  writeRecord(levelOf(flags), domain.c_str(), text.c_str());
  return G_LOG_WRITER_HANDLED;
}

}  // namespace

void takeLibraryOutput() {
  g_log_set_writer_func(writeFields, nullptr, nullptr);
  g_log_set_default_handler([](const char* domain, GLogLevelFlags flags, const char* text,
                               gpointer) { writeRecord(levelOf(flags), domain, text); },
                            nullptr);
  g_set_print_handler([](const char* text) { writeRecord(Level::Info, "print", text); });
  g_set_printerr_handler([](const char* text) { writeRecord(Level::Warning, "print", text); });
}

}  // namespace launcher::log
