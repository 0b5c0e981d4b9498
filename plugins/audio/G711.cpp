// SPDX-License-Identifier: LGPL-2.1-or-later
#include "audio/G711.hpp"

#include <algorithm>
#include <array>
#include <bit>

namespace wsbridge::g711 {

namespace {

// Magnitudes go up to 32768 inclusive. The codes depend on no finer steps than these, so that the
// tables stay within the first-level cache.
constexpr int kUlawShift = 2;
constexpr int kAlawShift = 4;
constexpr int kUlawBias = 132;
constexpr int kUlawClip = 32635;
constexpr int kAlawToggle = 0x55;

template <int Shift>
using EncodeTable = std::array<uint8_t, (32768 >> Shift) + 1>;

constexpr int16_t expandUlaw(int code) {
  const int bits = ~code & 0xff;
  const int magnitude = ((((bits & 0x0f) << 3) + kUlawBias) << (bits >> 4 & 7)) - kUlawBias;
  return static_cast<int16_t>((bits & 0x80) != 0 ? -magnitude : magnitude);
}

constexpr int16_t expandAlaw(int code) {
  const int bits = code ^ kAlawToggle;
  const int segment = bits >> 4 & 7;
  const int steps = (bits & 0x0f) << 4;
  const int magnitude = segment == 0 ? steps + 8 : (steps + 0x108) << (segment - 1);
  return static_cast<int16_t>((bits & 0x80) != 0 ? magnitude : -magnitude);
}

/// The code of a positive sample.
constexpr uint8_t compressUlaw(int magnitude) {
  const int biased = std::min(magnitude, kUlawClip) + kUlawBias;
  const int segment = std::bit_width(static_cast<unsigned>(biased)) - 8;
  return static_cast<uint8_t>(~(segment << 4 | (biased >> (segment + 3) & 0x0f)));
}

constexpr uint8_t compressAlaw(int magnitude) {
  const int clipped = std::min(magnitude, 32767);
  const int segment =
      std::max(0, static_cast<int>(std::bit_width(static_cast<unsigned>(clipped))) - 8);
  const int step = clipped >> (segment == 0 ? 4 : segment + 3) & 0x0f;
  return static_cast<uint8_t>((0x80 | segment << 4 | step) ^ kAlawToggle);
}

constexpr auto decodeTable(int16_t (*expand)(int)) {
  std::array<int16_t, 256> table{};
  for (size_t code = 0; code < table.size(); ++code)
    table[code] = expand(static_cast<int>(code));
  return table;
}

template <int Shift>
constexpr auto encodeTable(uint8_t (*compress)(int)) {
  EncodeTable<Shift> table{};
  for (size_t step = 0; step < table.size(); ++step)
    table[step] = compress(static_cast<int>(step << Shift));
  return table;
}

constexpr auto kUlawDecode = decodeTable(expandUlaw);
constexpr auto kAlawDecode = decodeTable(expandAlaw);
constexpr auto kUlawEncode = encodeTable<kUlawShift>(compressUlaw);
constexpr auto kAlawEncode = encodeTable<kAlawShift>(compressAlaw);

void decode(const std::array<int16_t, 256>& table, const uint8_t* in, int16_t* out, size_t count) {
  for (size_t i = 0; i < count; ++i)
    out[i] = table[in[i]];
}

template <int Shift>
void encode(const EncodeTable<Shift>& table, const int16_t* in, uint8_t* out, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const int sample = in[i];
    const int sign = sample >> 15;  // all ones when negative
    const int magnitude = (sample ^ sign) - sign;
    out[i] = static_cast<uint8_t>(table[static_cast<size_t>(magnitude >> Shift)] ^ (sign & 0x80));
  }
}

}  // namespace

void decodeUlaw(const uint8_t* in, int16_t* out, size_t count) {
  decode(kUlawDecode, in, out, count);
}

void decodeAlaw(const uint8_t* in, int16_t* out, size_t count) {
  decode(kAlawDecode, in, out, count);
}

void encodeUlaw(const int16_t* in, uint8_t* out, size_t count) {
  encode<kUlawShift>(kUlawEncode, in, out, count);
}

void encodeAlaw(const int16_t* in, uint8_t* out, size_t count) {
  encode<kAlawShift>(kAlawEncode, in, out, count);
}

}  // namespace wsbridge::g711
