// SPDX-License-Identifier: LGPL-2.1-or-later
#include "NumberedAudio.hpp"

#include <array>
#include <cmath>
#include <cstdlib>
#include <numbers>

#include "BurstTrain.hpp"

namespace bench {
namespace {

constexpr double kAmplitude = 6500;
constexpr int kLoud = 1500;

// Spaced by 100 Hz: orthogonal in the 10 ms window that the reader looks at.
double pitchOf(int place, int digit) {
  return 400.0 + place * 1000.0 + digit * 100.0;
}

int readFrame(std::span<const int16_t> window, double rate) {
  int number = 0;
  int weight = 1;
  for (int place = 0; place < 3; ++place) {
    double best = 0;
    int bestDigit = -1;
    for (int digit = 0; digit < 10; ++digit) {
      const double share = toneShare(window, pitchOf(place, digit), rate);
      if (share > best) {
        best = share;
        bestDigit = digit;
      }
    }
    if (best < 0.15) return -1;
    number += weight * bestDigit;
    weight *= 10;
  }
  return number;
}

}  // namespace

void renderNumbered(uint32_t rate, int frames, std::vector<int16_t>& out) {
  const int length = static_cast<int>(rate / 50);
  out.reserve(out.size() + static_cast<size_t>(frames) * static_cast<size_t>(length));
  for (int frame = 0; frame < frames; ++frame) {
    const int number = frame % kNumberModulus;
    const std::array<int, 3> digits{number % 10, number / 10 % 10, number / 100};
    for (int i = 0; i < length; ++i) {
      double value = 0;
      for (int place = 0; place < 3; ++place)
        value += std::cos(2 * std::numbers::pi *
                          pitchOf(place, digits[static_cast<size_t>(place)]) * i / rate);
      out.push_back(static_cast<int16_t>(kAmplitude * value));
    }
  }
}

NumberedResult checkNumbered(std::span<const int16_t> samples, uint32_t rate, int frames) {
  NumberedResult result;
  const auto total = static_cast<int64_t>(samples.size());
  const int64_t length = rate / 50;
  int64_t first = 0;
  while (first < total && std::abs(static_cast<int>(samples[static_cast<size_t>(first)])) < kLoud)
    ++first;
  if (first == total) return result;
  int64_t last = total - 1;
  while (std::abs(static_cast<int>(samples[static_cast<size_t>(last)])) < kLoud)
    --last;
  result.found = true;
  result.firstSample = first;
  result.seconds = static_cast<double>(last - first + 1) / rate;
  for (int frame = 0; frame < frames; ++frame) {
    const int64_t start = first + frame * length + length / 4;
    int number = -1;
    if (start + length / 2 <= total)
      number = readFrame(
          samples.subspan(static_cast<size_t>(start), static_cast<size_t>(length / 2)), rate);
    if (number == frame % kNumberModulus) {
      if (result.wrong == 0) ++result.frames;
    } else {
      if (result.wrong++ == 0) result.firstWrong = frame;
    }
  }
  return result;
}

}  // namespace bench
