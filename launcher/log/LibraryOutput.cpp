// SPDX-License-Identifier: LGPL-2.1-or-later
#include "log/LibraryOutput.hpp"

#include <cstdio>
#include <cstdlib>
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

/// What GLib was told to end the program over, by G_DEBUG=fatal-criticals for one.
GLogLevelFlags fatal{};

/// The log may be written by another thread, which would not come to it any more.
void writeLastWords(const char* domain, const char* text) {
  std::fprintf(stderr, "fatal: %s: %s\n", domain ? domain : "", text ? text : "");
}

Level levelOf(GLogLevelFlags flags) {
  if ((flags & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL)) != 0) return Level::Error;
  return (flags & G_LOG_LEVEL_WARNING) != 0 ? Level::Warning : Level::Debug;
}

GLogWriterOutput writeFields(GLogLevelFlags flags, const GLogField* fields, gsize count,
                             gpointer) noexcept {
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
  if ((flags & fatal) != 0) {
    // With a writer of one's own it is the writer that ends the program.
    writeLastWords(domain.c_str(), text.c_str());
    std::abort();
  }
  return G_LOG_WRITER_HANDLED;
}

}  // namespace

void takeLibraryOutput() {
  fatal = g_log_set_always_fatal(static_cast<GLogLevelFlags>(G_LOG_FATAL_MASK));
  g_log_set_always_fatal(fatal);
  g_log_set_writer_func(writeFields, nullptr, nullptr);
  g_log_set_default_handler(
      [](const char* domain, GLogLevelFlags flags, const char* text, gpointer) noexcept {
        writeRecord(levelOf(flags), domain, text);
        if ((flags & G_LOG_FLAG_FATAL) != 0) writeLastWords(domain, text);
      },
      nullptr);
  g_set_print_handler([](const char* text) { writeRecord(Level::Info, "print", text); });
  g_set_printerr_handler([](const char* text) { writeRecord(Level::Warning, "print", text); });
}

}  // namespace launcher::log
