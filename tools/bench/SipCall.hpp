// SPDX-License-Identifier: LGPL-2.1-or-later
// One outgoing call: hand-written requests, the client transactions of RFC 3261 with their timers,
// one dialog. Owned by its SipAgent, used on the agent's thread only.
#pragma once

#include <string>
#include <string_view>

#include <netinet/in.h>

#include "Clock.hpp"
#include "wire/SipMessage.hpp"

namespace bench {

using namespace wire;

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
  const std::string& callId() const { return call_id_; }
  const std::string& answer() const { return answer_; }
  bool everEstablished() const { return established_at_ != 0; }
  bool endedByPeer() const { return ended_by_peer_; }
  int finalStatus() const { return final_status_; }  // 408 also when nothing came at all
  const std::string& finalReason() const { return final_reason_; }
  Nanoseconds invitedAt() const { return invited_at_; }
  double tryingMs() const { return trying_ == 0 ? -1 : toMs(trying_ - invited_at_); }
  double setupMs() const { return established_at_ == 0 ? -1 : toMs(established_at_ - invited_at_); }
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
                      const std::string& branch, const std::string& to,
                      const std::string& headers = {}, const std::string& body = {}) const;

  SipAgent& agent_;
  const unsigned index_;
  State state_ = State::Idle;
  std::string call_id_, from_tag_, branch_, to_, remote_uri_, routes_, ack_, answer_;
  Transaction invite_, end_;  // end: BYE or CANCEL
  bool cancel_wanted_ = false, cancel_sent_ = false, ended_by_peer_ = false;
  int final_status_ = 0;
  std::string final_reason_;
  unsigned retransmissions_ = 0;
  Nanoseconds invited_at_ = 0, trying_ = 0, established_at_ = 0;
};

}  // namespace bench
