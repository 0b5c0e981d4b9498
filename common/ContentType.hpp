// SPDX-License-Identifier: LGPL-2.1-or-later
// ContentType: the audio format towards the endpoint, "audio/l16;rate=16000". Pure.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "common/AudioEncoding.hpp"

namespace wsbridge::common {

struct ContentType {
  static constexpr std::array kRates = {8000, 16000, 24000, 32000, 48000};  ///< Hz
  static constexpr const char* kSupported =
      "audio/l16 with rate 8000, 16000, 24000, 32000 or 48000, audio/pcmu or audio/pcma";

  int rate = 16000;  ///< Hz
  AudioEncoding encoding = AudioEncoding::Linear;

  /// Case and white space do not matter; double quotes are stripped. G.711 is audio/pcmu
  /// (audio/basic, audio/x-mulaw) and audio/pcma (audio/x-alaw), with rate=8000 or without. Empty
  /// on any other media type, parameter or rate.
  static std::optional<ContentType> parse(std::string_view text);
  /// The normal form.
  [[nodiscard]] std::string text() const;
  static bool isSupportedRate(int rate);

  bool operator==(const ContentType&) const = default;
};

}  // namespace wsbridge::common
