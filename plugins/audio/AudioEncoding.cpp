// SPDX-License-Identifier: LGPL-2.1-or-later
#include "audio/AudioEncoding.hpp"

#include "audio/G711.hpp"

namespace wsbridge {

void encodeG711(AudioEncoding encoding, std::span<const uint8_t> linear,
                std::vector<uint8_t>& out) {
  const size_t count = linear.size() / sizeof(int16_t);
  out.resize(count);
  // Frames begin on even addresses.
  const auto* samples = reinterpret_cast<const int16_t*>(linear.data());
  if (encoding == AudioEncoding::Ulaw) {
    g711::encodeUlaw(samples, out.data(), count);
  } else {
    g711::encodeAlaw(samples, out.data(), count);
  }
}

void decodeG711(AudioEncoding encoding, std::span<const uint8_t> codes, std::vector<uint8_t>& out) {
  constexpr uint8_t kNegativeZero = 0x7f;
  out.resize(codes.size() * sizeof(int16_t));
  auto* samples = reinterpret_cast<int16_t*>(out.data());
  if (encoding == AudioEncoding::Alaw) return g711::decodeAlaw(codes.data(), samples, codes.size());
  g711::decodeUlaw(codes.data(), samples, codes.size());
  for (size_t i = 0; i < codes.size(); ++i)
    samples[i] = static_cast<int16_t>(samples[i] - (codes[i] == kNegativeZero ? 1 : 0));
}

}  // namespace wsbridge
