// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/Codec.hpp"

#include "base/Text.hpp"

namespace launcher {

namespace {

constexpr Codec kCodecs[] = {
    {"L16/16000", "L16", 16000, -1, 2, "wsbridgertpdec", "wsbridgertpenc encoding=l16"},
    {"L16/8000", "L16", 8000, -1, 2, "wsbridgertpdec", "wsbridgertpenc encoding=l16"},
    {"PCMU", "PCMU", 8000, 0, 1, "wsbridgertpdec", "wsbridgertpenc encoding=pcmu"},
    {"PCMA", "PCMA", 8000, 8, 1, "wsbridgertpdec", "wsbridgertpenc encoding=pcma"},
};

}  // namespace

std::span<const Codec> codecTable() {
  return kCodecs;
}

const Codec* findCodec(std::string_view encoding, int rate) {
  for (const Codec& codec : kCodecs) {
    if (codec.rate == rate && text::equalsNoCase(codec.encoding, encoding)) return &codec;
  }
  return nullptr;
}

const Codec* findCodec(std::string_view name) {
  const std::size_t slash = name.find('/');
  if (slash == std::string_view::npos) return findCodec(name, 8000);
  const auto rate = text::parseInteger(name.substr(slash + 1));
  return rate ? findCodec(name.substr(0, slash), static_cast<int>(*rate)) : nullptr;
}

}  // namespace launcher
