// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sip/stack/MessageBody.hpp"

#include <algorithm>

#include <glib.h>

#include "base/Text.hpp"

namespace launcher {

namespace {

constexpr std::size_t kMaxTypePart = 64;

/// RFC 6838 4.2.
bool isTypeName(std::string_view name) {
  constexpr std::string_view kMarks = "!#$&-^_.+";
  return !name.empty() && name.size() <= kMaxTypePart &&
         std::all_of(name.begin(), name.end(), [&](char c) {
           return g_ascii_isalnum(c) || kMarks.find(c) != std::string_view::npos;
         });
}

/// Text that says nothing of its encoding is taken for UTF-8 as well.
bool isUtf8(std::string_view contentType) {
  for (const std::string& parameter : text::splitList(contentType, ";")) {
    const std::string lower = text::lower(text::withoutWhiteSpace(parameter));
    if (!lower.starts_with("charset=")) continue;
    const std::string charset = text::stripQuotes(lower.substr(lower.find('=') + 1));
    if (charset != "utf-8" && charset != "us-ascii") return false;
  }
  return true;
}

}  // namespace

std::string mediaType(std::string_view contentType) {
  return text::lower(text::trim(contentType.substr(0, contentType.find(';'))));
}

int messageStatus(std::string_view contentType, std::string_view body) {
  const std::string type = mediaType(contentType);
  const bool known = type == "text/plain" || type == "application/json";
  if (!known || !isUtf8(contentType)) return 415;
  if (body.size() > kMaxMessageBytes) return 413;
  if (!g_utf8_validate_len(body.data(), body.size(), nullptr)) return 400;
  return 200;
}

bool isPlainMediaType(std::string_view type) {
  const std::size_t slash = type.find('/');
  return slash != std::string_view::npos && isTypeName(type.substr(0, slash)) &&
         isTypeName(type.substr(slash + 1));
}

}  // namespace launcher
