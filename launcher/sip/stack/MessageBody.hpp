// SPDX-License-Identifier: LGPL-2.1-or-later
// Bodies of MESSAGE and INFO that pass between the caller and the endpoint. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace launcher {

/// Types that a caller's message may have.
inline constexpr const char* kMessageTypes = "text/plain, application/json";
inline constexpr std::size_t kMaxMessageBytes = 8192;

/// Without parameters, in lower case.
[[nodiscard]] std::string mediaType(std::string_view contentType);
/// What a caller's message is answered with: 200, or 415, 413, 400 for its type, its length, and
/// what is no text in UTF-8.
[[nodiscard]] int messageStatus(std::string_view contentType, std::string_view body);
/// Fit for a Content-Type: type and subtype, nothing else.
[[nodiscard]] bool isPlainMediaType(std::string_view type);

}  // namespace launcher
