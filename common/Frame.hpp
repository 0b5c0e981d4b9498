// SPDX-License-Identifier: LGPL-2.1-or-later
// The frame: all audio passes in pieces of this length, in both directions.
#pragma once

#include <cstddef>
#include <cstdint>

namespace wsbridge::common {

inline constexpr int kFrameMs = 20;
inline constexpr std::int64_t kFrameUs = std::int64_t{kFrameMs} * 1000;

/// `rate` in Hz, a multiple of 50.
constexpr std::size_t samplesPerFrame(int rate) {
  return static_cast<std::size_t>(rate) * kFrameMs / 1000;
}

}  // namespace wsbridge::common
