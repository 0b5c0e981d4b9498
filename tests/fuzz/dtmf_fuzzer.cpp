// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Keys, every way they come. The first byte says which: keys that the plugin's sender presses come
// out of the launcher's receiver; a receiver takes arbitrary payloads; a body of an INFO is read,
// and what is written of it reads the same.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "FuzzCheck.hpp"
#include "FuzzInput.hpp"
#include "rtp/DigitSender.hpp"
#include "sip/dialog/DtmfRelay.hpp"
#include "sip/dialog/TelephoneEvent.hpp"

namespace {

using fuzz::require;
using launcher::Digit;
using launcher::TelephoneEvent;

constexpr std::string_view kKeys = "0123456789*#ABCD";
constexpr uint32_t kRate = 8000;
constexpr size_t kFrame = 160;
constexpr uint64_t kFrameMs = 20;

void note(const TelephoneEvent::Result& result, std::string& keys) {
  if (result.earlier) keys += result.earlier->key;
  if (result.finished) keys += result.finished->key;
}

/// Two bytes a key, how long and which one; each of its first end packets may be lost.
void sendKeys(fuzz::Input input) {
  wsbridge::DigitSender sender;
  TelephoneEvent receiver(kRate);
  const unsigned losses = input.byte();
  std::string pressed;
  std::string heard;
  while (!input.empty() && sender.room() > 0) {
    const unsigned duration_ms = 40 + input.byte() * 8U;
    const char digit = kKeys[input.byte() % kKeys.size()];
    sender.press({digit, duration_ms});
    pressed += digit;
  }
  uint32_t timestamp = 0;
  uint32_t began = 0;
  uint64_t now_ms = 0;
  for (unsigned sent = 0; sender.active(); ++sent) {
    require(sent < 1U << 20U, "keys have an end");
    const auto payload = sender.next(kFrame, kRate, kRate);
    if (payload.first) began = timestamp;
    const bool lost = ((losses >> (sent % 8)) & 1U) != 0 && payload.completed == 0;
    if (!lost) {
      const auto sequence = static_cast<uint16_t>(sent);
      note(receiver.packet({payload.first, 101, sequence, began, 1}, payload.bytes, now_ms), heard);
    }
    timestamp += kFrame;
    now_ms += kFrameMs;
  }
  now_ms += 10 * TelephoneEvent::kSilenceMs;
  if (const auto last = receiver.expire(now_ms)) heard += last->key;
  require(heard == pressed, "the keys that are pressed are heard, each once and in order");
}

void checkDigit(const std::optional<Digit>& digit) {
  if (!digit) return;
  require(kKeys.find(digit->key) != std::string_view::npos, "a key is one");
}

void takeAnything(fuzz::Input input) {
  TelephoneEvent receiver((input.byte() & 1U) != 0 ? 16000 : kRate);
  uint64_t now_ms = 0;
  uint16_t sequence = 0;
  while (!input.empty()) {
    const unsigned what = input.byte();
    const uint32_t timestamp = (what & 2U) != 0 ? input.number() : input.byte() * 160U;
    now_ms += input.byte();
    const auto part = input.take((what >> 4U) % 8);
    const std::vector<uint8_t> payload(part.begin(), part.end());
    sequence = static_cast<uint16_t>(sequence + ((what & 8U) != 0 ? input.byte() : 1U));
    const auto result = receiver.packet(
        {(what & 1U) != 0, 101, sequence, timestamp, (what >> 7U) & 1U}, payload, now_ms);
    checkDigit(result.earlier);
    checkDigit(result.finished);
    if ((what & 4U) != 0) checkDigit(receiver.expire(now_ms));
  }
  checkDigit(receiver.expire(now_ms + 10 * TelephoneEvent::kSilenceMs));
  require(!receiver.pending(), "no key stays down for ever");
}

void readBody(const fuzz::Input& input) {
  const std::string text = input.rest();
  const size_t end = text.find('\n');
  const std::string type = text.substr(0, end);
  const std::string body = end == std::string::npos ? "" : text.substr(end + 1);
  (void)launcher::isDtmfType(type);
  const auto digit = launcher::parseDtmfBody(type, body);
  checkDigit(digit);
  if (!digit) return;
  require(digit->duration > 0 && digit->duration <= 60000, "a key lasts some time");
  const auto again =
      launcher::parseDtmfBody("application/dtmf-relay", launcher::makeDtmfBody(*digit));
  require(again == digit, "what is written reads the same");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  switch (input.byte() % 3) {
    case 0:
      sendKeys(input);
      break;
    case 1:
      takeAnything(input);
      break;
    default:
      readBody(input);
  }
  return 0;
}
