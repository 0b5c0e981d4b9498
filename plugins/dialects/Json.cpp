// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dialects/Json.hpp"

#include <algorithm>
#include <utility>
#include <variant>

namespace wsbridge::json {

namespace {

/// Has room for what withMember() adds to the greatest one.
constexpr size_t kMaxCustomWithOurs = kMaxCustomBytes + 256;

std::optional<Json> readObject(std::string_view text, size_t max_bytes) {
  auto result = Json::readObject(text, max_bytes);
  if (auto* object = std::get_if<Json>(&result)) return std::move(*object);
  return std::nullopt;
}

}  // namespace

std::optional<Json> parseControl(std::string_view text, size_t max_bytes) {
  const size_t start = text.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos || text[start] != '{') return std::nullopt;
  return readObject(text, max_bytes);
}

std::optional<JsonValue> memberOf(const JsonValue& object, std::string_view outer,
                                  std::string_view inner) {
  const auto between = object.member(outer);
  return between ? between->member(inner) : std::nullopt;
}

std::optional<std::string> stringMember(const JsonValue& object, std::string_view name) {
  const auto value = object.member(name);
  return value ? value->string() : std::nullopt;
}

void addCustom(JsonWriter& to, const std::string& custom,
               std::initializer_list<std::string_view> own) {
  const auto object = readObject(custom, kMaxCustomWithOurs);
  if (!object) return;
  for (const JsonMember& member : object->root().members()) {
    const auto isThis = [&](std::string_view name) { return member.isNamed(name); };
    if (std::none_of(own.begin(), own.end(), isThis)) to.add(member);
  }
}

std::string customAsStrings(const std::string& custom) {
  JsonWriter strings;
  if (const auto object = readObject(custom, kMaxCustomWithOurs)) {
    for (const JsonMember& member : object->root().members()) {
      if (member.value.kind() == JsonValue::Kind::String) {
        strings.add(member);
      } else {
        strings.addAsString(member);
      }
    }
  }
  return strings.text();
}

std::string withMember(const std::string& custom, const char* name, int64_t value) {
  JsonWriter object;
  addCustom(object, custom, {name});
  object.add(name, value);
  return object.text();
}

}  // namespace wsbridge::json
