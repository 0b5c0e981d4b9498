// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/Redact.hpp"

#include <algorithm>
#include <array>

#include <glib.h>

#include "base/Text.hpp"

namespace launcher {

namespace {

constexpr auto kNone = std::string_view::npos;

bool isSchemeChar(char c) {
  return g_ascii_isalnum(c) || c == '+' || c == '.' || c == '-';
}

/// After a comma of a list.
bool startsEndpoint(std::string_view text) {
  constexpr std::array kSchemes = {"ws://", "wss://", "http://", "https://"};
  while (!text.empty() && text.front() == ' ')
    text.remove_prefix(1);
  const std::string start = text::lower(text.substr(0, 8));
  return std::any_of(kSchemes.begin(), kSchemes.end(),
                     [&](const char* scheme) { return start.starts_with(scheme); });
}

/// Where a URI in running text ends that begins at `at`.
std::size_t uriEnd(std::string_view text, std::size_t at) {
  for (; at < text.size(); ++at) {
    const auto c = static_cast<unsigned char>(text[at]);
    if (c <= ' ' || c == 0x7f || c == '"' || c == '<' || c == '>') break;
    if (c == ',' && startsEndpoint(text.substr(at + 1))) break;
  }
  return at;
}

/// What is behind `://`.
std::string withoutSecrets(std::string_view uri) {
  const std::size_t end = std::min(uri.find_first_of("/?#"), uri.size());
  const std::size_t at = uri.substr(0, end).rfind('@');
  std::string out = at == kNone ? "" : "***";
  const std::string_view rest = uri.substr(at == kNone ? 0 : at);
  const std::size_t query = rest.find_first_of("?#");
  out += rest.substr(0, query);
  return query == kNone || query + 1 == rest.size() ? out : out + "?***";
}

/// What is behind `sip:`. A password may hold all that ends a host.
std::string withoutPassword(std::string_view uri) {
  const std::size_t at = uri.rfind('@');
  const std::size_t colon = uri.find(':');
  std::string out(uri);
  if (at != kNone && colon < at) out.erase(colon, at - colon);
  // Of the whole: what was taken for a password may have stood behind headers.
  const std::size_t host = out.find('@');
  const std::size_t headers = out.find('?', host == std::string::npos ? 0 : host);
  if (headers == std::string::npos || headers + 1 == out.size()) return out;
  return out.substr(0, headers) + "?***";
}

}  // namespace

std::string redacted(std::string_view text) {
  std::string out;
  std::size_t done = 0;
  for (std::size_t colon = text.find(':'); colon != kNone; colon = text.find(':', colon + 1)) {
    std::size_t start = colon;
    while (start > done && isSchemeChar(text[start - 1]))
      --start;
    const std::string scheme = text::lower(text.substr(start, colon - start));
    const bool sip = scheme == "sip" || scheme == "sips";
    const bool hierarchical = !scheme.empty() && text.substr(colon).starts_with("://");
    if (!sip && !hierarchical) continue;
    const std::size_t begin = colon + (hierarchical ? 3 : 1);
    const std::size_t end = uriEnd(text, begin);
    const std::string_view uri = text.substr(begin, end - begin);
    out += text.substr(done, begin - done);
    out += hierarchical ? withoutSecrets(uri) : withoutPassword(uri);
    done = end;
    if (done == text.size()) break;
    colon = done - 1;
  }
  return out += text.substr(done);
}

std::string keyLikeWord(std::string_view line) {
  constexpr std::size_t kLongestKey = 32;
  const std::string_view word = line.substr(0, line.find_first_of(" \t:=\""));
  const bool alike = !word.empty() && word.size() <= kLongestKey &&
                     std::all_of(word.begin(), word.end(), [](char c) {
                       return g_ascii_islower(c) || c == '-' || c == '.' || c == '[';
                     });
  return alike ? "'" + std::string(word) + "'" : "'…'";
}

}  // namespace launcher
