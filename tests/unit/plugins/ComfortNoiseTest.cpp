// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <cmath>
#include <set>

#include <gtest/gtest.h>

#include "Pcm.hpp"
#include "audio/ComfortNoise.hpp"

namespace {

using testsupport::Samples;

Samples make(int rate, double level, double seconds, uint64_t seed = 7) {
  wsbridge::ComfortNoise noise(rate, level, seed);
  Samples samples(static_cast<size_t>(rate * seconds));
  for (size_t i = 0; i < samples.size(); i += 160) {
    noise.fill({samples.data() + i, std::min<size_t>(160, samples.size() - i)});
  }
  return samples;
}

double bandPower(const Samples& samples, int rate, double low, double high) {
  const auto spectrum = testsupport::powerSpectrum(samples);
  const double width = static_cast<double>(rate) / 2.0 / static_cast<double>(spectrum.size());
  double power = 0;
  size_t bins = 0;
  for (size_t k = 0; k < spectrum.size(); ++k) {
    const double hertz = static_cast<double>(k) * width;
    if (hertz < low || hertz >= high) continue;
    power += spectrum[k];
    ++bins;
  }
  return power / static_cast<double>(std::max<size_t>(bins, 1));
}

TEST(ComfortNoise, HasTheLevelThatWasAskedForAtEveryRate) {
  for (const int rate : {8000, 16000, 24000, 32000, 48000}) {
    for (const double level : {-70.0, -60.0, -50.0, -30.0}) {
      EXPECT_NEAR(testsupport::levelDbov(make(rate, level, 4.0)), level, 1.0) << rate;
    }
  }
}

TEST(ComfortNoise, IsNeverConstantAndHasNoOffset) {
  const Samples samples = make(16000, -65.0, 4.0);
  EXPECT_GT(testsupport::distinctValues(samples), 50U);
  EXPECT_LT(std::fabs(testsupport::meanOf(samples)), 3.0);
}

TEST(ComfortNoise, FallsTowardsHighFrequenciesLikeRoomNoise) {
  const Samples samples = make(16000, -40.0, 4.0);
  const double low = bandPower(samples, 16000, 100, 600);
  const double middle = bandPower(samples, 16000, 1500, 2500);
  const double high = bandPower(samples, 16000, 4000, 7000);
  EXPECT_GT(10 * std::log10(low / middle), 4.0);
  EXPECT_GT(10 * std::log10(middle / high), 3.0);
  EXPECT_LT(10 * std::log10(low / high), 30.0);
}

TEST(ComfortNoise, SeedsGiveUncorrelatedNoise) {
  EXPECT_LT(std::fabs(testsupport::correlation(make(8000, -50, 2, 1), make(8000, -50, 2, 2))), 0.1);
}

TEST(ComfortNoise, DoesNotRepeatItself) {
  const Samples samples = make(8000, -50, 4.0);
  const Samples first = testsupport::slice(samples, 0, 16000);
  const Samples second = testsupport::slice(samples, 16000, 16000);
  EXPECT_LT(std::fabs(testsupport::correlation(first, second)), 0.1);
}

}  // namespace
