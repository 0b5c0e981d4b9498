// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Json: the one reader of JSON that others wrote: headers of an INVITE, claims, control messages.
// It takes exactly RFC 8259 in valid UTF-8, in which each surrogate escape is one of a pair, within
// a bound on bytes and on depth; anything else is a fault that names the byte, the cause and the
// remedy. What is accepted is kept as its source text without the white space between its tokens,
// so that what is passed on is passed on as it was written: 0.1 stays 0.1, \u0000 and 1e999 stay
// as they are. Time is linear in the text, the stack is bounded by the depth. Pure; an object is
// used by one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace wsbridge::common {

/// Objects and arrays within each other, the outermost one counted.
inline constexpr unsigned kJsonDepth = 32;

struct JsonFault {
  size_t byte;       ///< the first one is 1
  std::string text;  ///< goes behind "is": the cause, the byte and the remedy; shows no content
};

struct JsonMember;

/// A value inside a text that has been checked: a view, alive as long as the Json.
class JsonValue {
 public:
  enum class Kind { Null, Boolean, Number, String, Array, Object };

  [[nodiscard]] Kind kind() const;
  /// The source text, without white space between tokens.
  [[nodiscard]] std::string_view text() const { return text_; }

  /// Nothing when it is no string, or one with U+0000, which ends a string for half of the world.
  [[nodiscard]] std::optional<std::string> string() const;
  [[nodiscard]] std::optional<bool> boolean() const;
  /// The whole number nearest to zero from it; one beyond 64 bits is the greatest or the smallest.
  [[nodiscard]] std::optional<int64_t> integer() const;
  /// Of an object: the last one of that name, however the name is spelled.
  [[nodiscard]] std::optional<JsonValue> member(std::string_view name) const;
  /// Of an object: each name once, in the place of its first and with the value of its last.
  [[nodiscard]] std::vector<JsonMember> members() const;

 private:
  friend class Json;
  explicit JsonValue(std::string_view checked) : text_(checked) {}

  std::string_view text_;
};

struct JsonMember {
  std::string name;            ///< decoded; may have U+0000
  std::string_view name_text;  ///< as it was written, with its quotation marks
  JsonValue value;

  /// Whether somebody who stops at U+0000 could take it for `other`.
  [[nodiscard]] bool isNamed(std::string_view other) const {
    return std::string_view(name.c_str()) == other;
  }
};

class Json {
 public:
  static std::variant<Json, JsonFault> read(std::string_view text, size_t max_bytes);
  /// As read(); anything but an object is a fault as well.
  static std::variant<Json, JsonFault> readObject(std::string_view text, size_t max_bytes);

  [[nodiscard]] JsonValue root() const { return JsonValue(text_); }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  explicit Json(std::string checked) : text_(std::move(checked)) {}

  std::string text_;
};

}  // namespace wsbridge::common
