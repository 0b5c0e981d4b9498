// SPDX-License-Identifier: LGPL-2.1-or-later
// The custom keys of a first message: a JSON object that the application or the caller gives. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "common/json/Json.hpp"

namespace wsbridge::common {

inline constexpr std::size_t kMaxCustomBytes = 8192;

/// Returns nothing when `text` is a JSON object within the bound, otherwise what is wrong with it,
/// to stand behind "is".
inline std::optional<std::string> faultInCustomHeaders(std::string_view text) {
  const auto result = Json::readObject(text, kMaxCustomBytes);
  const auto* fault = std::get_if<JsonFault>(&result);
  return fault != nullptr ? std::optional(fault->text) : std::nullopt;
}

}  // namespace wsbridge::common
