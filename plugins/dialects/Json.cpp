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

/// In lower case, with the two letters outside of ASCII that Unicode folds to one within it.
std::string folded(std::string_view name) {
  constexpr std::string_view kLongS = "\xC5\xBF";
  constexpr std::string_view kKelvin = "\xE2\x84\xAA";
  std::string out;
  while (!name.empty()) {
    const bool long_s = name.starts_with(kLongS);
    const bool kelvin = name.starts_with(kKelvin);
    const char c = long_s ? 's' : kelvin ? 'k' : name.front();
    out.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
    name.remove_prefix(long_s ? kLongS.size() : kelvin ? kKelvin.size() : 1);
  }
  return out;
}

bool isTakenFor(const JsonMember& member, std::string_view own, Names names) {
  if (names == Names::SameCase) return member.isNamed(own);
  return folded(member.name.c_str()) == folded(own);
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
               std::initializer_list<std::string_view> own, Names names) {
  const auto object = readObject(custom, kMaxCustomWithOurs);
  if (!object) return;
  for (const JsonMember& member : object->root().members()) {
    const auto isThis = [&](std::string_view name) { return isTakenFor(member, name, names); };
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
  addCustom(object, custom, {name}, Names::SameCase);
  object.add(name, value);
  return object.text();
}

}  // namespace wsbridge::json
