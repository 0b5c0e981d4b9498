// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dialects/ContentType.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <glib.h>

namespace wsbridge {

namespace {

constexpr std::array kRates = {8000, 16000, 24000, 32000, 48000};
constexpr size_t kMaxLength = 50;
constexpr std::string_view kPrefix = "audio/l16;rate=";
constexpr int kG711Rate = 8000;

struct G711Name {
  std::string_view text;
  AudioEncoding encoding;
};
/// The first of each encoding is the one that is written.
constexpr std::array<G711Name, 5> kG711Names = {{{"audio/pcmu", AudioEncoding::Ulaw},
                                                 {"audio/pcma", AudioEncoding::Alaw},
                                                 {"audio/basic", AudioEncoding::Ulaw},
                                                 {"audio/x-mulaw", AudioEncoding::Ulaw},
                                                 {"audio/x-alaw", AudioEncoding::Alaw}}};

}  // namespace

bool ContentType::isSupportedRate(int rate) {
  return std::find(kRates.begin(), kRates.end(), rate) != kRates.end();
}

std::optional<ContentType> ContentType::parse(std::string_view text) {
  if (text.size() > kMaxLength) return std::nullopt;
  std::string folded;
  for (const char c : text) {
    if (g_ascii_isspace(c) || c == '"') continue;
    folded.push_back(g_ascii_tolower(c));
  }
  for (const G711Name& name : kG711Names) {
    if (!folded.starts_with(name.text)) continue;
    const std::string_view rest = std::string_view(folded).substr(name.text.size());
    if (rest.empty() || rest == ";rate=8000") return ContentType{kG711Rate, name.encoding};
  }
  if (!folded.starts_with(kPrefix)) return std::nullopt;
  int rate = 0;
  const char* first = folded.data() + kPrefix.size();
  const char* last = folded.data() + folded.size();
  const auto [end, error] = std::from_chars(first, last, rate);
  if (error != std::errc() || end != last || !isSupportedRate(rate)) return std::nullopt;
  return ContentType{rate};
}

std::string ContentType::text() const {
  for (const G711Name& name : kG711Names) {
    if (name.encoding == encoding) return std::string(name.text) + ";rate=" + std::to_string(rate);
  }
  return std::string(kPrefix) + std::to_string(rate);
}

}  // namespace wsbridge
