// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Values of SIP headers and bodies, with U+0000 between them: Session-Expires, Min-SE,
// Content-Type, a body, a text for our own headers, a percent-encoded text.
#include <cstdint>
#include <string>
#include <vector>

#include "FuzzCheck.hpp"
#include "FuzzInput.hpp"
#include "base/CallEnd.hpp"
#include "base/Text.hpp"
#include "common/Utf8.hpp"
#include "sip/dialog/SessionTimer.hpp"
#include "sip/stack/MessageBody.hpp"

namespace {

using fuzz::require;
using namespace launcher;

std::optional<std::string> given(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

void checkHeaders(const SessionTimer::Headers& headers) {
  if (headers.sessionExpires.empty()) return;
  const auto expires = parseSessionExpires(headers.sessionExpires);
  require(expires && !expires->refresher.empty(), "our Session-Expires is one");
  require(headers.minSe.empty() || parseSessionExpires(headers.minSe), "our Min-SE is one");
}

void checkTimes(const SessionTimer& timer) {
  if (timer.role() == SessionTimer::Role::None) return;
  require(timer.refreshAfter().count() > 0 && timer.expiresAfter() >= timer.refreshAfter(),
          "a session is refreshed before it is over");
  checkHeaders(timer.refresh());
}

void runTimer(const SessionHeaders& headers) {
  SessionTimer timer;
  if (timer.request(headers) == SessionTimer::Verdict::Fine) {
    checkHeaders(timer.answer());
    timer.agreed();
    require(!headers.supported || timer.interval() == 0 || timer.interval() >= SessionTimer::kMinSe,
            "no session is shorter than we agree to");
    checkTimes(timer);
  }
  timer.accepted(headers, true);
  checkTimes(timer);
  if (timer.tooBrief(headers)) checkHeaders(timer.refresh());
}

/// As a quoted string is read, RFC 3261 25.1.
std::string unquoted(const std::string& header) {
  const size_t begin = header.find('"');
  require(begin != std::string::npos && header.back() == '"', "a text stands in quotes");
  std::string out;
  for (size_t i = begin + 1; i + 1 < header.size(); ++i) {
    require(header[i] != '"', "quotes do not end early");
    if (header[i] == '\\') ++i;
    require(i + 1 < header.size(), "the last quote is no escaped one");
    out += header[i];
  }
  return out;
}

void checkQuoting(const std::string& text) {
  std::string expected = text;
  for (char& c : expected) {
    if (fuzz::hasControl({&c, 1})) c = ' ';
  }
  for (const std::string& header : {reasonHeader(503, text), warningHeader(399, text)}) {
    require(!fuzz::hasControl(header), "a header is one line");
    require(unquoted(header) == expected, "a quoted text reads back");
  }
}

void checkEscapes(const std::string& text) {
  const auto decoded = text::percentDecode(text);
  (void)text::stripQuotes(text);
  if (!decoded) return;
  require(wsbridge::common::isUtf8(*decoded), "what is decoded is UTF-8");
  require(decoded->find_first_of(std::string_view("\0\r\n", 3)) == std::string::npos,
          "what is decoded is one line");
  std::string encoded;
  for (const char c : *decoded) {
    constexpr char kDigits[] = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    encoded += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
  }
  require(text::percentDecode(encoded) == decoded, "what is encoded again reads the same");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<std::string> fields = fuzz::Input(data, size).fields('\0');
  fields.resize(6);
  runTimer({given(fields[0]), given(fields[1]), size % 2 == 0});
  if (messageStatus(fields[2], fields[3]) == 200) {
    require(wsbridge::common::isUtf8(fields[3]), "a text that is taken is UTF-8");
    require(isPlainMediaType(mediaType(fields[2])), "its type is a plain one");
  }
  if (isPlainMediaType(fields[2]))
    require(!fuzz::hasControl(fields[2]), "a media type can stand in a header");
  checkQuoting(fields[4]);
  checkEscapes(fields[5]);
  return 0;
}
