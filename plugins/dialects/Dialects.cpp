// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The table of the dialects, and what they all have in common.
#include <array>

#include "dialects/Dialect.hpp"
#include "dialects/Json.hpp"

namespace wsbridge {

std::unique_ptr<Dialect> makeWsbridgeDialect();
std::unique_ptr<Dialect> makeVonageDialect();
std::unique_ptr<Dialect> makeTwilioDialect();
std::unique_ptr<Dialect> makeAsteriskDialect();
std::unique_ptr<Dialect> makeJambonzDialect();

namespace {

constexpr std::array kDialects = {
    DialectRow{"wsbridge",
               "Linear PCM and JSON as of the original module",
               "WSBRIDGE",
               {},
               false,
               makeWsbridgeDialect},
    DialectRow{"vonage", "Vonage Voice API WebSockets", "WSBRIDGE", {}, false, makeVonageDialect},
    DialectRow{"twilio", "Twilio Media Streams: mu-law in base64 within JSON", "",
               ContentType{8000, AudioEncoding::Ulaw}, true, makeTwilioDialect},
    DialectRow{"asterisk",
               "Asterisk's chan_websocket with JSON or plain-text control",
               "media",
               {},
               true,
               makeAsteriskDialect},
    DialectRow{"jambonz",
               "The listen and stream verbs of jambonz",
               "audio.jambonz.org",
               {},
               false,
               makeJambonzDialect},
};

}  // namespace

std::span<const DialectRow> dialects() {
  return kDialects;
}

void Dialect::writeAudio(std::span<const uint8_t>, int64_t, std::string& out) {
  out.clear();
}

std::optional<std::string> faultInCustomHeaders(const std::string& text) {
  if (text.empty()) return std::nullopt;
  const auto result = json::Json::readObject(text, json::kMaxCustomBytes);
  const auto* fault = std::get_if<common::JsonFault>(&result);
  return fault != nullptr ? std::optional(fault->text) : std::nullopt;
}

bool isDtmfDigit(char digit) {
  return (digit >= '0' && digit <= '9') || (digit >= 'A' && digit <= 'D') || digit == '*' ||
         digit == '#';
}

}  // namespace wsbridge
