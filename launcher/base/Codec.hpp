// SPDX-License-Identifier: LGPL-2.1-or-later
// The closed table of codecs towards SIP: what they are called in SDP and which elements serve
// them. Nothing but these rows ever fills a placeholder of a pipeline template.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace launcher {

struct Codec {
  const char* name;      ///< as in `rtp.codecs` and in SDP: "L16/16000"
  const char* encoding;  ///< RTP encoding name
  int rate;              ///< Hz; RTP clock and samples are the same
  int staticPayload;     ///< RFC 3551, -1 when dynamic
  int bytesPerSample;    ///< in the payload
  const char* decoder;   ///< RTP to S16LE
  const char* encoder;   ///< S16LE to RTP
};

[[nodiscard]] std::span<const Codec> codecTable();

/// Null when the table has none. `PCMU` and `PCMU/8000` are the same.
[[nodiscard]] const Codec* findCodec(std::string_view name);
const Codec* findCodec(std::string_view encoding, int rate);

}  // namespace launcher
