// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/json/Json.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "common/Utf8.hpp"
#include "common/json/JsonReader.hpp"

namespace wsbridge::common {

namespace {

// Below, `text` is one that JsonReader has accepted and stripped of white space.

unsigned hexadecimal(std::string_view digits) {
  unsigned unit = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), unit, 16);
  return unit;
}

/// The character behind `\u` at `at`, which moves behind it.
char32_t escapedCharacter(std::string_view text, size_t& at) {
  const unsigned unit = hexadecimal(text.substr(at, 4));
  at += 4;
  if (unit < 0xD800 || unit > 0xDBFF) return unit;
  const unsigned low = hexadecimal(text.substr(at + 2, 4));
  at += 6;
  return 0x10000 + ((unit - 0xD800) << 10U) + (low - 0xDC00);
}

/// Without its quotation marks and escapes.
std::string decoded(std::string_view token) {
  const std::string_view text = token.substr(1, token.size() - 2);
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const size_t escape = std::min(text.find('\\', at), text.size());
    out.append(text.substr(at, escape - at));
    at = escape;
    if (at == text.size()) break;
    const char c = text[at + 1];
    at += 2;
    if (c == 'u') {
      appendUtf8(out, escapedCharacter(text, at));
    } else {
      constexpr std::string_view kLetters = "bfnrt";
      constexpr std::string_view kCharacters = "\b\f\n\r\t";
      const size_t letter = kLetters.find(c);
      out.push_back(letter == std::string_view::npos ? c : kCharacters[letter]);
    }
  }
  return out;
}

size_t endOfString(std::string_view text, size_t at) {
  for (++at; text[at] != '"'; ++at) {
    if (text[at] == '\\') ++at;
  }
  return at + 1;
}

size_t endOfValue(std::string_view text, size_t at) {
  unsigned depth = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"') {
      at = endOfString(text, at);
      if (depth == 0) return at;
      continue;
    }
    if (depth == 0 && (c == ',' || c == '}' || c == ']')) return at;
    ++at;
    if (c == '{' || c == '[') ++depth;
    if ((c == '}' || c == ']') && --depth == 0) return at;
  }
  return at;
}

/// `take` gets the tokens of each member's name and value.
template <class Take>
void forEachMember(std::string_view object, const Take& take) {
  for (size_t at = 1; at + 1 < object.size(); ++at) {
    const size_t name_end = endOfString(object, at);
    const size_t value_end = endOfValue(object, name_end + 1);
    take(object.substr(at, name_end - at), object.substr(name_end + 1, value_end - name_end - 1));
    at = value_end;
  }
}

bool isNamed(std::string_view token, std::string_view name) {
  const std::string_view plain = token.substr(1, token.size() - 2);
  if (plain.find('\\') == std::string_view::npos) return plain == name;
  return decoded(token) == name;
}

/// Whether a number that no double is near to is too large, and not too small.
bool isLarge(std::string_view number) {
  const size_t exponent_at = std::min(number.find_first_of("eE"), number.size());
  const std::string_view mantissa = number.substr(0, exponent_at);
  const size_t point = std::min(mantissa.find('.'), mantissa.size());
  const size_t first = mantissa.find_first_of("123456789");
  const auto before_point = static_cast<double>(point) - static_cast<double>(first);
  double exponent = 0;
  if (exponent_at < number.size()) {
    std::string_view digits = number.substr(exponent_at + 1);
    const bool negative = digits.front() == '-';
    if (negative || digits.front() == '+') digits.remove_prefix(1);
    for (const char c : digits)
      exponent = exponent * 10 + (c - '0');
    if (negative) exponent = -exponent;
  }
  return before_point + exponent > 0;
}

int64_t saturated(double value) {
  constexpr double kBeyond = 9223372036854775808.0;  // 2^63
  if (value >= kBeyond) return std::numeric_limits<int64_t>::max();
  if (value < -kBeyond) return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(value);
}

}  // namespace

JsonValue::Kind JsonValue::kind() const {
  switch (text_.front()) {
    case '{':
      return Kind::Object;
    case '[':
      return Kind::Array;
    case '"':
      return Kind::String;
    case 't':
    case 'f':
      return Kind::Boolean;
    case 'n':
      return Kind::Null;
    default:
      return Kind::Number;
  }
}

std::optional<std::string> JsonValue::string() const {
  if (kind() != Kind::String) return std::nullopt;
  std::string text = decoded(text_);
  if (text.find('\0') != std::string::npos) return std::nullopt;
  return text;
}

std::optional<bool> JsonValue::boolean() const {
  if (kind() != Kind::Boolean) return std::nullopt;
  return text_.front() == 't';
}

std::optional<int64_t> JsonValue::integer() const {
  if (kind() != Kind::Number) return std::nullopt;
  const char* begin = text_.data();
  const char* end = begin + text_.size();
  int64_t whole = 0;
  if (const auto result = std::from_chars(begin, end, whole);
      result.ec == std::errc() && result.ptr == end)
    return whole;
  double value = 0;
  if (std::from_chars(begin, end, value).ec == std::errc::result_out_of_range && isLarge(text_)) {
    value = text_.front() == '-' ? -std::numeric_limits<double>::infinity()
                                 : std::numeric_limits<double>::infinity();
  }
  return saturated(value);
}

std::optional<JsonValue> JsonValue::member(std::string_view name) const {
  std::optional<JsonValue> found;
  if (kind() != Kind::Object) return found;
  forEachMember(text_, [&](std::string_view name_text, std::string_view value) {
    if (isNamed(name_text, name)) found = JsonValue(value);
  });
  return found;
}

std::vector<JsonMember> JsonValue::members() const {
  std::vector<JsonMember> all;
  if (kind() != Kind::Object) return all;
  forEachMember(text_, [&](std::string_view name_text, std::string_view value) {
    all.push_back({decoded(name_text), name_text, JsonValue(value)});
  });
  std::vector<size_t> by_name(all.size());
  std::iota(by_name.begin(), by_name.end(), 0);
  std::stable_sort(by_name.begin(), by_name.end(),
                   [&](size_t a, size_t b) { return all[a].name < all[b].name; });
  std::vector<bool> again(all.size(), false);
  for (size_t i = 0, first = 0; i < by_name.size(); ++i) {
    if (all[by_name[i]].name != all[by_name[first]].name) first = i;
    if (i == first) continue;
    all[by_name[first]].value = all[by_name[i]].value;
    again[by_name[i]] = true;
  }
  size_t kept = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    if (again[i]) continue;
    if (kept != i) all[kept] = std::move(all[i]);
    ++kept;
  }
  all.erase(all.begin() + static_cast<ptrdiff_t>(kept), all.end());
  return all;
}

std::variant<Json, JsonFault> Json::read(std::string_view text, size_t max_bytes) {
  if (text.size() > max_bytes) {
    return JsonFault{max_bytes + 1,
                     "longer than " + std::to_string(max_bytes) + " bytes; shorten it"};
  }
  JsonReader reader(text);
  if (auto fault = reader.run()) return *std::move(fault);
  return Json(reader.takeTokens());
}

std::variant<Json, JsonFault> Json::readObject(std::string_view text, size_t max_bytes) {
  auto result = read(text, max_bytes);
  const Json* json = std::get_if<Json>(&result);
  if (json == nullptr || json->root().kind() == JsonValue::Kind::Object) return result;
  return JsonFault{1, "not a JSON object; give one such as {\"key\":\"value\"}"};
}

}  // namespace wsbridge::common
