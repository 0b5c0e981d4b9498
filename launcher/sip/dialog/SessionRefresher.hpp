// SPDX-License-Identifier: LGPL-2.1-or-later
// Keeps the session of one dialog alive, RFC 4028: holds its SessionTimer, says when a refresh is
// due, what follows its answer, and when the session is over. SIP thread only; must not be
// destroyed within one of its events.
#pragma once

#include <cstdint>
#include <functional>

#include "sip/dialog/SessionTimer.hpp"
#include "sip/stack/SipThread.hpp"

namespace launcher {

class SessionRefresher {
 public:
  enum class Method { Update, Invite };
  struct Events {
    std::function<void(Method, const SessionTimer::Headers&)> send;
    std::function<void()> expired;
  };

  /// `ownsCallId`: whether the dialog began with an INVITE of ours, RFC 3261 14.1.
  SessionRefresher(SipThread& thread, bool ownsCallId, Events events);
  SessionRefresher(const SessionRefresher&) = delete;
  SessionRefresher& operator=(const SessionRefresher&) = delete;

  [[nodiscard]] SessionTimer& timer() { return timer_; }
  void setTakesUpdate(bool takes) { takes_update_ = takes; }
  /// The session was refreshed by either side, or began.
  void restart();
  /// The final answer to what `send` has sent. `retryAfter` in s, negative without.
  void answered(int status, const SessionHeaders& headers, int retryAfter);
  void stop();

 private:
  void send();
  void sendAfter(std::chrono::milliseconds pause);

  Events events_;
  SessionTimer timer_;
  SipTimer due_;
  SipTimer expiry_;
  const bool owns_call_id_;
  bool takes_update_ = false;
  bool under_way_ = false;
  bool stopped_ = false;
  unsigned failures_ = 0;
};

}  // namespace launcher
