// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Takes an input apart: numbers from its front, fields between separators. What is missing is 0 or
// empty, so that every input is one. Does not own the bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fuzz {

class Input {
 public:
  Input(const uint8_t* data, size_t size) : bytes_(data, size) {}

  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  uint8_t byte() {
    if (bytes_.empty()) return 0;
    const uint8_t value = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return value;
  }
  uint16_t word() {
    const unsigned high = byte();
    return static_cast<uint16_t>(high << 8U | byte());
  }
  uint32_t number() {
    const uint32_t high = word();
    return high << 16U | word();
  }
  /// At most so many.
  std::span<const uint8_t> take(size_t count) {
    const auto part = bytes_.first(count < bytes_.size() ? count : bytes_.size());
    bytes_ = bytes_.subspan(part.size());
    return part;
  }
  [[nodiscard]] std::string rest() const { return {bytes_.begin(), bytes_.end()}; }
  /// Of the rest.
  [[nodiscard]] std::vector<std::string> fields(char separator) const {
    std::vector<std::string> out(1);
    for (const uint8_t c : bytes_) {
      if (static_cast<char>(c) == separator) {
        out.emplace_back();
      } else {
        out.back().push_back(static_cast<char>(c));
      }
    }
    return out;
  }

 private:
  std::span<const uint8_t> bytes_;
};

inline bool hasControl(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return true;
  }
  return false;
}

/// The value of the line "x …", if there is one.
inline std::optional<std::string> lineOf(const std::vector<std::string>& lines, char letter) {
  for (const std::string& line : lines) {
    if (line.size() >= 2 && line[0] == letter && line[1] == ' ') return line.substr(2);
  }
  return std::nullopt;
}

}  // namespace fuzz
