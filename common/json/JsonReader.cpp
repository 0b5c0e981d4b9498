// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/json/JsonReader.hpp"

#include <array>
#include <cstdint>

#include "common/Utf8.hpp"

namespace wsbridge::common {

namespace {

constexpr unsigned kHexDigits = 4;

/// Bytes that stand for themselves inside a string, without a further look.
constexpr std::array<bool, 256> kPlain = [] {
  std::array<bool, 256> plain{};
  for (size_t c = 0x20; c < 0x80; ++c)
    plain[c] = c != '"' && c != '\\';
  return plain;
}();

bool isDigit(char c) {
  return c >= '0' && c <= '9';
}
bool isHighSurrogate(unsigned unit) {
  return unit >= 0xD800 && unit <= 0xDBFF;
}
bool isLowSurrogate(unsigned unit) {
  return unit >= 0xDC00 && unit <= 0xDFFF;
}

constexpr const char* kWholeCharacters = "write it as UTF-8";
constexpr const char* kBothHalves = "write both halves of the pair, or the character as UTF-8";
constexpr const char* kCompleteIt = "complete it";

}  // namespace

std::optional<JsonFault> JsonReader::run() {
  skipSpace();
  if (value(0)) {
    skipSpace();
    if (!ended()) refuse("something stands behind the value", "leave it out");
  }
  return std::move(fault_);
}

bool JsonReader::value(unsigned depth) {
  const char c = next();
  if (c == '{' || c == '[') {
    if (depth == kJsonDepth) {
      fault_ = {at_ + 1, "nested deeper than " + std::to_string(kJsonDepth) + " levels at byte " +
                             std::to_string(at_ + 1) + "; flatten it"};
      return false;
    }
    return c == '{' ? object(depth + 1) : array(depth + 1);
  }
  if (c == '"') return string();
  if (c == '-' || isDigit(c)) return number();
  if (c == 't') return word("true");
  if (c == 'f') return word("false");
  if (c == 'n') return word("null");
  return refuseCharacter("a value is an object, an array, a string, a number, true, false or null");
}

bool JsonReader::object(unsigned depth) {
  take('{');
  skipSpace();
  if (take('}')) return true;
  for (;;) {
    if (next() != '"') return refuseCharacter("a name in quotation marks belongs there");
    if (!string()) return false;
    skipSpace();
    if (!take(':')) return refuseCharacter("a colon belongs behind a name");
    skipSpace();
    if (!value(depth)) return false;
    skipSpace();
    if (take('}')) return true;
    if (!take(',')) return refuseCharacter("a comma or } belongs there");
    skipSpace();
  }
}

bool JsonReader::array(unsigned depth) {
  take('[');
  skipSpace();
  if (take(']')) return true;
  for (;;) {
    if (!value(depth)) return false;
    skipSpace();
    if (take(']')) return true;
    if (!take(',')) return refuseCharacter("a comma or ] belongs there");
    skipSpace();
  }
}

bool JsonReader::word(std::string_view expected) {
  if (text_.substr(at_, expected.size()) != expected)
    return refuse("a word that JSON does not know", "write true, false, null or a string");
  out_.append(expected);
  at_ += expected.size();
  return true;
}

bool JsonReader::number() {
  const size_t begin = at_;
  if (next() == '-') ++at_;
  if (next() == '0') {
    ++at_;
    if (isDigit(next())) return refuse("a number with a leading zero", "leave the zero out");
  } else if (!digits()) {
    return false;
  }
  if (next() == '.') {
    ++at_;
    if (!digits()) return false;
  }
  if (next() == 'e' || next() == 'E') {
    ++at_;
    if (next() == '+' || next() == '-') ++at_;
    if (!digits()) return false;
  }
  out_.append(text_.substr(begin, at_ - begin));
  return true;
}

bool JsonReader::digits() {
  if (!isDigit(next())) return refuse("a number that lacks a digit", "write it in decimal digits");
  while (isDigit(next()))
    ++at_;
  return true;
}

bool JsonReader::string() {
  const size_t begin = at_++;
  for (;;) {
    while (!ended() && kPlain[static_cast<uint8_t>(text_[at_])])
      ++at_;
    if (ended()) return refuseAt(begin, "a string that does not end", kCompleteIt);
    const char c = text_[at_];
    if (c == '"') break;
    if (c == '\\') {
      if (!escape()) return false;
    } else if (static_cast<uint8_t>(c) < 0x20) {
      return refuse("a control character within a string", "escape it, as in \\n or \\u001f");
    } else {
      const size_t length = utf8Length(text_.substr(at_));
      if (length == 0) return refuse("a byte that is not UTF-8", "encode the text as UTF-8");
      at_ += length;
    }
  }
  ++at_;
  out_.append(text_.substr(begin, at_ - begin));
  return true;
}

bool JsonReader::escape() {
  const size_t begin = at_++;
  const char c = next();
  if (c != 'u') {
    if (ended() || std::string_view("\"\\/bfnrt").find(c) == std::string_view::npos)
      return refuseAt(begin, "an escape that JSON does not know", kWholeCharacters);
    ++at_;
    return true;
  }
  ++at_;
  const auto unit = hexadecimal();
  if (!unit) return refuseAt(begin, "\\u without four hexadecimal digits", kCompleteIt);
  if (isLowSurrogate(*unit)) return refuseAt(begin, "half of a surrogate pair", kBothHalves);
  if (!isHighSurrogate(*unit)) return true;
  if (text_.substr(at_, 2) != "\\u")
    return refuseAt(begin, "half of a surrogate pair", kBothHalves);
  at_ += 2;
  const auto second = hexadecimal();
  if (!second || !isLowSurrogate(*second))
    return refuseAt(begin, "half of a surrogate pair", kBothHalves);
  return true;
}

std::optional<unsigned> JsonReader::hexadecimal() {
  unsigned unit = 0;
  for (unsigned i = 0; i < kHexDigits; ++i, ++at_) {
    const char c = next();
    if (isDigit(c)) {
      unit = unit * 16 + static_cast<unsigned>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      unit = unit * 16 + static_cast<unsigned>(c - 'a') + 10;
    } else if (c >= 'A' && c <= 'F') {
      unit = unit * 16 + static_cast<unsigned>(c - 'A') + 10;
    } else {
      return std::nullopt;
    }
  }
  return unit;
}

void JsonReader::skipSpace() {
  while (!ended() &&
         (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t'))
    ++at_;
}

bool JsonReader::take(char c) {
  if (ended() || text_[at_] != c) return false;
  ++at_;
  out_.push_back(c);
  return true;
}

bool JsonReader::refuseAt(size_t at, const char* cause, const char* remedy) {
  fault_ = {at + 1, "not JSON at byte " + std::to_string(at + 1) + ": " + cause + "; " + remedy};
  return false;
}

bool JsonReader::refuseCharacter(const char* remedy) {
  if (ended()) return refuse("the text ends too early", kCompleteIt);
  if (text_.substr(at_).starts_with("\xEF\xBB\xBF"))
    return refuse("a byte order mark", "leave it out");
  const auto byte = static_cast<uint8_t>(text_[at_]);
  if (byte <= 0x20 || byte >= 0x7F) return refuse("a byte that is out of place", remedy);
  if (byte == '\'') return refuse("a single quote", "use double quotation marks");
  if (byte == '/' || byte == '#') return refuse("a comment", "leave it out");
  if (byte == '}' || byte == ']') return refuse("a value is missing", remedy);
  const std::string cause = std::string(1, text_[at_]) + " is out of place";
  return refuse(cause.c_str(), remedy);
}

}  // namespace wsbridge::common
