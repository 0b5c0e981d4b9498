// SPDX-License-Identifier: LGPL-2.1-or-later
// The frame: all audio passes in pieces of this length, in both directions.
#pragma once

#include <cstdint>

namespace wsbridge::common {

inline constexpr int kFrameMs = 20;
inline constexpr std::int64_t kFrameUs = std::int64_t{kFrameMs} * 1000;

}  // namespace wsbridge::common
