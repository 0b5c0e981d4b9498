// SPDX-License-Identifier: LGPL-2.1-or-later
//
// ComfortNoise: a stream of noise with the falling spectrum of room noise on a telephone line
// (white below about 800 Hz, then -6 dB per octave) at a level in dBov (RFC 3389: 0 dBov is the
// overload point of the 16-bit range). Pure; not synchronised. Two generators with different seeds
// are uncorrelated.
#pragma once

#include <cstdint>
#include <span>

namespace wsbridge {

class ComfortNoise {
 public:
  ComfortNoise(int rate, double level_dbov, uint64_t seed);

  void setLevel(double level_dbov);
  void fill(std::span<int16_t> out);

 private:
  uint64_t state_;
  float pole_;
  float gain_ = 0.0F;
  float last_ = 0.0F;
};

}  // namespace wsbridge
