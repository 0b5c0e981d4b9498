// SPDX-License-Identifier: LGPL-2.1-or-later
#include "log/Log.hpp"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <thread>
#include <utility>

#include <unistd.h>

#include <glib.h>

#include "base/Redact.hpp"

namespace launcher::log {

namespace {

std::atomic<Level> configuredLevel{Level::Info};
std::atomic<bool> debugForced{false};
std::atomic<Format> currentFormat{Format::Text};

/// Where lines go that nobody waits for.
struct Queue {
  virtual ~Queue() = default;
  virtual void add(const std::string& line) = 0;
};

std::mutex outputMutex;
Queue* queue = nullptr;  ///< guarded by outputMutex

void writeAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

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
      appendEscaped(line, redacted(fields[i].value));
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
    const std::string shown = redacted(fields[i].value);
    const bool quotes = !fields[i].bare && needsQuotes(shown);
    if (quotes) line += '"';
    appendEscaped(line, shown);
    if (quotes) line += '"';
  }
  return line;
}

void write(Level level, std::string_view event, const Field* fields, std::size_t count) {
  if (!enabled(level)) return;
  std::string line = format(currentFormat, now(), level, event, fields, count);
  line += '\n';
  const std::lock_guard lock(outputMutex);
  if (queue) {
    queue->add(line);
  } else {
    writeAll(STDERR_FILENO, line);
  }
}

/// Lines on their way to a descriptor. The thread shares it, so that it may be left behind when the
/// descriptor takes nothing any more.
struct Background::Writer : Queue {
  explicit Writer(int target) : fd(target) {}

  void add(const std::string& line) override {
    const std::lock_guard lock(mutex);
    if (pending.size() + line.size() > kMostBytes) {
      ++dropped;
      return;
    }
    pending += line;
    changed.notify_all();
  }

  void run() {
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [this] { return stopping || !pending.empty(); });
      if (pending.empty()) break;
      std::string text;
      text.swap(pending);
      if (dropped > 0) {
        const Field lines("lines", std::exchange(dropped, 0));
        text += format(currentFormat, now(), Level::Warning, "log-dropped", &lines, 1) + "\n";
      }
      lock.unlock();
      writeAll(fd, text);
      lock.lock();
    }
    done = true;
    changed.notify_all();
  }

  const int fd;
  std::mutex mutex;
  std::condition_variable changed;
  std::string pending;
  std::size_t dropped = 0;
  bool stopping = false;
  bool done = false;
};

Background::Background(int fd) : writer_(std::make_shared<Writer>(fd)) {
  std::thread([writer = writer_] { writer->run(); }).detach();
  const std::lock_guard lock(outputMutex);
  queue = writer_.get();
}

Background::~Background() {
  constexpr auto kLongest = std::chrono::seconds(2);
  {
    const std::lock_guard lock(outputMutex);
    queue = nullptr;
  }
  std::unique_lock lock(writer_->mutex);
  writer_->stopping = true;
  writer_->changed.notify_all();
  writer_->changed.wait_for(lock, kLongest, [this] { return writer_->done; });
}

}  // namespace launcher::log
