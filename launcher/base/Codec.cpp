// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/Codec.hpp"

#include "base/Text.hpp"
#include "common/CodecInfo.hpp"

namespace launcher {

namespace {

using wsbridge::common::CodecInfo;
using wsbridge::common::RtpCodec;

constexpr Codec row(const char* name, RtpCodec codec, int rate, const char* encoder) {
  const CodecInfo& info = wsbridge::common::codecInfo(codec);
  return {name,   info.name, rate, info.static_payload, info.bytes_per_sample, "wsbridgertpdec",
          encoder};
}

constexpr Codec kCodecs[] = {
    row("L16/16000", RtpCodec::L16, 16000, "wsbridgertpenc encoding=l16"),
    row("L16/8000", RtpCodec::L16, 8000, "wsbridgertpenc encoding=l16"),
    row("PCMU", RtpCodec::Pcmu, 8000, "wsbridgertpenc encoding=pcmu"),
    row("PCMA", RtpCodec::Pcma, 8000, "wsbridgertpenc encoding=pcma"),
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
