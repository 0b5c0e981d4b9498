// SPDX-License-Identifier: LGPL-2.1-or-later
// What the floor does to the audio of one call: the cheapest conversions that still give sound. One
// object per direction and call; pure; one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "wire/Codec.hpp"

namespace bench {

using namespace wire;

constexpr size_t kFloorFrameBytes = 640;  // 20 ms of S16LE at 16 kHz

// RTP payload to S16LE at 16 kHz: G.711 by table and the mean of neighbours in between, L16 by
// swapping bytes.
class FloorUpward {
 public:
  // `out` has room for kFloorFrameBytes; answers the bytes written, 0 when the payload is too long.
  size_t convert(const Codec& codec, std::span<const uint8_t> payload, uint8_t* out);

 private:
  int last_ = 0;
};

// S16LE at 16 kHz to RTP payload: the mean of two samples, G.711 by table; L16 by swapping bytes.
// Answers the bytes written.
size_t convertDownward(const Codec& codec, std::span<const uint8_t> frame, uint8_t* out);

}  // namespace bench
