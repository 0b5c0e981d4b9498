// SPDX-License-Identifier: LGPL-2.1-or-later
// The one table of codecs towards SIP, whose payload is samples of a fixed number of bytes each. A
// further codec is a row here and its samples in plugins/rtp and plugins/rtpcodec
// (docs/howto/add-a-codec.md). Pure.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "common/AudioEncoding.hpp"

namespace wsbridge::common {

enum class RtpCodec { Pcmu, Pcma, L16 };

struct CodecInfo {
  RtpCodec codec;
  const char* name;  ///< in RTP caps and SDP
  const char* nick;  ///< as the value of a property
  const char* summary;
  int static_payload;      ///< RFC 3551 table 4; -1 when dynamic
  int bytes_per_sample;    ///< in the payload
  AudioEncoding encoding;  ///< as an endpoint's; Linear where the bytes are in another order
};

inline constexpr std::array<CodecInfo, 3> kCodecs = {{
    {RtpCodec::Pcmu, "PCMU", "pcmu", "G.711 mu-law", 0, 1, AudioEncoding::Ulaw},
    {RtpCodec::Pcma, "PCMA", "pcma", "G.711 A-law", 8, 1, AudioEncoding::Alaw},
    {RtpCodec::L16, "L16", "l16", "16-bit linear, RFC 3551", -1, 2, AudioEncoding::Linear},
}};

/// The rows stand in the order of the enumerators.
constexpr const CodecInfo& codecInfo(RtpCodec codec) {
  return kCodecs[static_cast<std::size_t>(codec)];
}

/// Null when the table has none of that name in RTP caps.
constexpr const CodecInfo* codecNamed(std::string_view name) {
  for (const CodecInfo& row : kCodecs) {
    if (name == row.name) return &row;
  }
  return nullptr;
}

}  // namespace wsbridge::common
