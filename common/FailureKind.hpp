// SPDX-License-Identifier: LGPL-2.1-or-later
// Why a WebSocket could not be opened or broke, and the word for it in the element message
// `wsbridge-failed` (docs/elements.md). Pure.
#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace wsbridge::common {

enum class FailureKind {
  Settings,
  Resolve,
  Refused,
  Timeout,
  Tls,
  Handshake,
  Protocol,
  Closed,
  Lost,
  PongTimeout,
};

/// In the order of the kinds.
inline constexpr std::array<const char*, 10> kFailureWords = {
    "settings",  "resolve",  "refused", "timeout", "tls",
    "handshake", "protocol", "closed",  "lost",    "pong-timeout"};

constexpr const char* nameOf(FailureKind kind) {
  return kFailureWords[static_cast<std::size_t>(kind)];
}

constexpr std::optional<FailureKind> failureKind(std::string_view word) {
  for (std::size_t i = 0; i < kFailureWords.size(); ++i) {
    if (word == kFailureWords[i]) return static_cast<FailureKind>(i);
  }
  return std::nullopt;
}

}  // namespace wsbridge::common
