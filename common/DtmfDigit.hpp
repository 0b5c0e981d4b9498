// SPDX-License-Identifier: LGPL-2.1-or-later
// The sixteen digits of a telephone and their event codes (RFC 4733 section 3.2). Pure.
#pragma once

#include <optional>
#include <string_view>

namespace wsbridge::common {

/// In the order of the event codes, 0 to 15.
inline constexpr std::string_view kDtmfDigits = "0123456789*#ABCD";

constexpr bool isDtmfDigit(char digit) {
  return kDtmfDigits.find(digit) != std::string_view::npos;
}

/// Returns the event code of a digit, nothing for another character.
constexpr std::optional<int> dtmfCode(char digit) {
  const auto at = kDtmfDigits.find(digit);
  return at != std::string_view::npos ? std::optional(static_cast<int>(at)) : std::nullopt;
}

/// Returns the digit of an event code, nothing for the code of another event.
constexpr std::optional<char> dtmfDigit(long code) {
  if (code < 0 || code >= static_cast<long>(kDtmfDigits.size())) return std::nullopt;
  return kDtmfDigits[static_cast<std::size_t>(code)];
}

}  // namespace wsbridge::common
