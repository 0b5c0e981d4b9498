// SPDX-License-Identifier: LGPL-2.1-or-later
#include "audio/ComfortNoise.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace wsbridge {

namespace {

constexpr double kCornerHz = 800.0;
constexpr double kOverload = 32768.0;

}  // namespace

ComfortNoise::ComfortNoise(int rate, double level_dbov, uint64_t seed)
    : state_(seed * 0x9E3779B97F4A7C15ULL | 1U),
      pole_(static_cast<float>(std::exp(-2.0 * std::numbers::pi * kCornerHz / rate))) {
  setLevel(level_dbov);
}

void ComfortNoise::setLevel(double level_dbov) {
  // The sum of four independent 16-bit uniforms has variance 4 * 2^32 / 12; the one-pole filter y =
  // x + p*y multiplies it by 1 / (1 - p^2).
  const double input_rms = std::sqrt(4.0 * 65536.0 * 65536.0 / 12.0);
  const double filter_rms = std::sqrt(1.0 / (1.0 - static_cast<double>(pole_) * pole_));
  const double wanted_rms = kOverload * std::pow(10.0, level_dbov / 20.0);
  gain_ = static_cast<float>(wanted_rms / (input_rms * filter_rms));
}

void ComfortNoise::fill(std::span<int16_t> out) {
  uint64_t state = state_;
  float last = last_;
  for (int16_t& sample : out) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    const auto sum = static_cast<int32_t>((state & 0xFFFF) + ((state >> 16) & 0xFFFF) +
                                          ((state >> 32) & 0xFFFF) + (state >> 48)) -
                     2 * 65535;
    last = static_cast<float>(sum) + pole_ * last;
    sample = static_cast<int16_t>(std::clamp(std::lrintf(last * gain_), -32768L, 32767L));
  }
  state_ = state;
  last_ = last;
}

}  // namespace wsbridge
