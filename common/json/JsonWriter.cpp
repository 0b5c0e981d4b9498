// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/json/JsonWriter.hpp"

#include "common/Utf8.hpp"

namespace wsbridge::common {

namespace {

void appendControl(std::string& out, char c) {
  constexpr std::string_view kCharacters = "\b\f\n\r\t";
  constexpr std::string_view kLetters = "bfnrt";
  constexpr std::string_view kHex = "0123456789abcdef";
  out.push_back('\\');
  if (const size_t at = kCharacters.find(c); at != std::string_view::npos) {
    out.push_back(kLetters[at]);
  } else {
    out.append("u00").push_back(kHex[static_cast<unsigned char>(c) >> 4U]);
    out.push_back(kHex[static_cast<unsigned char>(c) & 0x0FU]);
  }
}

}  // namespace

std::string jsonString(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  out.push_back('"');
  while (!text.empty()) {
    const char c = text.front();
    const size_t length = utf8Length(text);
    if (length == 0) {
      out.append("\xEF\xBF\xBD");
    } else if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (length == 1 && (c < 0x20 || c == 0x7F)) {
      appendControl(out, c);
    } else {
      out.append(text.substr(0, length));
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out.push_back('"');
  return out;
}

std::string& JsonWriter::begin(std::string_view quoted_name) {
  if (text_.size() > 1) text_.push_back(',');
  return text_.append(quoted_name).append(":");
}

JsonWriter& JsonWriter::add(std::string_view name, std::string_view value) {
  return addChecked(name, jsonString(value));
}

JsonWriter& JsonWriter::add(std::string_view name, int64_t value) {
  return addChecked(name, std::to_string(value));
}

JsonWriter& JsonWriter::addBoolean(std::string_view name, bool value) {
  return addChecked(name, value ? "true" : "false");
}

JsonWriter& JsonWriter::addChecked(std::string_view name, std::string_view json) {
  begin(jsonString(name)).append(json);
  return *this;
}

JsonWriter& JsonWriter::add(const JsonMember& member) {
  begin(member.name_text).append(member.value.text());
  return *this;
}

JsonWriter& JsonWriter::addAsString(const JsonMember& member) {
  begin(member.name_text).append(jsonString(member.value.text()));
  return *this;
}

}  // namespace wsbridge::common
