// SPDX-License-Identifier: LGPL-2.1-or-later
//
// ContentType: the audio format named in the first message, "audio/l16;rate=16000". Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace wsbridge {

struct ContentType {
  int rate = 16000;

  /// Case and white space do not matter; double quotes around the value are stripped. Empty on any
  /// other media type, parameter or rate.
  static std::optional<ContentType> parse(std::string_view text);
  [[nodiscard]] std::string text() const;
  static bool isSupportedRate(int rate);
};

}  // namespace wsbridge
