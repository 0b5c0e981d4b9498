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

// So many results at a time. The memory for them is not the filter's own: what all filters of a
// thread use stays in the processor's cache.
constexpr size_t kBlock = 320;
constexpr size_t kMostHistory = 32;
struct Scratch {
  // The last lanes read beyond the end.
  std::array<float, kMostHistory + kBlock + kLanes> line{};
  std::array<float, kMostHistory + kBlock> middle{};
  std::array<float, kBlock + kLanes> sums{};
};
thread_local Scratch scratch;

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
  line_.fill(0.0F);
  middle_.fill(0.0F);
  odd_waits_ = false;
}

size_t HalfBand::convert(std::span<const int16_t> in, int16_t* out) {
  if (direction_ == Direction::Down) return downAll(in, out);
  const size_t count = 2 * in.size();
  while (!in.empty()) {
    const auto block = in.first(std::min(in.size(), kBlock));
    up(block, out);
    in = in.subspan(block.size());
    out += 2 * block.size();
  }
  return count;
}

void HalfBand::filter(const float* line, float* sums, size_t count) const {
  static_assert(kHistory <= kMostHistory);
  for (size_t i = 0; i < count; i += kLanes) {
    Lanes sum = {};
    const float* window = line + i;
    for (size_t k = 0; k < kPairs; ++k) {
      sum += taps_[k] * (load(window + k) + load(window + kHistory - k));
    }
    std::memcpy(sums + i, &sum, sizeof sum);
  }
}

void HalfBand::up(std::span<const int16_t> in, int16_t* out) {
  float* const line = scratch.line.data();
  float* const sums = scratch.sums.data();
  const size_t count = in.size();
  std::copy(line_.begin(), line_.end(), line);
  std::copy(in.begin(), in.end(), line + kHistory);
  filter(line, sums, count);
  for (size_t i = 0; i < count; ++i) {
    out[2 * i] = static_cast<int16_t>(line[i + kPairs - 1]);
    out[2 * i + 1] = toSample(sums[i]);
  }
  std::copy_n(line + count, kHistory, line_.begin());
}

size_t HalfBand::downAll(std::span<const int16_t> in, int16_t* out) {
  size_t done = 0;
  if (odd_waits_ && !in.empty()) {
    const std::array<int16_t, 2> pair = {odd_, in.front()};
    down(pair, out);
    in = in.subspan(1);
    odd_waits_ = false;
    done = 1;
  }
  while (in.size() >= 2) {
    const auto block = in.first(std::min(in.size() / 2, kBlock) * 2);
    down(block, out + done);
    in = in.subspan(block.size());
    done += block.size() / 2;
  }
  if (!in.empty()) {
    odd_waits_ = true;
    odd_ = in.front();
  }
  return done;
}

void HalfBand::down(std::span<const int16_t> in, int16_t* out) {
  float* const line = scratch.line.data();
  float* const middle = scratch.middle.data();
  float* const sums = scratch.sums.data();
  const size_t count = in.size() / 2;
  std::copy(line_.begin(), line_.end(), line);
  std::copy(middle_.begin(), middle_.end(), middle);
  for (size_t i = 0; i < count; ++i) {
    middle[kHistory + i] = in[2 * i];
    line[kHistory + i] = in[2 * i + 1];
  }
  filter(line, sums, count);
  for (size_t i = 0; i < count; ++i)
    out[i] = toSample(0.5F * (middle[i + kPairs] + sums[i]));
  std::copy_n(line + count, kHistory, line_.begin());
  std::copy_n(middle + count, kHistory, middle_.begin());
}

}  // namespace wsbridge
