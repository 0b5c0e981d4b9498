// SPDX-License-Identifier: LGPL-2.1-or-later
//
// ContentType: the audio format towards the endpoint, "audio/l16;rate=16000". Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "audio/AudioEncoding.hpp"

namespace wsbridge {

struct ContentType {
  int rate = 16000;
  AudioEncoding encoding = AudioEncoding::Linear;

  /// Case and white space do not matter; double quotes around the value are stripped. G.711 is
  /// audio/pcmu (audio/basic, audio/x-mulaw) and audio/pcma (audio/x-alaw), with rate=8000 or
  /// without. Empty on any other media type, parameter or rate.
  static std::optional<ContentType> parse(std::string_view text);
  [[nodiscard]] std::string text() const;
  static bool isSupportedRate(int rate);

  bool operator==(const ContentType&) const = default;
};

}  // namespace wsbridge
