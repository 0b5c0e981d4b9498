// SPDX-License-Identifier: LGPL-2.1-or-later
// The pattern by which the media round trip is measured: tone bursts of 10 ms on silence. Their
// spacing (400 to 900 ms) and their pitch follow from the seed, so that a burst of another call is
// recognised as such. Pure values; one thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

namespace bench {

constexpr std::array<double, 4> kBurstPitches{800, 1100, 1500, 2000};

// Power of one frequency in a block, as a share of the block's whole power (0 to 1).
double toneShare(std::span<const int16_t> samples, double frequency, double rate);

class BurstTrain {
 public:
  BurstTrain(uint64_t seed, uint32_t rate);
  // Continues where the last call ended. False: all of it is silence.
  bool render(std::span<int16_t> out);

 private:
  void planNext();

  std::mt19937_64 random_;
  double rate_;
  int64_t position_ = 0;
  int64_t start_ = 0;
  size_t pitch_ = 0;
};

struct Onset {
  double position = 0;  // samples since the first one fed, with a fraction
  int pitch = -1;       // index into kBurstPitches, −1 when none of them dominates
};

// Finds the bursts in a stream. The same detector runs on what is sent and on what comes back: its
// own bias cancels out.
class OnsetDetector {
 public:
  explicit OnsetDetector(uint32_t rate);
  // An onset is reported about 8 ms of audio after it happened, when its pitch is known.
  void feed(std::span<const int16_t> samples, std::vector<Onset>& found);

 private:
  double rate_;
  int64_t position_ = 0;
  int64_t quiet_until_ = 0;
  int16_t previous_ = 0;
  bool collecting_ = false;
  Onset pending_;
  std::vector<int16_t> body_;
};

}  // namespace bench
