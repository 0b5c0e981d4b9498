// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>
#include <vector>

#include <gtest/gtest.h>

#include "audio/RateConverter.hpp"

namespace {

using wsbridge::RateConverter;

constexpr int kRates[] = {8000, 16000, 24000, 32000, 48000};

std::vector<int16_t> sine(int rate, double hz, size_t count, double amplitude = 10000) {
  std::vector<int16_t> audio(count);
  for (size_t i = 0; i < count; ++i) {
    const double phase = 2 * std::numbers::pi * hz * static_cast<double>(i) / rate;
    audio[i] = static_cast<int16_t>(std::lrint(amplitude * std::sin(phase)));
  }
  return audio;
}

/// Amplitude of the part of that frequency.
double level(std::span<const int16_t> audio, int rate, double hz) {
  std::complex<double> sum = 0;
  for (size_t i = 0; i < audio.size(); ++i) {
    const double phase = 2 * std::numbers::pi * hz * static_cast<double>(i) / rate;
    // Hann's window: its side lobes lie far below what is looked for.
    const double window = 1 - std::cos(2 * std::numbers::pi * static_cast<double>(i) /
                                       static_cast<double>(audio.size()));
    sum += window * audio[i] * std::polar(1.0, -phase);
  }
  return 2 * std::abs(sum) / static_cast<double>(audio.size());
}

double dB(double ratio) {
  return 20 * std::log10(ratio);
}

std::vector<int16_t> convertInPieces(RateConverter& converter, std::span<const int16_t> in,
                                     size_t piece) {
  std::vector<int16_t> out;
  for (size_t at = 0; at < in.size(); at += piece) {
    const auto part = in.subspan(at, std::min(piece, in.size() - at));
    const size_t expected = converter.outputSize(part.size());
    const size_t begin = out.size();
    constexpr int16_t kUntouched = 0x5a5a;
    out.resize(begin + expected + 1, kUntouched);
    EXPECT_EQ(converter.convert(part, out.data() + begin), expected);
    EXPECT_EQ(out.back(), kUntouched);
    out.resize(begin + expected);
  }
  return out;
}

TEST(RateConverter, TwentyMillisecondsStaySoFromTheFirstCallOn) {
  for (const int from : kRates) {
    for (const int to : kRates) {
      RateConverter converter(from, to);
      const auto in = sine(from, 440, static_cast<size_t>(from) / 50);
      std::vector<int16_t> out(static_cast<size_t>(to) / 50);
      for (int i = 0; i < 100; ++i) {
        ASSERT_EQ(converter.outputSize(in.size()), out.size()) << from << " to " << to;
        ASSERT_EQ(converter.convert(in, out.data()), out.size());
      }
    }
  }
}

TEST(RateConverter, KeepsTheLevelAndHasNoImages) {
  for (const int from : kRates) {
    for (const int to : kRates) {
      for (const double hz : {300.0, 1000.0, 2000.0, 3000.0}) {
        RateConverter converter(from, to);
        const auto in = sine(from, hz, static_cast<size_t>(from));
        auto out = convertInPieces(converter, in, static_cast<size_t>(from) / 50);
        ASSERT_EQ(out.size(), static_cast<size_t>(to));
        // The filter fills in the first tenth.
        const auto settled = std::span(out).subspan(out.size() / 10);
        EXPECT_NEAR(dB(level(settled, to, hz) / 10000), 0, 0.1)
            << hz << " Hz, " << from << " to " << to;
        for (double image = from - hz; image < to / 2.0; image += from) {
          EXPECT_LT(dB(level(settled, to, image) / 10000), -60)
              << hz << " Hz at " << image << " Hz, " << from << " to " << to;
        }
      }
    }
  }
}

TEST(RateConverter, WhatTheLowerRateCannotCarryIsGone) {
  RateConverter converter(16000, 8000);
  const auto in = sine(16000, 6000, 16000);
  const auto out = convertInPieces(converter, in, 320);
  EXPECT_LT(dB(level(std::span(out).subspan(800), 8000, 2000) / 10000), -60);
}

TEST(RateConverter, PiecesOfAnySizeGiveTheSameAsTheWhole) {
  for (const int from : kRates) {
    for (const int to : kRates) {
      const auto in = sine(from, 700, static_cast<size_t>(from) / 2);
      RateConverter whole(from, to);
      const auto expected = convertInPieces(whole, in, in.size());
      for (const size_t piece : {size_t{1}, size_t{7}, size_t{160}, size_t{1003}}) {
        RateConverter pieces(from, to);
        EXPECT_EQ(convertInPieces(pieces, in, piece), expected)
            << from << " to " << to << " by " << piece;
      }
    }
  }
}

TEST(RateConverter, OtherRatesCarryTheRemainder) {
  RateConverter converter(44100, 16000);
  const auto in = sine(44100, 440, 44100);
  EXPECT_EQ(convertInPieces(converter, in, 100).size(), 16000U);
}

TEST(RateConverter, TheDelayIsThatOfTheSound) {
  for (const int from : kRates) {
    for (const int to : kRates) {
      RateConverter converter(from, to);
      std::vector<int16_t> in(static_cast<size_t>(from) / 10, 0);
      const size_t at = in.size() / 2;
      in[at] = 20000;
      const auto out = convertInPieces(converter, in, in.size());
      const auto peak = std::max_element(out.begin(), out.end()) - out.begin();
      const double came = static_cast<double>(peak) / to;
      const double went = static_cast<double>(at) / from;
      // A peak lies on a sample of either rate.
      EXPECT_NEAR(came - went, static_cast<double>(converter.delayNs()) / 1e9,
                  1.01 / std::min(from, to))
          << from << " to " << to;
      EXPECT_LE(converter.delayNs(), 4'000'000);
      EXPECT_EQ(converter.delayNs() == 0, from == to);
    }
  }
}

TEST(RateConverter, ResetForgets) {
  RateConverter converter(8000, 24000);
  const auto in = sine(8000, 440, 161);
  const auto expected = convertInPieces(converter, in, 161);
  convertInPieces(converter, in, 7);
  converter.reset();
  EXPECT_EQ(convertInPieces(converter, in, 161), expected);
}

}  // namespace
