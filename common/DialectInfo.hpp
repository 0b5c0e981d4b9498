// SPDX-License-Identifier: LGPL-2.1-or-later
// The one table of dialects: how endpoint families write audio and events as WebSocket messages. A
// further dialect is a row here and a file in plugins/dialects (docs/howto/add-a-dialect.md). Pure.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "common/ContentType.hpp"

namespace wsbridge::common {

struct DialectInfo {
  const char* name;
  const char* summary;
  /// Offered in Sec-WebSocket-Protocol where nobody has chosen; may be empty.
  const char* subprotocols;
  /// The format of both directions, where the dialect knows one only.
  std::optional<ContentType> only;
  /// Besides linear audio it knows G.711.
  bool g711;

  /// Whether an application may ask for this format. Linear audio is asked for by rate, and a
  /// dialect with one format keeps to its own.
  [[nodiscard]] constexpr bool knows(const ContentType& type) const {
    return type.encoding == AudioEncoding::Linear || (g711 && (!only || *only == type));
  }
};

/// The first one is the default.
inline constexpr std::array<DialectInfo, 5> kDialects = {{
    {"wsbridge", "Linear PCM and JSON as of the original module", "WSBRIDGE", {}, false},
    {"vonage", "Vonage Voice API WebSockets", "WSBRIDGE", {}, false},
    {"twilio", "Twilio Media Streams: mu-law in base64 within JSON", "",
     ContentType{8000, AudioEncoding::Ulaw}, true},
    {"asterisk", "Asterisk's chan_websocket with JSON or plain-text control", "media", {}, true},
    {"jambonz", "The listen and stream verbs of jambonz", "audio.jambonz.org", {}, false},
}};

/// Returns the row of a dialect, or nothing. Names are in lower case.
constexpr std::optional<std::size_t> findDialect(std::string_view name) {
  for (std::size_t i = 0; i < kDialects.size(); ++i) {
    if (name == kDialects[i].name) return i;
  }
  return std::nullopt;
}

/// "wsbridge, vonage, …", for help and faults.
inline std::string dialectNames() {
  std::string all;
  for (const DialectInfo& dialect : kDialects)
    all += (all.empty() ? "" : ", ") + std::string(dialect.name);
  return all;
}

}  // namespace wsbridge::common
