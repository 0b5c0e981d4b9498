// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/ContentType.hpp"

#include <algorithm>

namespace wsbridge::common {

namespace {

constexpr std::size_t kMaxLength = 50;
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

bool isIgnored(char c) {
  return c == '"' || c == ' ' || (c >= '\t' && c <= '\r');
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

bool ContentType::isSupportedRate(int rate) {
  return std::find(kRates.begin(), kRates.end(), rate) != kRates.end();
}

std::optional<ContentType> ContentType::parse(std::string_view text) {
  if (text.size() > kMaxLength) return std::nullopt;
  std::string folded;
  for (const char c : text) {
    if (!isIgnored(c)) folded.push_back(lower(c));
  }
  for (const G711Name& name : kG711Names) {
    if (!folded.starts_with(name.text)) continue;
    const std::string_view rest = std::string_view(folded).substr(name.text.size());
    if (rest.empty() || rest == ";rate=8000") return ContentType{kG711Rate, name.encoding};
  }
  for (const int rate : kRates) {
    if (const ContentType linear{rate}; folded == linear.text()) return linear;
  }
  return std::nullopt;
}

std::string ContentType::text() const {
  for (const G711Name& name : kG711Names) {
    if (name.encoding == encoding) return std::string(name.text) + ";rate=" + std::to_string(rate);
  }
  return std::string(kPrefix) + std::to_string(rate);
}

}  // namespace wsbridge::common
