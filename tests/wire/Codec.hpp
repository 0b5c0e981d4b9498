// SPDX-License-Identifier: LGPL-2.1-or-later
// The codecs of the caller's side: G.711 (ITU-T) and L16 (RFC 3551). Pure; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace wire {

enum class CodecKind { Pcmu, Pcma, L16 };

struct Codec {
  CodecKind kind;
  std::string_view name;  // as on the command line
  std::string_view rtpmap;
  uint8_t payloadType;
  uint32_t rate;
  size_t bytesPerSample;
};

// Of G.711: by code, and by the sample's bits. Anything but Pcma means mu-law.
const std::array<int16_t, 256>& decodeTable(CodecKind kind);
const std::array<uint8_t, 65536>& encodeTable(CodecKind kind);

// Null when the name is none of pcmu, pcma, l16.
const Codec* findCodec(std::string_view name);

void encode(const Codec& codec, std::span<const int16_t> samples, std::vector<uint8_t>& out);
void decode(const Codec& codec, std::span<const uint8_t> payload, std::vector<int16_t>& out);

}  // namespace wire
