// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sip/dialog/DtmfRelay.hpp"

#include <algorithm>

#include "base/Text.hpp"
#include "common/DtmfDigit.hpp"
#include "sip/stack/MessageBody.hpp"

namespace launcher {

namespace {

constexpr unsigned kDefaultMs = 250;
constexpr std::int64_t kLongestMs = 60000;

std::optional<char> keyOf(std::string_view value) {
  const std::string text = text::trim(value);
  if (text.size() == 1) {
    const char key = static_cast<char>(text[0] >= 'a' && text[0] <= 'd' ? text[0] - 32 : text[0]);
    return wsbridge::common::isDtmfDigit(key) ? std::optional(key) : std::nullopt;
  }
  // Some phones write the event code of RFC 4733 in place of the key.
  const auto code = text::parseInteger(text);
  return text.size() == 2 && code && *code >= 10 ? wsbridge::common::dtmfDigit(*code)
                                                 : std::nullopt;
}

}  // namespace

bool isDtmfType(std::string_view contentType) {
  const std::string type = mediaType(contentType);
  return type == "application/dtmf-relay" || type == "application/dtmf";
}

std::string makeDtmfBody(const Digit& digit) {
  return std::string("Signal=") + digit.key + "\r\nDuration=" + std::to_string(digit.duration) +
         "\r\n";
}

std::optional<Digit> parseDtmfBody(std::string_view contentType, std::string_view body) {
  if (mediaType(contentType) == "application/dtmf") {
    const auto key = keyOf(body);
    return key ? std::optional<Digit>(Digit{*key, kDefaultMs}) : std::nullopt;
  }
  std::optional<char> key;
  unsigned duration = kDefaultMs;
  for (const std::string& line : text::splitList(body, "\r\n")) {
    const std::size_t equals = line.find('=');
    if (equals == std::string::npos) continue;
    const std::string name = text::lower(text::trim(std::string_view(line).substr(0, equals)));
    const std::string value = text::trim(std::string_view(line).substr(equals + 1));
    if (name == "signal") key = keyOf(value);
    if (name == "duration") {
      const auto ms = text::parseInteger(value);
      if (ms && *ms > 0) duration = static_cast<unsigned>(std::min(*ms, kLongestMs));
    }
  }
  return key ? std::optional<Digit>(Digit{*key, duration}) : std::nullopt;
}

}  // namespace launcher
