// SPDX-License-Identifier: LGPL-2.1-or-later
#include "Wav.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <numbers>

namespace wire {
namespace {

uint32_t little32(const uint8_t* p) {
  return static_cast<uint32_t>(p[0]) | static_cast<uint32_t>(p[1]) << 8 |
         static_cast<uint32_t>(p[2]) << 16 | static_cast<uint32_t>(p[3]) << 24;
}

uint32_t little16(const uint8_t* p) {
  return static_cast<uint32_t>(p[0]) | static_cast<uint32_t>(p[1]) << 8;
}

void put(std::string& out, uint32_t value, int bytes) {
  for (int i = 0; i < bytes; ++i)
    out.push_back(static_cast<char>(value >> (8 * i) & 0xff));
}

}  // namespace

std::string parseWav(std::span<const uint8_t> bytes, Wav& wav) {
  if (bytes.size() < 12 || std::memcmp(bytes.data(), "RIFF", 4) != 0 ||
      std::memcmp(bytes.data() + 8, "WAVE", 4) != 0)
    return "not a RIFF/WAVE file";
  bool haveFormat = false;
  size_t at = 12;
  while (bytes.size() - at >= 8) {
    const uint8_t* chunk = bytes.data() + at;
    const size_t rest = bytes.size() - at - 8;
    // Streamed files carry a size of 0xffffffff or 0x7ffff…, and a writer that was stopped leaves
    // zero: what is there counts.
    const uint32_t told = little32(chunk + 4);
    const size_t size = told == 0 ? rest : std::min<size_t>(told, rest);
    if (std::memcmp(chunk, "fmt ", 4) == 0) {
      if (size < 16) return "truncated fmt chunk";
      if (little16(chunk + 8) != 1 && little16(chunk + 8) != 0xfffe) return "not PCM";
      if (little16(chunk + 10) != 1) return "not mono";
      if (little16(chunk + 22) != 16) return "not 16 bit";
      wav.rate = little32(chunk + 12);
      if (wav.rate < 8000 || wav.rate > 48000) return "sampling rate outside 8000 to 48000";
      haveFormat = true;
    } else if (std::memcmp(chunk, "data", 4) == 0) {
      if (!haveFormat) return "data before fmt";
      wav.samples.resize(size / 2);
      for (size_t i = 0; i < wav.samples.size(); ++i)
        wav.samples[i] = static_cast<int16_t>(little16(chunk + 8 + 2 * i));
      return "";
    }
    at += 8 + std::min(rest, size + (size & 1));
  }
  return "no data chunk";
}

std::string readWav(const std::string& path, Wav& wav) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return path + ": cannot be opened";
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  const std::string fault =
      parseWav({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, wav);
  return fault.empty() ? "" : path + ": " + fault;
}

std::string wavFile(const Wav& wav) {
  const auto dataBytes = static_cast<uint32_t>(wav.samples.size() * 2);
  std::string out = "RIFF";
  put(out, 36 + dataBytes, 4);
  out += "WAVEfmt ";
  put(out, 16, 4);
  put(out, 1, 2);
  put(out, 1, 2);
  put(out, wav.rate, 4);
  put(out, wav.rate * 2, 4);
  put(out, 2, 2);
  put(out, 16, 2);
  out += "data";
  put(out, dataBytes, 4);
  for (const int16_t sample : wav.samples)
    put(out, static_cast<uint16_t>(sample), 2);
  return out;
}

std::string writeWav(const std::string& path, const Wav& wav) {
  const std::string out = wavFile(wav);
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(out.data(), static_cast<std::streamsize>(out.size()));
  file.close();
  return file ? "" : path + ": cannot be written";
}

std::vector<int16_t> resample(std::span<const int16_t> input, uint32_t from, uint32_t to) {
  if (from == to) return {input.begin(), input.end()};
  constexpr int kHalfWidth = 16;
  const double step = static_cast<double>(from) / to;
  const double cutoff = 0.95 * std::min(1.0, 1.0 / step);
  const auto length = static_cast<size_t>(static_cast<double>(input.size()) / step);
  std::vector<int16_t> output(length);
  for (size_t i = 0; i < length; ++i) {
    const double centre = static_cast<double>(i) * step;
    const auto reach = static_cast<int64_t>(kHalfWidth / cutoff);
    const auto first = std::max<int64_t>(0, static_cast<int64_t>(centre) - reach);
    const auto last = std::min<int64_t>(static_cast<int64_t>(input.size()) - 1,
                                        static_cast<int64_t>(centre) + reach);
    double sum = 0;
    double gain = 0;
    for (int64_t k = first; k <= last; ++k) {
      const double x = (static_cast<double>(k) - centre) * cutoff;
      const double sinc =
          std::abs(x) < 1e-9 ? 1 : std::sin(std::numbers::pi * x) / (std::numbers::pi * x);
      const double window = 0.5 + 0.5 * std::cos(std::numbers::pi * x / (kHalfWidth + 1));
      sum += input[static_cast<size_t>(k)] * sinc * window;
      gain += sinc * window;
    }
    output[i] = static_cast<int16_t>(std::lround(std::clamp(sum / gain, -32768.0, 32767.0)));
  }
  return output;
}

}  // namespace wire
