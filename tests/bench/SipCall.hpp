// SPDX-License-Identifier: LGPL-2.1-or-later
// One outgoing call: hand-written requests, the client transactions of RFC 3261 with their timers,
// one dialog. Owned by its SipAgent, used on the agent's thread only.
#pragma once

#include <string>
#include <string_view>

#include <netinet/in.h>

#include "Clock.hpp"
#include "SipMessage.hpp"

namespace bench {

class SipAgent;

class SipCall {
 public:
  enum class State { Idle, Inviting, Established, Ending, Ended };

  SipCall(SipAgent& agent, unsigned index) : agent_(agent), index_(index) {}

  // `headers`: complete lines besides those of the agent's settings.
  void invite(const std::string& offer, const std::string& headers = "");
  void cancel();  // sent once a provisional response is there
  void bye();
  void giveUpBy(Nanoseconds deadline);  // transactions still open then fail

  unsigned index() const { return index_; }
  State state() const { return state_; }
  const std::string& callId() const { return callId_; }
  const std::string& answer() const { return answer_; }
  bool everEstablished() const { return establishedAt_ != 0; }
  bool endedByPeer() const { return endedByPeer_; }
  int finalStatus() const { return finalStatus_; }  // 408 also when nothing came at all
  const std::string& finalReason() const { return finalReason_; }
  Nanoseconds invitedAt() const { return invitedAt_; }
  double tryingMs() const { return trying_ == 0 ? -1 : toMs(trying_ - invitedAt_); }
  double setupMs() const { return establishedAt_ == 0 ? -1 : toMs(establishedAt_ - invitedAt_); }
  unsigned retransmissions() const { return retransmissions_; }

 private:
  friend class SipAgent;
  struct Transaction {
    std::string text;  // empty: none
    Nanoseconds next = 0, interval = 0, deadline = 0;
  };

  void onResponse(const SipMessage& message, Nanoseconds arrival);
  void onInviteResponse(const SipMessage& message, Nanoseconds arrival);
  void onRequest(const SipMessage& message, const sockaddr_in& from);
  void onTime(Nanoseconds present);
  Nanoseconds nextTime() const;
  void sendCancel();
  void acknowledge(const SipMessage& message);
  void finish(int status, std::string reason);
  std::string request(std::string_view method, const std::string& uri, unsigned sequence,
                      const std::string& branch, const std::string& to) const;

  SipAgent& agent_;
  const unsigned index_;
  State state_ = State::Idle;
  std::string callId_, fromTag_, branch_, to_, remoteUri_, routes_, ack_, answer_;
  Transaction invite_, end_;  // end: BYE or CANCEL
  bool cancelWanted_ = false, cancelSent_ = false, endedByPeer_ = false;
  int finalStatus_ = 0;
  std::string finalReason_;
  unsigned retransmissions_ = 0;
  Nanoseconds invitedAt_ = 0, trying_ = 0, establishedAt_ = 0;
};

}  // namespace bench
