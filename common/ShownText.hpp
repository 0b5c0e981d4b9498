// SPDX-License-Identifier: LGPL-2.1-or-later
// A text message of a WebSocket as a log may show it: bounded, on one line, and without the values
// of members that hold a secret. Pure.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace wsbridge::common {

inline constexpr std::size_t kMaxShownText = 2048;

/// Whether a member of that name is taken for a secret: a token, password, key or signature, or a
/// digit, which may be part of a caller's PIN.
bool isSecretName(std::string_view name);

/// In a JSON text the values of secret members are ***, those named in `names` besides the others.
/// Of any other text only the first word is shown. What is longer than the bound ends in "…".
std::string shownText(std::string_view text, std::span<const std::string> names = {});

}  // namespace wsbridge::common
