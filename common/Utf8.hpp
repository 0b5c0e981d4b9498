// SPDX-License-Identifier: LGPL-2.1-or-later
//
// UTF-8 (RFC 3629): no overlong form, no surrogate, nothing above U+10FFFF. Pure; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace wsbridge::common {

/// Bytes of the character at the beginning of `text`; 0 when there is no well-formed one.
[[nodiscard]] size_t utf8Length(std::string_view text);

[[nodiscard]] bool isUtf8(std::string_view text);

/// Appends a character; it must not be a surrogate nor above U+10FFFF.
void appendUtf8(std::string& out, char32_t character);

}  // namespace wsbridge::common
