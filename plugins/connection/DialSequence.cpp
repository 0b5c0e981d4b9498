// SPDX-License-Identifier: LGPL-2.1-or-later
#include "connection/DialSequence.hpp"

#include <algorithm>
#include <utility>

namespace wsbridge {

DialSequence::DialSequence(std::shared_ptr<MediaLoop> loop, DialList list, Events events)
    : loop_(std::move(loop)), list_(std::move(list)), events_(std::move(events)) {}

DialSequence::~DialSequence() {
  cancel();
}

void DialSequence::start() {
  plan_.emplace(list_.candidates.size(), list_.retries, g_get_monotonic_time(),
                int64_t{list_.timeout_ms} * 1000);
  dial(plan_->first());
}

void DialSequence::cancel() {
  over_ = true;
  if (pause_) loop_->removeTimer(*pause_);
  pause_.reset();
  if (dialer_) dialer_->cancel();
  dialer_.reset();
}

void DialSequence::schedule(const DialPlan::Attempt& attempt) {
  if (attempt.at_us <= g_get_monotonic_time()) {
    dial(attempt);
    return;
  }
  pause_ = loop_->addTimer(attempt.at_us, [weak = weak_from_this(), attempt](int64_t) -> int64_t {
    const auto self = weak.lock();
    if (!self || self->over_) return 0;
    self->pause_.reset();
    self->dial(attempt);
    return 0;
  });
}

void DialSequence::dial(const DialPlan::Attempt& attempt) {
  DialSettings& candidate = list_.candidates[attempt.candidate];
  const int64_t left_ms = (attempt.until_us - g_get_monotonic_time() + 999) / 1000;
  candidate.timeout_ms = static_cast<unsigned>(std::max<int64_t>(left_ms, 1));
  candidate.shares_time = list_.candidates.size() > 1;
  events_.trying(candidate);
  if (over_) return;
  dialer_ = std::make_shared<Dialer>(
      loop_, candidate,
      [weak = weak_from_this(), number = attempt.candidate](Dialer::Result result) {
        if (const auto self = weak.lock()) self->dialled(number, std::move(result));
      });
  dialer_->start();
}

void DialSequence::dialled(size_t candidate, Dialer::Result result) {
  dialer_.reset();
  if (over_) return;
  if (const auto* failure = std::get_if<Failure>(&result)) {
    const auto next = plan_->afterFailure(failure->temporary, g_get_monotonic_time());
    if (next) {
      events_.failed(*failure);
      if (!over_) schedule(*next);
      return;
    }
  }
  over_ = true;
  events_.done(std::move(result), list_.candidates[candidate]);
}

}  // namespace wsbridge
