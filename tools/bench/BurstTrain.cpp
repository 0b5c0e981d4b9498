// SPDX-License-Identifier: LGPL-2.1-or-later
#include "BurstTrain.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numbers>

namespace bench {
namespace {

constexpr double kAmplitude = 16000;
constexpr double kThreshold = 4000;
constexpr double kBurstSeconds = 0.010;
constexpr double kPitchSeconds = 0.008;
constexpr double kRefractorySeconds = 0.200;

// Almost every packet is: one pass that the compiler turns into vector instructions.
bool quiet(std::span<const int16_t> samples) {
  int16_t least = 0, most = 0;
  for (const int16_t sample : samples) {
    least = std::min(least, sample);
    most = std::max(most, sample);
  }
  return most < kThreshold && least > -kThreshold;
}

}  // namespace

double toneShare(std::span<const int16_t> samples, double frequency, double rate) {
  const double step = 2 * std::numbers::pi * frequency / rate;
  double real = 0, imaginary = 0, power = 0;
  for (size_t i = 0; i < samples.size(); ++i) {
    const double x = samples[i];
    const double angle = step * static_cast<double>(i);
    real += x * std::cos(angle);
    imaginary += x * std::sin(angle);
    power += x * x;
  }
  if (power <= 0) return 0;
  return 2 * (real * real + imaginary * imaginary) / (power * static_cast<double>(samples.size()));
}

BurstTrain::BurstTrain(uint64_t seed, uint32_t rate) : random_(seed), rate_(rate) {
  planNext();
}

void BurstTrain::planNext() {
  std::uniform_real_distribution<double> spacing(0.4, 0.9);
  start_ += static_cast<int64_t>(spacing(random_) * rate_);
  pitch_ = std::uniform_int_distribution<size_t>(0, kBurstPitches.size() - 1)(random_);
}

bool BurstTrain::render(std::span<int16_t> out) {
  const auto length = static_cast<int64_t>(kBurstSeconds * rate_);
  std::ranges::fill(out, int16_t{0});
  if (position_ + static_cast<int64_t>(out.size()) <= start_) {
    position_ += static_cast<int64_t>(out.size());
    return false;
  }
  for (int16_t& sample : out) {
    if (position_ >= start_ && position_ < start_ + length) {
      const double time = static_cast<double>(position_ - start_) / rate_;
      sample = static_cast<int16_t>(kAmplitude *
                                    std::sin(2 * std::numbers::pi * kBurstPitches[pitch_] * time));
    }
    ++position_;
    if (position_ == start_ + length) planNext();
  }
  return true;
}

OnsetDetector::OnsetDetector(uint32_t rate) : rate_(rate) {}

void OnsetDetector::feed(std::span<const int16_t> samples, std::vector<Onset>& found) {
  const auto bodyLength = static_cast<size_t>(kPitchSeconds * rate_);
  if (!collecting_ && quiet(samples)) {
    position_ += static_cast<int64_t>(samples.size());
    if (!samples.empty()) previous_ = samples.back();
    return;
  }
  for (const int16_t sample : samples) {
    const double level = std::abs(static_cast<double>(sample));
    if (!collecting_ && position_ >= quiet_until_ && level >= kThreshold) {
      const double before = std::min(std::abs(static_cast<double>(previous_)), kThreshold);
      const double fraction = level > before ? (kThreshold - before) / (level - before) : 0;
      pending_ = {static_cast<double>(position_ - 1) + fraction, -1};
      collecting_ = true;
      body_.clear();
    }
    if (collecting_) {
      body_.push_back(sample);
      if (body_.size() == bodyLength) {
        for (size_t i = 0; i < kBurstPitches.size(); ++i)
          if (toneShare(body_, kBurstPitches[i], rate_) > 0.6) pending_.pitch = static_cast<int>(i);
        found.push_back(pending_);
        collecting_ = false;
        quiet_until_ = position_ + static_cast<int64_t>(kRefractorySeconds * rate_);
      }
    }
    previous_ = sample;
    ++position_;
  }
}

}  // namespace bench
