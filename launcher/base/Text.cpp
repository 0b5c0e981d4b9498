// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/Text.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>

#include <glib.h>

namespace launcher::text {

namespace {

bool isSpace(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f';
}

char lowerChar(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::size_t editDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      const std::size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({above + 1, row[j - 1] + 1, change});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

std::string trim(std::string_view value) {
  while (!value.empty() && isSpace(value.front()))
    value.remove_prefix(1);
  while (!value.empty() && isSpace(value.back()))
    value.remove_suffix(1);
  return std::string(value);
}

std::string lower(std::string_view value) {
  std::string result(value);
  std::transform(result.begin(), result.end(), result.begin(), lowerChar);
  return result;
}

bool equalsNoCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return lowerChar(x) == lowerChar(y);
         });
}

std::vector<std::string> splitList(std::string_view value, std::string_view separators) {
  std::vector<std::string> parts;
  while (!value.empty()) {
    const std::size_t end = value.find_first_of(separators);
    std::string part = trim(value.substr(0, end));
    if (!part.empty()) parts.push_back(std::move(part));
    if (end == std::string_view::npos) break;
    value.remove_prefix(end + 1);
  }
  return parts;
}

std::optional<std::int64_t> parseInteger(std::string_view value) {
  std::int64_t number = 0;
  const char* end = value.data() + value.size();
  const auto [stop, error] = std::from_chars(value.data(), end, number);
  if (value.empty() || error != std::errc() || stop != end) return std::nullopt;
  return number;
}

std::optional<std::string> percentDecode(std::string_view value) {
  std::string result;
  result.reserve(value.size());
  for (std::size_t i = 0; i < value.size(); ++i) {
    char c = value[i];
    if (c == '%') {
      if (i + 2 >= value.size()) return std::nullopt;
      const int high = g_ascii_xdigit_value(value[i + 1]);
      const int low = g_ascii_xdigit_value(value[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (c == '\0' || c == '\r' || c == '\n') return std::nullopt;
    result.push_back(c);
  }
  if (!g_utf8_validate(result.data(), static_cast<gssize>(result.size()), nullptr)) {
    return std::nullopt;
  }
  return result;
}

std::string stripQuotes(std::string_view value) {
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
    value = value.substr(1, value.size() - 2);
  }
  return std::string(value);
}

std::string withoutWhiteSpace(std::string_view value) {
  std::string result;
  std::copy_if(value.begin(), value.end(), std::back_inserter(result),
               [](char c) { return !isSpace(c); });
  return result;
}

std::string unfolded(std::string_view value) {
  std::string result;
  for (std::size_t at = 0; at < value.size();) {
    const std::size_t end = value.find_first_of("\r\n", at);
    result += value.substr(at, end - at);
    if (end == std::string_view::npos) break;
    while (!result.empty() && (result.back() == ' ' || result.back() == '\t'))
      result.pop_back();
    at = std::min(value.find_first_not_of("\r\n \t", end), value.size());
    if (!result.empty() && at < value.size()) result += ' ';
  }
  return result;
}

bool matchesWildcard(std::string_view pattern, std::string_view value) {
  std::size_t p = 0;
  std::size_t v = 0;
  std::size_t star = std::string_view::npos;
  std::size_t retry = 0;
  while (v < value.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      retry = v;
    } else if (p < pattern.size() && lowerChar(pattern[p]) == lowerChar(value[v])) {
      ++p;
      ++v;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      v = ++retry;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*')
    ++p;
  return p == pattern.size();
}

std::optional<std::string> nearest(std::string_view word,
                                   const std::vector<std::string>& candidates) {
  const std::string wanted = lower(word);
  const std::string* best = nullptr;
  std::size_t bestDistance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = editDistance(wanted, lower(candidate));
    if (distance < bestDistance) {
      bestDistance = distance;
      best = &candidate;
    }
  }
  return best ? std::optional<std::string>(*best) : std::nullopt;
}

std::string withoutCredentials(std::string_view uri) {
  std::string result(uri.substr(0, uri.find_first_of("?#")));
  const std::size_t scheme = result.find("://");
  if (scheme == std::string::npos) {  // sip:user:password@host
    const std::size_t host = result.rfind('@');
    const std::size_t password = result.find(':', result.find(':') + 1);
    if (host != std::string::npos && password < host) result.erase(password, host - password);
    return result;
  }
  const std::size_t start = scheme + 3;
  const std::size_t path = result.find('/', start);
  const std::size_t at = result.rfind('@', path == std::string::npos ? path : path - 1);
  if (at != std::string::npos && at >= start) result.erase(start, at + 1 - start);
  return result;
}

std::string maskUserInfo(std::string_view text) {
  std::string out;
  std::size_t done = 0;
  for (std::size_t at = text.find("://"); at != std::string_view::npos; at = text.find("://", at)) {
    at += 3;
    const std::size_t end = std::min(text.find_first_of("/?#", at), text.size());
    const std::size_t host = text.substr(at, end - at).rfind('@');
    if (host == std::string_view::npos) continue;
    out.append(text.substr(done, at - done)).append("***");
    done = at + host;
    at = end;
  }
  return out.append(text.substr(done));
}

}  // namespace launcher::text
