// SPDX-License-Identifier: LGPL-2.1-or-later
//
// HalfBand: doubles or halves a sample rate with a half-band filter of 47 taps (Kaiser, 70 dB):
// flat to 3/8 of the lower rate, images and aliases of that band more than 60 dB down. Every second
// tap but the middle one is zero, so it costs half of a general filter. Pure; not synchronised.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace wsbridge {

class HalfBand {
 public:
  enum class Direction { Up, Down };

  explicit HalfBand(Direction direction);

  /// Up: two samples for each. Down: one for each pair; an odd one waits for the next call. Returns
  /// how many were written.
  size_t convert(std::span<const int16_t> in, int16_t* out);
  void reset();
  /// Samples at the input rate.
  [[nodiscard]] size_t delay() const {
    return direction_ == Direction::Up ? kPairs : 2 * kPairs - 2;
  }

 private:
  static constexpr size_t kPairs = 12;
  static constexpr size_t kHistory = 2 * kPairs - 1;

  void up(std::span<const int16_t> in, int16_t* out);
  /// Pairs of samples.
  void down(std::span<const int16_t> in, int16_t* out);
  size_t downAll(std::span<const int16_t> in, int16_t* out);
  /// sums[i] belongs between line[i + kPairs - 1] and the next.
  void filter(const float* line, float* sums, size_t count) const;

  Direction direction_;
  std::array<float, kPairs> taps_{};
  std::array<float, kHistory> line_{};    // the last of what goes through the taps
  std::array<float, kHistory> middle_{};  // Down: of the other half; one is the middle tap's
  bool odd_waits_ = false;
  int16_t odd_ = 0;
};

}  // namespace wsbridge
