// SPDX-License-Identifier: LGPL-2.1-or-later
#include "connect/ConnectSequence.hpp"

#include <algorithm>
#include <utility>

namespace wsbridge {

ConnectSequence::ConnectSequence(std::shared_ptr<MediaLoop> loop, ConnectList list, Events events)
    : loop_(std::move(loop)), list_(std::move(list)), events_(std::move(events)) {}

ConnectSequence::~ConnectSequence() {
  cancel();
}

void ConnectSequence::start() {
  plan_.emplace(list_.candidates.size(), list_.retries, g_get_monotonic_time(),
                int64_t{list_.timeout_ms} * 1000);
  connect(plan_->first());
}

void ConnectSequence::cancel() {
  over_ = true;
  if (pause_) loop_->removeTimer(*pause_);
  pause_.reset();
  if (connector_) connector_->cancel();
  connector_.reset();
}

void ConnectSequence::schedule(const ConnectPlan::Attempt& attempt) {
  if (attempt.at_us <= g_get_monotonic_time()) {
    connect(attempt);
    return;
  }
  pause_ = loop_->addTimer(attempt.at_us, [weak = weak_from_this(), attempt](int64_t) -> int64_t {
    const auto self = weak.lock();
    if (!self || self->over_) return 0;
    self->pause_.reset();
    self->connect(attempt);
    return 0;
  });
}

void ConnectSequence::connect(const ConnectPlan::Attempt& attempt) {
  ConnectSettings& candidate = list_.candidates[attempt.candidate];
  const int64_t left_ms = (attempt.until_us - g_get_monotonic_time() + 999) / 1000;
  candidate.timeout_ms = static_cast<unsigned>(std::max<int64_t>(left_ms, 1));
  candidate.shares_time = list_.candidates.size() > 1;
  events_.trying(candidate);
  if (over_) return;
  connector_ = std::make_shared<Connector>(
      loop_, candidate,
      [weak = weak_from_this(), number = attempt.candidate](Connector::Outcome result) {
        if (const auto self = weak.lock()) self->connected(number, std::move(result));
      });
  connector_->start();
}

void ConnectSequence::connected(size_t candidate, Connector::Outcome result) {
  connector_.reset();
  if (over_) return;
  if (!result) {
    const auto next = plan_->afterFailure(result.error().temporary, g_get_monotonic_time());
    if (next) {
      events_.failed(result.error());
      if (!over_) schedule(*next);
      return;
    }
  }
  over_ = true;
  events_.done(std::move(result), list_.candidates[candidate]);
}

}  // namespace wsbridge
