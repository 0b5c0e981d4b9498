// SPDX-License-Identifier: LGPL-2.1-or-later
// Audio that carries its own frame numbers: each 20 ms is a chord of three tones, one per decimal
// digit of the frame number modulo 1000, in the telephone band, so that it survives G.711 and
// resampling. Pure values; one thread at a time.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace bench {

constexpr int kNumberModulus = 1000;

// Appends frames 0 to `frames` − 1.
void renderNumbered(uint32_t rate, int frames, std::vector<int16_t>& out);

struct NumberedResult {
  bool found = false;
  int64_t firstSample = 0;  // where frame 0 was found
  int frames = 0;           // frames heard in sequence, starting with 0
  int wrong = 0;            // frames that carried another number, or none
  double seconds = 0;       // from the first to the last loud sample
  int firstWrong = -1;
};

// Checks a recording in which the numbered audio stands between quiet parts.
NumberedResult checkNumbered(std::span<const int16_t> samples, uint32_t rate, int frames);

}  // namespace bench
