// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Writes JSON that is valid whatever it is given. Pure; an object is used by one thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/json/Json.hpp"

namespace wsbridge::common {

/// As a string with its quotation marks; bytes that are not UTF-8 become U+FFFD.
[[nodiscard]] std::string jsonString(std::string_view text);

/// One object, member by member.
class JsonWriter {
 public:
  JsonWriter& add(std::string_view name, std::string_view value);
  JsonWriter& add(std::string_view name, const char* value) {
    return add(name, std::string_view(value));
  }
  JsonWriter& add(std::string_view name, int64_t value);
  JsonWriter& addBoolean(std::string_view name, bool value);
  JsonWriter& addNull(std::string_view name) { return addChecked(name, "null"); }
  /// `json`: of a JsonValue, or of a writer.
  JsonWriter& addChecked(std::string_view name, std::string_view json);
  /// As it was read.
  JsonWriter& add(const JsonMember& member);
  /// With the text of its value as a string.
  JsonWriter& addAsString(const JsonMember& member);
  [[nodiscard]] std::string text() const { return text_ + '}'; }

 private:
  std::string& begin(std::string_view quoted_name);

  std::string text_ = "{";
};

}  // namespace wsbridge::common
