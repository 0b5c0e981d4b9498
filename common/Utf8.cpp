// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/Utf8.hpp"

#include <cstdint>

namespace wsbridge::common {

namespace {

constexpr unsigned kContinuationBits = 6;

struct Lead {
  size_t length;
  uint8_t second_from;  // the second byte has the narrower bounds
  uint8_t second_to;
};

/// RFC 3629 section 4.
Lead leadOf(uint8_t byte) {
  if (byte >= 0xC2 && byte <= 0xDF) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte >= 0xE1 && byte <= 0xEF) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte >= 0xF1 && byte <= 0xF3) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

}  // namespace

size_t utf8Length(std::string_view text) {
  if (text.empty()) return 0;
  const auto first = static_cast<uint8_t>(text[0]);
  if (first < 0x80) return 1;
  const Lead lead = leadOf(first);
  if (lead.length == 0 || text.size() < lead.length) return 0;
  const auto second = static_cast<uint8_t>(text[1]);
  if (second < lead.second_from || second > lead.second_to) return 0;
  for (size_t i = 2; i < lead.length; ++i) {
    if ((static_cast<uint8_t>(text[i]) & 0xC0U) != 0x80) return 0;
  }
  return lead.length;
}

bool isUtf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = utf8Length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

void appendUtf8(std::string& out, char32_t character) {
  if (character < 0x80) {
    out.push_back(static_cast<char>(character));
    return;
  }
  const unsigned more = character < 0x800 ? 1 : character < 0x10000 ? 2 : 3;
  const uint32_t mark = more == 1 ? 0xC0U : more == 2 ? 0xE0U : 0xF0U;
  out.push_back(static_cast<char>(mark | (character >> (kContinuationBits * more))));
  for (unsigned left = more; left-- > 0;)
    out.push_back(static_cast<char>(0x80U | ((character >> (kContinuationBits * left)) & 0x3FU)));
}

}  // namespace wsbridge::common
