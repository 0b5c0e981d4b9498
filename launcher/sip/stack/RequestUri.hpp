// SPDX-License-Identifier: LGPL-2.1-or-later
// The spellings of a request URI that routes are matched against, so that no caller gets past a
// route by writing the same address differently. Pure; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace launcher {

/// A longer one is answered 414.
inline constexpr std::size_t kMaxRequestUri = 1023;

/// Scheme and host in lower case; escapes of characters that may stand there as they are decoded,
/// the others in upper case; what no URI may hold escaped. Port and parameters stay. Applied to its
/// own result it changes nothing.
[[nodiscard]] std::string normalRequestUri(std::string_view uri);

/// What is tried in turn: the normal form; for sips: the same as sip:; for sip: and sips: without a
/// user `sip:@host…`; with a password the same without it; for `tel:N;parameters`
/// `sip:N@;parameters`, also without the visual separators of N. At least one.
[[nodiscard]] std::vector<std::string> requestUriForms(std::string_view uri);

}  // namespace launcher
