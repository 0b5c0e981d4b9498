// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sip/dialog/SessionRefresher.hpp"

#include <algorithm>
#include <utility>

#include <glib.h>

namespace launcher {

namespace {

constexpr std::chrono::seconds kFirstPause{2};
constexpr unsigned kMaxDoublings = 5;
constexpr int kMaxRetryAfter = 3600;

}  // namespace

SessionRefresher::SessionRefresher(SipThread& thread, bool ownsCallId, Events events)
    : events_(std::move(events)), due_(thread), expiry_(thread), owns_call_id_(ownsCallId) {}

void SessionRefresher::restart() {
  failures_ = 0;
  due_.cancel();
  expiry_.cancel();
  if (stopped_ || timer_.role() == SessionTimer::Role::None) return;
  expiry_.start(timer_.expiresAfter(), [this] { events_.expired(); });
  if (timer_.role() == SessionTimer::Role::Ours) sendAfter(timer_.refreshAfter());
}

void SessionRefresher::stop() {
  stopped_ = true;
  due_.cancel();
  expiry_.cancel();
}

void SessionRefresher::send() {
  if (stopped_ || under_way_) return;
  under_way_ = true;
  events_.send(takes_update_ ? Method::Update : Method::Invite, timer_.refresh());
}

void SessionRefresher::sendAfter(std::chrono::milliseconds pause) {
  due_.start(pause, [this] { send(); });
}

void SessionRefresher::answered(int status, const SessionHeaders& headers, int retryAfter) {
  if (!std::exchange(under_way_, false) || stopped_) return;
  if (status < 300) {
    timer_.accepted(headers, true);
    return restart();
  }
  switch (status) {
    case 408:
    case 481:
      // The other side is gone, RFC 3261 12.2.1.2.
      return events_.expired();
    case 422:
      if (timer_.tooBrief(headers)) return sendAfter({});
      break;
    case 405:
    case 501:
      if (takes_update_) {
        takes_update_ = false;
        return sendAfter({});
      }
      break;
    case 491:
      // Both at once: the owner of the Call-ID waits for longer, RFC 3261 14.1.
      return sendAfter(std::chrono::milliseconds(owns_call_id_ ? g_random_int_range(210, 401) * 10
                                                               : g_random_int_range(0, 201) * 10));
    default:
      break;
  }
  const auto pause = kFirstPause * (1 << std::min(failures_++, kMaxDoublings));
  sendAfter(retryAfter >= 0 ? std::chrono::seconds(std::min(retryAfter, kMaxRetryAfter)) : pause);
}

}  // namespace launcher
