// SPDX-License-Identifier: LGPL-2.1-or-later
//
// JsonReader: checks a text against RFC 8259 and copies its tokens. For Json only.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/json/Json.hpp"

namespace wsbridge::common {

class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : text_(text) { out_.reserve(text.size()); }

  /// Once.
  std::optional<JsonFault> run();
  /// The tokens of the text without white space between them.
  std::string takeTokens() { return std::move(out_); }

 private:
  bool value(unsigned depth);
  bool object(unsigned depth);
  bool array(unsigned depth);
  bool word(std::string_view expected);
  bool number();
  bool digits();
  bool string();
  bool escape();
  std::optional<unsigned> hexadecimal();

  void skipSpace();
  [[nodiscard]] bool ended() const { return at_ == text_.size(); }
  [[nodiscard]] char next() const { return ended() ? '\0' : text_[at_]; }
  /// Takes a token of one character.
  bool take(char c);
  bool refuse(const char* cause, const char* remedy) { return refuseAt(at_, cause, remedy); }
  bool refuseAt(size_t at, const char* cause, const char* remedy);
  /// Names the character that stands where another one should.
  bool refuseCharacter(const char* remedy);

  std::string_view text_;
  size_t at_ = 0;
  std::string out_;
  std::optional<JsonFault> fault_;
};

}  // namespace wsbridge::common
