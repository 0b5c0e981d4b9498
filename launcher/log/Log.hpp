// SPDX-License-Identifier: LGPL-2.1-or-later
// The log: one line per record on standard error, as text or JSON. Values are always escaped, so
// that nothing a caller or an endpoint sent can forge a line, and secrets in URIs are taken out.
// Any thread may write; while there is a Background, none of them waits for whoever reads standard
// error.
#pragma once

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

namespace launcher::log {

enum class Level { Error, Warning, Info, Debug };
enum class Format { Text, Json };

/// One key and its value; numbers and booleans stay bare in JSON.
struct Field {
  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const std::string& v) : key(k), value(v) {}
  Field(std::string_view k, const char* v) : key(k), value(v ? v : "") {}
  Field(std::string_view k, bool v) : key(k), value(v ? "true" : "false"), bare(true) {}
  template <std::integral T>
  Field(std::string_view k, T v) : key(k), value(std::to_string(v)), bare(true) {}
  Field(std::string_view k, double v);

  std::string_view key;
  std::string value;
  bool bare = false;
};

using Fields = std::initializer_list<Field>;

void setLevel(Level level);
void setFormat(Format format);
/// What SIGUSR1 does: debug on, or back to the configured level. Returns whether debug is on now.
[[nodiscard]] bool toggleDebug();
bool enabled(Level level);

void write(Level level, std::string_view event, const Field* fields, std::size_t count);
inline void write(Level level, std::string_view event, Fields fields) {
  if (enabled(level)) write(level, event, fields.begin(), fields.size());
}
inline void error(std::string_view event, Fields fields) {
  write(Level::Error, event, fields);
}
inline void warning(std::string_view event, Fields fields) {
  write(Level::Warning, event, fields);
}
inline void info(std::string_view event, Fields fields) {
  write(Level::Info, event, fields);
}
inline void debug(std::string_view event, Fields fields) {
  write(Level::Debug, event, fields);
}

/// Writes on a thread of its own for as long as it lives; one at a time. Its end waits for what is
/// still to be written, but not for ever. What a reader is too slow for is dropped and counted.
class Background {
 public:
  static constexpr std::size_t kMostBytes = std::size_t{4} << 20;

  explicit Background(int fd = 2);
  ~Background();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

 private:
  struct Writer;
  std::shared_ptr<Writer> writer_;
};

/// The record as it would be written, without the line end. Pure.
[[nodiscard]] std::string format(Format format, std::string_view time, Level level,
                                 std::string_view event, const Field* fields, std::size_t count);

}  // namespace launcher::log
