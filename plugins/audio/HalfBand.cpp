// SPDX-License-Identifier: LGPL-2.1-or-later
#include "audio/HalfBand.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

namespace wsbridge {

namespace {

constexpr double kBeta = 6.755;  // Kaiser's, for 70 dB
constexpr size_t kLanes = 4;
constexpr float kLargest = 32767.0F;
constexpr float kSmallest = -32768.0F;

// The operators work on four samples at once wherever the machine can.
using Lanes = float __attribute__((vector_size(kLanes * sizeof(float))));

Lanes load(const float* from) {
  Lanes lanes;
  std::memcpy(&lanes, from, sizeof lanes);
  return lanes;
}

double bessel0(double x) {
  double sum = 1.0;
  double term = 1.0;
  for (int k = 1; term > 1e-12 * sum; ++k) {
    term *= (x / (2.0 * k)) * (x / (2.0 * k));
    sum += term;
  }
  return sum;
}

int16_t toSample(float value) {
  return static_cast<int16_t>(std::lrintf(std::clamp(value, kSmallest, kLargest)));
}

}  // namespace

HalfBand::HalfBand(Direction direction) : direction_(direction) {
  double sum = 0.0;
  for (size_t k = 0; k < kPairs; ++k) {
    const size_t m = kPairs - 1 - k;  // the outermost pair first
    const double offset = static_cast<double>(2 * m + 1);
    const double place = offset / static_cast<double>(2 * kPairs);
    const double window = bessel0(kBeta * std::sqrt(1.0 - place * place)) / bessel0(kBeta);
    const double sinc = 2.0 / (std::numbers::pi * offset) * (m % 2 == 0 ? 1.0 : -1.0);
    taps_[k] = static_cast<float>(sinc * window);
    sum += 2.0 * sinc * window;
  }
  for (float& tap : taps_)
    tap = static_cast<float>(tap / sum);
  reset();
}

void HalfBand::reset() {
  line_.assign(kHistory, 0.0F);
  middle_.assign(kHistory, 0.0F);
  odd_waits_ = false;
}

size_t HalfBand::convert(std::span<const int16_t> in, int16_t* out) {
  return direction_ == Direction::Up ? up(in, out) : down(in, out);
}

/// sums_[i] belongs between line_[i + kPairs - 1] and the next.
void HalfBand::filter(size_t count) {
  sums_.resize(count + kLanes);
  line_.resize(kHistory + count + kLanes);  // the last lanes read beyond the end
  for (size_t i = 0; i < count; i += kLanes) {
    Lanes sum = {};
    const float* window = line_.data() + i;
    for (size_t k = 0; k < kPairs; ++k) {
      sum += taps_[k] * (load(window + k) + load(window + kHistory - k));
    }
    std::memcpy(sums_.data() + i, &sum, sizeof sum);
  }
}

size_t HalfBand::up(std::span<const int16_t> in, int16_t* out) {
  const size_t count = in.size();
  line_.resize(kHistory + count);
  std::copy(in.begin(), in.end(), line_.begin() + kHistory);
  filter(count);
  for (size_t i = 0; i < count; ++i) {
    out[2 * i] = static_cast<int16_t>(line_[i + kPairs - 1]);
    out[2 * i + 1] = toSample(sums_[i]);
  }
  std::copy_n(line_.begin() + static_cast<ptrdiff_t>(count), kHistory, line_.begin());
  line_.resize(kHistory);
  return 2 * count;
}

size_t HalfBand::down(std::span<const int16_t> in, int16_t* out) {
  const size_t waiting = odd_waits_ ? 1 : 0;
  const size_t count = (in.size() + waiting) / 2;
  line_.resize(kHistory + count);
  middle_.resize(kHistory + count);
  const auto sample = [&](size_t at) { return at < waiting ? odd_ : in[at - waiting]; };
  for (size_t i = 0; i < count; ++i) {
    middle_[kHistory + i] = sample(2 * i);
    line_[kHistory + i] = sample(2 * i + 1);
  }
  odd_waits_ = (in.size() + waiting) % 2 != 0;
  if (odd_waits_) odd_ = in.empty() ? odd_ : in.back();
  filter(count);
  for (size_t i = 0; i < count; ++i)
    out[i] = toSample(0.5F * (middle_[i + kPairs] + sums_[i]));
  for (auto* history : {&line_, &middle_}) {
    std::copy_n(history->begin() + static_cast<ptrdiff_t>(count), kHistory, history->begin());
    history->resize(kHistory);
  }
  return count;
}

}  // namespace wsbridge
