// SPDX-License-Identifier: LGPL-2.1-or-later
#include "Statistics.hpp"

#include <algorithm>
#include <cmath>

namespace bench {
namespace {

struct Sums {
  double product = 0, sent = 0, returned = 0;
};

Sums sumsAt(std::span<const int16_t> sent, std::span<const int16_t> returned, int64_t lag) {
  const auto from = std::max<int64_t>(0, -lag);
  const auto to = std::min<int64_t>(static_cast<int64_t>(sent.size()),
                                    static_cast<int64_t>(returned.size()) - lag);
  // Integer sums let the compiler use vector instructions; blocks keep them inside 64 bits.
  Sums sums;
  for (int64_t i = from; i < to; i += 4096) {
    const int64_t end = std::min(to, i + 4096);
    int64_t product = 0, a = 0, b = 0;
    for (int64_t k = i; k < end; ++k) {
      const int32_t x = sent[static_cast<size_t>(k)];
      const int32_t y = returned[static_cast<size_t>(k + lag)];
      product += x * y;
      a += x * x;
      b += y * y;
    }
    sums.product += static_cast<double>(product);
    sums.sent += static_cast<double>(a);
    sums.returned += static_cast<double>(b);
  }
  return sums;
}

double normalised(const Sums& sums) {
  const double power = std::sqrt(sums.sent * sums.returned);
  return power > 0 ? sums.product / power : 0;
}

// The two loudest seconds are enough to find the lag and keep the search short.
std::pair<size_t, size_t> loudest(std::span<const int16_t> sent) {
  constexpr size_t kWindow = 16000;
  if (sent.size() <= kWindow) return {0, sent.size()};
  double best = -1;
  size_t at = 0;
  for (size_t start = 0; start + kWindow <= sent.size(); start += kWindow / 4) {
    double power = 0;
    for (size_t i = start; i < start + kWindow; i += 3)
      power += static_cast<double>(sent[i]) * sent[i];
    if (power > best) {
      best = power;
      at = start;
    }
  }
  return {at, kWindow};
}

}  // namespace

double percentile(std::span<const double> sorted, double percent) {
  if (sorted.empty()) return 0;
  const double rank = std::ceil(percent / 100 * static_cast<double>(sorted.size()));
  const auto index = static_cast<size_t>(std::max(1.0, rank)) - 1;
  return sorted[std::min(index, sorted.size() - 1)];
}

Summary summarise(std::vector<double> values) {
  if (values.empty()) return {};
  std::ranges::sort(values);
  return {values.size(), percentile(values, 50), percentile(values, 95), percentile(values, 99),
          values.back()};
}

Likeness compare(std::span<const int16_t> sent, std::span<const int16_t> returned, int64_t minLag,
                 int64_t maxLag) {
  const auto [start, length] = loudest(sent);
  const auto part = sent.subspan(start, length);
  const auto offset = static_cast<int64_t>(start);
  double best = -2;
  int64_t bestLag = minLag;
  for (int64_t lag = minLag; lag <= maxLag; ++lag) {
    const double value = normalised(sumsAt(part, returned, lag + offset));
    if (value > best) {
      best = value;
      bestLag = lag;
    }
  }
  const double left = normalised(sumsAt(part, returned, bestLag - 1 + offset));
  const double right = normalised(sumsAt(part, returned, bestLag + 1 + offset));
  const double curvature = left - 2 * best + right;
  Likeness result;
  result.lag = static_cast<double>(bestLag);
  if (curvature < 0) result.lag += std::clamp(0.5 * (left - right) / curvature, -0.5, 0.5);
  const Sums sums = sumsAt(sent, returned, bestLag);
  result.correlation = normalised(sums);
  if (sums.sent > 0 && sums.returned > 0)
    result.levelDb = 10 * std::log10(sums.returned / sums.sent);
  return result;
}

}  // namespace bench
