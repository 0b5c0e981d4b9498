// SPDX-License-Identifier: LGPL-2.1-or-later
#include "Statistics.hpp"

#include <algorithm>
#include <cmath>

namespace bench {
namespace {

constexpr size_t kBlock = 8000;
constexpr int64_t kLocalLag = 1280;

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
      const int32_t xy = x * y;
      const int32_t xx = x * x;
      const int32_t yy = y * y;
      product += xy;
      a += xx;
      b += yy;
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

int64_t bestLag(std::span<const int16_t> part, std::span<const int16_t> returned, int64_t offset,
                int64_t minLag, int64_t maxLag) {
  double best = -2;
  int64_t result = minLag;
  for (int64_t lag = minLag; lag <= maxLag; ++lag) {
    const double value = normalised(sumsAt(part, returned, lag + offset));
    if (value > best) {
      best = value;
      result = lag;
    }
  }
  return result;
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
  const int64_t coarse =
      bestLag(sent.subspan(start, length), returned, static_cast<int64_t>(start), minLag, maxLag);
  Sums sums;
  std::vector<double> lags;
  for (size_t at = 0; at < sent.size(); at += kBlock) {
    const auto block = sent.subspan(at, std::min(kBlock, sent.size() - at));
    const auto offset = static_cast<int64_t>(at);
    const int64_t lag = bestLag(block, returned, offset, std::max(minLag, coarse - kLocalLag),
                                std::min(maxLag, coarse + kLocalLag));
    const Sums here = sumsAt(block, returned, lag + offset);
    sums.product += here.product;
    sums.sent += here.sent;
    sums.returned += here.returned;
    // What is nearly silent has no lag of its own.
    if (here.sent > 200.0 * 200.0 * static_cast<double>(block.size()))
      lags.push_back(static_cast<double>(lag));
  }
  Likeness result;
  result.correlation = normalised(sums);
  if (sums.sent > 0 && sums.returned > 0)
    result.levelDb = 10 * std::log10(sums.returned / sums.sent);
  result.lag = static_cast<double>(coarse);
  if (lags.empty()) return result;
  std::ranges::sort(lags);
  result.lag = percentile(lags, 50);
  result.lagSpread = lags.back() - lags.front();
  return result;
}

}  // namespace bench
