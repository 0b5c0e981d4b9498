// SPDX-License-Identifier: LGPL-2.1-or-later
#include "FloorAudio.hpp"

#include <cstring>

namespace bench {
namespace {

void put16(uint8_t* at, int sample) {
  const auto value = static_cast<int16_t>(sample);
  std::memcpy(at, &value, sizeof value);
}

int get16(const uint8_t* at) {
  int16_t value = 0;
  std::memcpy(&value, at, sizeof value);
  return value;
}

void swapBytes(std::span<const uint8_t> in, uint8_t* out) {
  for (size_t i = 0; i + 1 < in.size(); i += 2) {
    out[i] = in[i + 1];
    out[i + 1] = in[i];
  }
}

}  // namespace

size_t FloorUpward::convert(const Codec& codec, std::span<const uint8_t> payload, uint8_t* out) {
  if (codec.kind == CodecKind::L16) {
    if (payload.size() > kFloorFrameBytes) return 0;
    swapBytes(payload, out);
    return payload.size() & ~size_t{1};
  }
  if (payload.size() * 4 > kFloorFrameBytes) return 0;
  const auto& table = decodeTable(codec.kind);
  for (size_t i = 0; i < payload.size(); ++i) {
    const int sample = table[payload[i]];
    put16(out + 4 * i, (last_ + sample) / 2);
    put16(out + 4 * i + 2, sample);
    last_ = sample;
  }
  return payload.size() * 4;
}

size_t convertDownward(const Codec& codec, std::span<const uint8_t> frame, uint8_t* out) {
  if (codec.kind == CodecKind::L16) {
    swapBytes(frame, out);
    return frame.size() & ~size_t{1};
  }
  const auto& table = encodeTable(codec.kind);
  const size_t samples = frame.size() / 4;
  for (size_t i = 0; i < samples; ++i) {
    const int mean = (get16(&frame[4 * i]) + get16(&frame[4 * i + 2])) / 2;
    out[i] = table[static_cast<uint16_t>(mean)];
  }
  return samples;
}

}  // namespace bench
