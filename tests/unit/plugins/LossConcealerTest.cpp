// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numbers>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "audio/LossConcealer.hpp"

namespace {

using wsbridge::LossConcealer;

constexpr double kAmplitude = 8000;

struct Case {
  int rate;
  double hz;
};

class Stream {
 public:
  explicit Stream(int rate) : concealer_(rate), packet_(static_cast<size_t>(rate) / 50) {}

  template <typename Signal>
  void packet(Signal signal, bool lost) {
    std::vector<int16_t> audio(packet_);
    for (size_t i = 0; i < packet_; ++i)
      audio[i] = static_cast<int16_t>(std::lrint(signal(at_ + i)));
    at_ += packet_;
    if (lost) {
      std::fill(audio.begin(), audio.end(), int16_t{0x7abc});
      concealer_.conceal(audio);
    } else {
      concealer_.good(audio);
    }
    out_.insert(out_.end(), audio.begin(), audio.end());
  }
  [[nodiscard]] const std::vector<int16_t>& out() const { return out_; }
  [[nodiscard]] std::span<const int16_t> packetAt(size_t index) const {
    return std::span(out_).subspan(index * packet_, packet_);
  }

 private:
  LossConcealer concealer_;
  size_t packet_;
  size_t at_ = 0;
  std::vector<int16_t> out_;
};

auto tone(const Case& c) {
  return [c](size_t at) {
    return kAmplitude * std::sin(2 * std::numbers::pi * c.hz * static_cast<double>(at) / c.rate);
  };
}

double rms(std::span<const int16_t> audio) {
  double sum = 0;
  for (const int16_t sample : audio)
    sum += static_cast<double>(sample) * sample;
  return std::sqrt(sum / static_cast<double>(audio.size()));
}

int largestStep(std::span<const int16_t> audio) {
  int largest = 0;
  for (size_t i = 1; i < audio.size(); ++i)
    largest = std::max(largest, std::abs(audio[i] - audio[i - 1]));
  return largest;
}

constexpr Case kCases[] = {{8000, 100},  {8000, 141.3},  {8000, 250},  {8000, 397},   {8000, 1000},
                           {16000, 100}, {16000, 173.7}, {16000, 440}, {16000, 1000}, {48000, 220}};

TEST(LossConcealer, WithoutLossNothingChanges) {
  Stream stream(8000);
  const auto signal = tone({8000, 440});
  for (int i = 0; i < 50; ++i)
    stream.packet(signal, false);
  for (size_t i = 0; i < stream.out().size(); ++i)
    ASSERT_EQ(stream.out()[i], std::lrint(signal(i)));
}

TEST(LossConcealer, ASineWithLossKeepsItsLevelAndDoesNotClick) {
  for (const Case& c : kCases) {
    std::mt19937 random(5);
    Stream stream(c.rate);
    std::vector<size_t> lost;
    for (size_t i = 0; i < 1000; ++i) {
      const bool missing = i >= 3 && random() % 20 == 0;
      if (missing) lost.push_back(i);
      stream.packet(tone(c), missing);
    }
    ASSERT_GT(lost.size(), 30U);
    EXPECT_NEAR(20 * std::log10(rms(stream.out()) / (kAmplitude / std::numbers::sqrt2)), 0, 0.2)
        << c.hz << " Hz at " << c.rate;
    for (size_t k = 0; k < lost.size(); ++k) {
      if (k > 0 && lost[k - 1] + 1 == lost[k]) continue;  // fading
      EXPECT_GT(rms(stream.packetAt(lost[k])), 0.8 * kAmplitude / std::numbers::sqrt2)
          << c.hz << " Hz at " << c.rate << ", packet " << lost[k];
    }
    const double slope = kAmplitude * 2 * std::sin(std::numbers::pi * c.hz / c.rate);
    EXPECT_LT(largestStep(stream.out()), 1.8 * slope + 0.03 * kAmplitude)
        << c.hz << " Hz at " << c.rate;
  }
}

TEST(LossConcealer, ThePitchOfAVoiceIsRepeated) {
  // Pulses through a resonance: a vowel of a fundamental of 125 Hz, 64 samples.
  Stream stream(8000);
  const auto voice = [](size_t at) {
    const auto since = static_cast<double>(at % 64);
    return 9000 * std::exp(-since / 12) * std::cos(2 * std::numbers::pi * 700 * since / 8000);
  };
  for (int i = 0; i < 10; ++i)
    stream.packet(voice, i == 5);
  // In the overlap with what came again the made-up part fades.
  for (size_t i = 0; i < stream.out().size(); ++i)
    ASSERT_NEAR(stream.out()[i], voice(i), i < 960 ? 1 : 100) << i;
}

TEST(LossConcealer, ALongLossFadesToSilence) {
  for (const Case& c : kCases) {
    Stream stream(c.rate);
    for (size_t i = 0; i < 20; ++i)
      stream.packet(tone(c), i >= 5 && i < 15);
    const double full = kAmplitude / std::numbers::sqrt2;
    EXPECT_GT(rms(stream.packetAt(5)), 0.9 * full);
    EXPECT_LT(rms(stream.packetAt(6)), 0.9 * full);
    EXPECT_LT(rms(stream.packetAt(7)), 0.5 * full);
    EXPECT_GT(rms(stream.packetAt(7)), 0);
    for (size_t i = 9; i < 15; ++i)
      EXPECT_EQ(rms(stream.packetAt(i)), 0) << i;
    EXPECT_NEAR(rms(stream.packetAt(16)), full, 0.05 * full);
    const double slope = kAmplitude * 2 * std::sin(std::numbers::pi * c.hz / c.rate);
    EXPECT_LT(largestStep(stream.out()), 1.8 * slope + 0.06 * kAmplitude)
        << c.hz << " Hz at " << c.rate;
  }
}

TEST(LossConcealer, NoiseKeepsItsLevel) {
  std::mt19937 random(9);
  std::normal_distribution<double> noise(0, 1500);
  Stream stream(8000);
  for (size_t i = 0; i < 400; ++i)
    stream.packet([&](size_t) { return noise(random); }, i % 20 == 7);
  double made_up = 0;
  for (size_t i = 7; i < 400; i += 20)
    made_up += rms(stream.packetAt(i)) / 20;
  EXPECT_NEAR(made_up, 1500, 300);
}

TEST(LossConcealer, BeforeAnyAudioThereIsSilence) {
  Stream stream(16000);
  const auto signal = tone({16000, 300});
  stream.packet(signal, true);
  stream.packet(signal, true);
  stream.packet(signal, false);
  EXPECT_EQ(rms(stream.packetAt(0)), 0);
  EXPECT_EQ(rms(stream.packetAt(1)), 0);
  for (size_t i = 640; i < 960; ++i)
    ASSERT_EQ(stream.out()[i], std::lrint(signal(i))) << "what comes first is not touched";
}

TEST(LossConcealer, OnePacketIsEnoughToGoOnFrom) {
  Stream stream(8000);
  const auto signal = tone({8000, 250});
  for (int i = 0; i < 3; ++i)
    stream.packet(signal, i == 1);
  EXPECT_GT(rms(stream.packetAt(1)), 0.9 * kAmplitude / std::numbers::sqrt2);
}

TEST(LossConcealer, FullScaleIsClippedNotWrapped) {
  Stream stream(8000);
  std::mt19937 random(2);
  for (int i = 0; i < 100; ++i)
    stream.packet([&](size_t) { return random() % 2 != 0 ? 32767 : -32768; }, i % 5 == 4);
  // A square wave in phase: its made-up period stays on the rails.
  Stream square(8000);
  for (size_t i = 0; i < 10; ++i)
    square.packet([](size_t at) { return at / 20 % 2 != 0 ? 32767 : -32768; }, i == 5);
  for (const int16_t sample : square.packetAt(5))
    EXPECT_GT(std::abs(static_cast<int>(sample)), 32000);
}

TEST(LossConcealer, AnySizesAndReset) {
  LossConcealer concealer(8000);
  std::mt19937 random(4);
  for (int i = 0; i < 5000; ++i) {
    std::vector<int16_t> audio(random() % 700, static_cast<int16_t>(random()));
    if (random() % 3 == 0) {
      concealer.conceal(audio);
    } else {
      concealer.good(audio);
    }
  }
  concealer.reset();
  std::vector<int16_t> audio(160, int16_t{99});
  concealer.conceal(audio);
  EXPECT_EQ(rms(audio), 0);
}

}  // namespace
