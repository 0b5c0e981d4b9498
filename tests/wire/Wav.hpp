// SPDX-License-Identifier: LGPL-2.1-or-later
// 16 bit mono PCM in RIFF/WAVE files, and a plain resampler. Pure values; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace wire {

struct Wav {
  uint32_t rate = 0;
  std::vector<int16_t> samples;
};

std::string wavFile(const Wav& wav);  // its bytes
// These answer an empty string when all is well, otherwise what is wrong with the file.
std::string parseWav(std::span<const uint8_t> bytes, Wav& wav);
std::string readWav(const std::string& path, Wav& wav);
std::string writeWav(const std::string& path, const Wav& wav);

// Band-limited by a windowed sinc: good enough for speech between 8 and 48 kHz.
std::vector<int16_t> resample(std::span<const int16_t> input, uint32_t from, uint32_t to);

}  // namespace wire
