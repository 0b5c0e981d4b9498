// SPDX-License-Identifier: LGPL-2.1-or-later
// Small text functions that every room of the launcher uses. Pure; any thread may call them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace launcher::text {

[[nodiscard]] std::string trim(std::string_view value);
std::string lower(std::string_view value);
[[nodiscard]] bool equalsNoCase(std::string_view a, std::string_view b);

/// Splits at any of the separators; parts are trimmed, empty ones dropped.
[[nodiscard]] std::vector<std::string> splitList(std::string_view value,
                                                 std::string_view separators);

/// Strict decimal number, the whole text.
[[nodiscard]] std::optional<std::int64_t> parseInteger(std::string_view value);

/// Strict percent-decoding: a truncated or non-hex escape, an embedded NUL, CR or LF, and bytes
/// that are not UTF-8 give nothing.
[[nodiscard]] std::optional<std::string> percentDecode(std::string_view value);

/// One pair of surrounding double quotes is taken off.
[[nodiscard]] std::string stripQuotes(std::string_view value);

[[nodiscard]] std::string withoutWhiteSpace(std::string_view value);

/// Of a header's value that goes on in further lines: one line, RFC 3261 7.3.1.
[[nodiscard]] std::string unfolded(std::string_view value);

/// `*` stands for any run of characters; case does not matter.
[[nodiscard]] bool matchesWildcard(std::string_view pattern, std::string_view value);

/// The candidate that is most like the word, when one is near enough to be meant.
[[nodiscard]] std::optional<std::string> nearest(std::string_view word,
                                                 const std::vector<std::string>& candidates);

/// A URI fit for a log: without user-info, query and fragment. Of a sip: URI, whose user says where
/// it leads, only the password goes.
[[nodiscard]] std::string withoutCredentials(std::string_view uri);

/// The text with *** for the user-info of every URI in it.
[[nodiscard]] std::string maskUserInfo(std::string_view text);

}  // namespace launcher::text
