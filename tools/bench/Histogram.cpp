// SPDX-License-Identifier: LGPL-2.1-or-later
#include "Histogram.hpp"

#include <algorithm>
#include <cmath>

namespace bench {
namespace {

constexpr double kStepsPerMs = 20;
constexpr size_t kSteps = 40000;

}  // namespace

void Histogram::add(double ms) {
  if (steps_.empty()) steps_.resize(kSteps);
  const double step = std::max(0.0, ms) * kStepsPerMs;
  ++steps_[std::min(kSteps - 1, static_cast<size_t>(step))];
  max_ = count_ == 0 ? ms : std::max(max_, ms);
  ++count_;
}

uint64_t Histogram::above(double ms) const {
  uint64_t sum = 0;
  for (auto i = static_cast<size_t>(std::lround(ms * kStepsPerMs)); i < steps_.size(); ++i)
    sum += steps_[i];
  return sum;
}

Summary Histogram::summary() const {
  Summary summary;
  summary.count = count_;
  summary.max = max_;
  const auto at = [this](double percent) {
    const auto wanted =
        static_cast<uint64_t>(std::ceil(percent / 100 * static_cast<double>(count_)));
    uint64_t sum = 0;
    for (size_t i = 0; i < steps_.size(); ++i) {
      sum += steps_[i];
      if (sum >= wanted && sum > 0) return std::min(max_, static_cast<double>(i + 1) / kStepsPerMs);
    }
    return max_;
  };
  summary.p50 = at(50);
  summary.p95 = at(95);
  summary.p99 = at(99);
  return summary;
}

}  // namespace bench
