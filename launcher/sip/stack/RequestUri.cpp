// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sip/stack/RequestUri.hpp"

#include <algorithm>

#include <glib.h>

#include "base/Text.hpp"

namespace launcher {

namespace {

constexpr std::string_view kMark = "-_.!~*'()";           // RFC 3261 section 25.1
constexpr std::string_view kUserUnreserved = "&=+$,;?/";  // the same, of the user part
constexpr std::string_view kVisualSeparators = "-.()";    // RFC 3966 section 3

bool isHex(char c) {
  return g_ascii_isxdigit(c) != 0;
}

void appendEscaped(std::string& out, char c) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  const auto byte = static_cast<unsigned char>(c);
  out += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
}

/// `free`: besides letters, digits and marks, what may stand unescaped in this part.
std::string normalEscapes(std::string_view part, std::string_view free) {
  std::string out;
  out.reserve(part.size());
  for (std::size_t i = 0; i < part.size(); ++i) {
    const char c = part[i];
    if (c == '%' && i + 2 < part.size() && isHex(part[i + 1]) && isHex(part[i + 2])) {
      const char decoded = static_cast<char>(g_ascii_xdigit_value(part[i + 1]) * 16 +
                                             g_ascii_xdigit_value(part[i + 2]));
      const bool needless = g_ascii_isalnum(decoded) ||
                            kMark.find(decoded) != std::string_view::npos ||
                            (decoded != '\0' && free.find(decoded) != std::string_view::npos);
      needless ? out.push_back(decoded) : appendEscaped(out, decoded);
      i += 2;
    } else if (c == '%' || !g_ascii_isgraph(c)) {
      appendEscaped(out, c);
    } else {
      out.push_back(c);
    }
  }
  return out;
}

/// Without the brackets' content of IPv6, a host ends at its port, parameters or headers.
std::size_t hostEnd(std::string_view rest) {
  std::size_t from = 0;
  if (rest.starts_with('[')) from = std::min(rest.find(']'), rest.size());
  return std::min(rest.find_first_of(":;?/#", from), rest.size());
}

bool isSip(std::string_view scheme) {
  return scheme == "sip:" || scheme == "sips:";
}

struct Parts {
  std::string scheme;  ///< with the colon
  std::string_view rest;
};

Parts split(std::string_view uri) {
  const std::size_t colon = uri.find(':');
  if (colon == std::string_view::npos) return {"", uri};
  return {text::lower(normalEscapes(uri.substr(0, colon + 1), "")), uri.substr(colon + 1)};
}

}  // namespace

std::string normalRequestUri(std::string_view uri) {
  const auto [scheme, rest] = split(uri);
  if (!isSip(scheme)) return scheme + normalEscapes(rest, "");
  // Neither parameters nor headers may hold an @ of their own.
  const std::size_t at = rest.find('@');
  const std::size_t begin = at == std::string_view::npos ? 0 : at + 1;
  std::string user;
  if (at != std::string_view::npos) user = normalEscapes(rest.substr(0, at), kUserUnreserved) + "@";
  std::string tail = normalEscapes(rest.substr(begin), "");
  const std::size_t end = hostEnd(tail);
  return scheme + user + text::lower(tail.substr(0, end)) + tail.substr(end);
}

std::vector<std::string> requestUriForms(std::string_view uri) {
  std::vector<std::string> forms = {normalRequestUri(uri)};
  const std::string first = forms.front();
  const auto [scheme, rest] = split(first);
  if (scheme == "sips:") forms.push_back("sip:" + std::string(rest));
  if (isSip(scheme) && rest.find('@') == std::string_view::npos)
    forms.push_back("sip:@" + std::string(rest));
  const std::size_t at = rest.find('@');
  const std::size_t password = rest.find(':');
  if (isSip(scheme) && at != std::string_view::npos && password < at) {
    const std::string bare = std::string(rest.substr(0, password)) + std::string(rest.substr(at));
    forms.push_back("sip:" + bare);
    if (scheme == "sips:") forms.push_back("sips:" + bare);
  }
  if (scheme == "tel:") {
    const std::size_t end = std::min(rest.find_first_of(";?"), rest.size());
    std::string number(rest.substr(0, end));
    const std::string parameters = "@" + std::string(rest.substr(end));
    forms.push_back("sip:" + number + parameters);
    std::erase_if(number, [](char c) { return kVisualSeparators.find(c) != std::string::npos; });
    if (number.size() != end) forms.push_back("sip:" + number + parameters);
  }
  return forms;
}

}  // namespace launcher
