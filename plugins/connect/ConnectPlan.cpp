// SPDX-License-Identifier: LGPL-2.1-or-later
#include "connect/ConnectPlan.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace wsbridge {

namespace {

constexpr int64_t kFirstPauseUs = 100'000;
constexpr int64_t kMaxPauseUs = 2'000'000;

}  // namespace

ConnectPlan::ConnectPlan(size_t candidates, unsigned retries, int64_t start_us, int64_t budget_us)
    : round_(candidates),
      retries_(retries),
      pause_us_(kFirstPauseUs),
      start_us_(start_us),
      end_us_(start_us + budget_us) {
  std::iota(round_.begin(), round_.end(), size_t{0});
}

ConnectPlan::Attempt ConnectPlan::first() {
  return next(start_us_);
}

ConnectPlan::Attempt ConnectPlan::next(int64_t at_us) {
  const auto left = static_cast<int64_t>(round_.size() - position_);
  return {round_[position_++], at_us, at_us + (end_us_ - at_us) / left};
}

std::optional<ConnectPlan::Attempt> ConnectPlan::afterFailure(bool temporary, int64_t now_us) {
  if (temporary) again_.push_back(round_[position_ - 1]);
  if (now_us >= end_us_) return std::nullopt;
  if (position_ < round_.size()) return next(now_us);
  const int64_t at_us = now_us + pause_us_;
  if (again_.empty() || retries_ == 0 || at_us >= end_us_) return std::nullopt;
  --retries_;
  pause_us_ = std::min(pause_us_ * 2, kMaxPauseUs);
  round_ = std::exchange(again_, {});
  position_ = 0;
  return next(at_us);
}

}  // namespace wsbridge
