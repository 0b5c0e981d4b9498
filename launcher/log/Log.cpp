// SPDX-License-Identifier: LGPL-2.1-or-later
#include "log/Log.hpp"

#include <atomic>
#include <cstdio>
#include <mutex>

#include <unistd.h>

#include <glib.h>

namespace launcher::log {

namespace {

std::atomic<Level> configuredLevel{Level::Info};
std::atomic<bool> debugForced{false};
std::atomic<Format> currentFormat{Format::Text};
std::mutex outputMutex;

const char* levelName(Level level) {
  switch (level) {
    case Level::Error:
      return "error";
    case Level::Warning:
      return "warning";
    case Level::Info:
      return "info";
    case Level::Debug:
      return "debug";
  }
  return "info";
}

/// JSON string rules. In text records everything outside printable ASCII and UTF-8 is escaped the
/// same way, so one function serves both.
void appendEscaped(std::string& out, std::string_view value) {
  char* valid = g_utf8_make_valid(value.data(), static_cast<gssize>(value.size()));
  for (const char* p = valid; *p; p = g_utf8_next_char(p)) {
    const gunichar c = g_utf8_get_char(p);
    char buffer[16];
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(static_cast<char>(c));
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029) {
      g_snprintf(buffer, sizeof buffer, "\\u%04x", c);
      out += buffer;
    } else {
      out.append(p, static_cast<std::size_t>(g_utf8_next_char(p) - p));
    }
  }
  g_free(valid);
}

bool needsQuotes(std::string_view value) {
  if (value.empty()) return true;
  for (const char c : value) {
    if (c <= ' ' || c == '"' || c == '\\' || c == '=' || c >= 0x7f) return true;
  }
  return false;
}

std::string now() {
  GDateTime* time = g_date_time_new_now_utc();
  char* text = g_date_time_format(time, "%Y-%m-%dT%H:%M:%S");
  char buffer[64];
  g_snprintf(buffer, sizeof buffer, "%s.%03dZ", text, g_date_time_get_microsecond(time) / 1000);
  g_free(text);
  g_date_time_unref(time);
  return buffer;
}

}  // namespace

Field::Field(std::string_view k, double v) : key(k), bare(true) {
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];
  value = g_ascii_formatd(buffer, sizeof buffer, "%.3f", v);
}

void setLevel(Level level) {
  configuredLevel = level;
}

void setFormat(Format format) {
  currentFormat = format;
}

bool toggleDebug() {
  const bool on = !debugForced;
  debugForced = on;
  return on;
}

bool enabled(Level level) {
  return debugForced || level <= configuredLevel;
}

std::string format(Format format, std::string_view time, Level level, std::string_view event,
                   const Field* fields, std::size_t count) {
  std::string line;
  if (format == Format::Json) {
    line = "{\"ts\":\"";
    line += time;
    line += "\",\"level\":\"";
    line += levelName(level);
    line += "\",\"event\":\"";
    appendEscaped(line, event);
    line += '"';
    for (std::size_t i = 0; i < count; ++i) {
      line += ",\"";
      appendEscaped(line, fields[i].key);
      line += "\":";
      if (!fields[i].bare) line += '"';
      appendEscaped(line, fields[i].value);
      if (!fields[i].bare) line += '"';
    }
    line += '}';
    return line;
  }
  line = time;
  line += ' ';
  line += levelName(level);
  line += ' ';
  line += event;
  for (std::size_t i = 0; i < count; ++i) {
    line += ' ';
    line += fields[i].key;
    line += '=';
    const bool quotes = !fields[i].bare && needsQuotes(fields[i].value);
    if (quotes) line += '"';
    appendEscaped(line, fields[i].value);
    if (quotes) line += '"';
  }
  return line;
}

void write(Level level, std::string_view event, const Field* fields, std::size_t count) {
  if (!enabled(level)) return;
  std::string line = format(currentFormat, now(), level, event, fields, count);
  line += '\n';
  const std::lock_guard lock(outputMutex);
  std::size_t done = 0;
  while (done < line.size()) {
    const ssize_t n = ::write(STDERR_FILENO, line.data() + done, line.size() - done);
    if (n <= 0) break;
    done += static_cast<std::size_t>(n);
  }
}

}  // namespace launcher::log
