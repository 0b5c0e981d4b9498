// SPDX-License-Identifier: LGPL-2.1-or-later
// Counts of times in milliseconds, in steps of 0.05 up to two seconds: percentiles of any number of
// values in bounded memory. Pure values; one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "Statistics.hpp"

namespace bench {

class Histogram {
 public:
  void add(double ms);
  uint64_t count() const { return count_; }
  uint64_t above(double ms) const;  // values in steps that begin at `ms` or later
  Summary summary() const;          // percentiles rounded up to the step

 private:
  std::vector<uint64_t> steps_;
  uint64_t count_ = 0;
  double max_ = 0;
};

}  // namespace bench
