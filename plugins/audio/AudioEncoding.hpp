// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What the encodings of a sample towards the endpoint have in common, and the way from one to the
// other. Pure, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/AudioEncoding.hpp"

namespace wsbridge {

using common::AudioEncoding;

constexpr size_t bytesPerSample(AudioEncoding encoding) {
  return encoding == AudioEncoding::Linear ? 2 : 1;
}
constexpr uint8_t silenceOf(AudioEncoding encoding) {
  constexpr uint8_t kUlaw = 0xff;
  constexpr uint8_t kAlaw = 0xd5;
  if (encoding == AudioEncoding::Linear) return 0;
  return encoding == AudioEncoding::Ulaw ? kUlaw : kAlaw;
}

/// S16LE to G.711; `out` gets the size that it needs. Not for Linear.
void encodeG711(AudioEncoding encoding, std::span<const uint8_t> linear, std::vector<uint8_t>& out);
/// G.711 to S16LE, so that encodeG711() gives back every code: the negative zero of mu-law, which
/// S16 does not have, becomes -1. Not for Linear.
void decodeG711(AudioEncoding encoding, std::span<const uint8_t> codes, std::vector<uint8_t>& out);

}  // namespace wsbridge
