// SPDX-License-Identifier: LGPL-2.1-or-later
// Percentiles, and the likeness of two pieces of audio. Pure; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace bench {

struct Summary {
  size_t count = 0;
  double p50 = 0, p95 = 0, p99 = 0, max = 0;
};

// Nearest rank: the smallest value that at least `percent` of all values do not exceed.
double percentile(std::span<const double> sorted, double percent);
Summary summarise(std::vector<double> values);

struct Likeness {
  double lag = 0;          // samples that `returned` is behind `sent`: the median over blocks
  double lagSpread = 0;    // between the least and the greatest lag of a block
  double correlation = 0;  // normalised, −1 to 1, over all blocks
  double levelDb = 0;      // level of `returned` against `sent` after alignment
};

// Looks for `sent` in `returned` at lags between `minLag` and `maxLag` samples. Each block of 8000
// samples is aligned for itself, by up to 1280 samples more or less, because a play-out buffer may
// insert or trim silence in between.
Likeness compare(std::span<const int16_t> sent, std::span<const int16_t> returned, int64_t minLag,
                 int64_t maxLag);

}  // namespace bench
