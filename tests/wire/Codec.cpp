// SPDX-License-Identifier: LGPL-2.1-or-later
#include "Codec.hpp"

#include <algorithm>
#include <array>
#include <bit>

namespace wire {
namespace {

constexpr std::array<Codec, 3> kCodecs{{
    {CodecKind::Pcmu, "pcmu", "PCMU/8000", 0, 8000, 1},
    {CodecKind::Pcma, "pcma", "PCMA/8000", 8, 8000, 1},
    {CodecKind::L16, "l16", "L16/16000", 96, 16000, 2},
}};

uint8_t toMulaw(int16_t sample) {
  const int sign = sample < 0 ? 0x80 : 0;
  const unsigned magnitude =
      static_cast<unsigned>(std::min(sample < 0 ? -static_cast<int>(sample) : sample, 32635)) + 132;
  const int exponent = std::bit_width(magnitude) - 8;
  const int mantissa = static_cast<int>(magnitude >> (exponent + 3)) & 0x0f;
  return static_cast<uint8_t>(~(sign | exponent << 4 | mantissa));
}

int16_t fromMulaw(uint8_t code) {
  const int bits = ~code & 0xff;
  const int magnitude = ((((bits & 0x0f) << 3) + 132) << (bits >> 4 & 7)) - 132;
  return static_cast<int16_t>((bits & 0x80) != 0 ? -magnitude : magnitude);
}

uint8_t toAlaw(int16_t sample) {
  const int sign = sample >= 0 ? 0x80 : 0;
  const int magnitude = sample >= 0 ? sample : -(static_cast<int>(sample) + 1);
  int code = magnitude >> 4;
  if (magnitude >= 256) {
    const int exponent = std::bit_width(static_cast<unsigned>(magnitude)) - 8;
    code = exponent << 4 | (magnitude >> (exponent + 3) & 0x0f);
  }
  return static_cast<uint8_t>((sign | code) ^ 0x55);
}

int16_t fromAlaw(uint8_t code) {
  const int bits = code ^ 0x55;
  const int exponent = bits >> 4 & 7;
  int magnitude = ((bits & 0x0f) << 4) + 8;
  if (exponent > 0) magnitude = (magnitude + 0x100) << (exponent - 1);
  return static_cast<int16_t>((bits & 0x80) != 0 ? magnitude : -magnitude);
}

}  // namespace

const std::array<int16_t, 256>& decodeTable(CodecKind kind) {
  static const auto tables = [] {
    std::array<std::array<int16_t, 256>, 2> made{};
    for (size_t code = 0; code < 256; ++code) {
      made[0][code] = fromMulaw(static_cast<uint8_t>(code));
      made[1][code] = fromAlaw(static_cast<uint8_t>(code));
    }
    return made;
  }();
  return tables[kind == CodecKind::Pcma ? 1 : 0];
}

const std::array<uint8_t, 65536>& encodeTable(CodecKind kind) {
  static const auto tables = [] {
    std::array<std::array<uint8_t, 65536>, 2> made{};
    for (int sample = -32768; sample < 32768; ++sample) {
      const auto index = static_cast<uint16_t>(sample);
      made[0][index] = toMulaw(static_cast<int16_t>(sample));
      made[1][index] = toAlaw(static_cast<int16_t>(sample));
    }
    return made;
  }();
  return tables[kind == CodecKind::Pcma ? 1 : 0];
}

const Codec* findCodec(std::string_view name) {
  const auto* found = std::ranges::find(kCodecs, name, &Codec::name);
  return found == kCodecs.end() ? nullptr : found;
}

void encode(const Codec& codec, std::span<const int16_t> samples, std::vector<uint8_t>& out) {
  out.resize(samples.size() * codec.bytesPerSample);
  if (codec.kind == CodecKind::L16) {
    for (size_t i = 0; i < samples.size(); ++i) {
      out[2 * i] = static_cast<uint8_t>(static_cast<uint16_t>(samples[i]) >> 8);
      out[2 * i + 1] = static_cast<uint8_t>(samples[i] & 0xff);
    }
    return;
  }
  const auto& table = encodeTable(codec.kind);
  for (size_t i = 0; i < samples.size(); ++i)
    out[i] = table[static_cast<uint16_t>(samples[i])];
}

void decode(const Codec& codec, std::span<const uint8_t> payload, std::vector<int16_t>& out) {
  out.resize(payload.size() / codec.bytesPerSample);
  if (codec.kind == CodecKind::L16) {
    for (size_t i = 0; i < out.size(); ++i)
      out[i] = static_cast<int16_t>(payload[2 * i] << 8 | payload[2 * i + 1]);
    return;
  }
  const auto& table = decodeTable(codec.kind);
  for (size_t i = 0; i < out.size(); ++i)
    out[i] = table[payload[i]];
}

}  // namespace wire
