// SPDX-License-Identifier: LGPL-2.1-or-later
// The names of accounts, calls and streams in the dialect twilio: two letters (AC, CA, MZ) and 32
// lower-case hexadecimal digits. Pure.
#pragma once

#include <cstddef>
#include <string_view>

namespace wsbridge::common {

inline constexpr std::size_t kTwilioSidDigits = 32;

constexpr bool isTwilioSid(std::string_view letters, std::string_view text) {
  return text.starts_with(letters) && text.size() == letters.size() + kTwilioSidDigits &&
         text.find_first_not_of("0123456789abcdef", letters.size()) == std::string_view::npos;
}

}  // namespace wsbridge::common
