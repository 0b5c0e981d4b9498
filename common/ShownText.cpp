// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/ShownText.hpp"

#include <algorithm>
#include <array>

namespace wsbridge::common {

namespace {

constexpr auto kNone = std::string_view::npos;
constexpr std::string_view kSpaces = " \t\r\n";

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// Behind the string that begins at `at`, which is a quotation mark.
std::size_t stringEnd(std::string_view text, std::size_t at) {
  for (++at; at < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (text[at] == '"') {
      return at + 1;
    }
  }
  return text.size();
}

/// Behind the value that begins at `at`, whatever it is.
std::size_t valueEnd(std::string_view text, std::size_t at) {
  std::size_t depth = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"') {
      at = stringEnd(text, at);
      if (depth == 0) return at;
      continue;
    }
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') {
      if (depth == 0) return at;
      if (--depth == 0) return at + 1;
    }
    if (c == ',' && depth == 0) return at;
    ++at;
  }
  return text.size();
}

std::size_t skipSpaces(std::string_view text, std::size_t at) {
  return std::min(text.find_first_not_of(kSpaces, at), text.size());
}

std::string blanked(std::string_view text, std::span<const std::string> names) {
  std::string out;
  std::size_t at = 0;
  // A little more than will be shown, so that the end tells that something was left out.
  while (at < text.size() && out.size() <= kMaxShownText) {
    if (text[at] != '"') {
      out.push_back(text[at++]);
      continue;
    }
    const std::size_t end = stringEnd(text, at);
    const std::string_view word = text.substr(at, end - at);
    out.append(word);
    at = skipSpaces(text, end);
    if (at == text.size() || text[at] != ':') continue;
    const std::string_view name = word.size() >= 2 ? word.substr(1, word.size() - 2) : "";
    const bool secret =
        isSecretName(name) || std::find(names.begin(), names.end(), name) != names.end();
    if (!secret) continue;
    out += ":\"***\"";
    at = valueEnd(text, skipSpaces(text, at + 1));
  }
  return out;
}

}  // namespace

bool isSecretName(std::string_view name) {
  constexpr std::array<std::string_view, 12> kWords = {"auth",   "token",      "secret", "password",
                                                       "passwd", "passphrase", "cookie", "key",
                                                       "sign",   "credential", "digit",  "pin"};
  // One that is written with escapes may be any of them.
  if (name.find('\\') != kNone) return true;
  std::string folded(name);
  std::transform(folded.begin(), folded.end(), folded.begin(), lower);
  return std::any_of(kWords.begin(), kWords.end(),
                     [&](std::string_view word) { return folded.find(word) != std::string::npos; });
}

std::string shownText(std::string_view text, std::span<const std::string> names) {
  const std::size_t begin = skipSpaces(text, 0);
  const bool json = begin < text.size() && (text[begin] == '{' || text[begin] == '[');
  std::string out = json ? blanked(text, names) : std::string(text.substr(0, text.find(' ')));
  const bool left = (!json && out.size() < text.size()) || out.size() > kMaxShownText;
  if (out.size() > kMaxShownText) {
    std::size_t cut = kMaxShownText;
    while (cut > 0 && (static_cast<unsigned char>(out[cut]) & 0xC0) == 0x80)
      --cut;  // not within a character
    out.resize(cut);
  }
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  }
  if (left) out += "… (" + std::to_string(text.size()) + " bytes)";
  return out;
}

}  // namespace wsbridge::common
