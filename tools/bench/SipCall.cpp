// SPDX-License-Identifier: LGPL-2.1-or-later
#include "SipCall.hpp"

#include <algorithm>
#include <utility>

#include "SipAgent.hpp"
#include "wire/Text.hpp"

namespace bench {

using namespace wire;
namespace {

constexpr Nanoseconds kT1 = 500 * kMillisecond;
constexpr Nanoseconds kT2 = 4 * kSecond;

}  // namespace

std::string SipCall::request(std::string_view method, const std::string& uri, unsigned sequence,
                             const std::string& branch, const std::string& to,
                             const std::string& headers, const std::string& body) const {
  const std::string local = addressText(agent_.local_);
  const std::string own = format("<sip:load%u@", index_) + local + ">";
  const std::string via = "SIP/2.0/UDP " + local + ";branch=" + branch + ";rport";
  const std::string from = "\"Load\" " + own + ";tag=" + from_tag_;
  const std::string lines = (method == "CANCEL" ? "" : "Contact: " + own + "\r\n") + headers;
  return SipRequest{.method = method,
                    .uri = uri,
                    .via = via,
                    .from = from,
                    .to = to,
                    .callId = call_id_,
                    .cseq = sequence,
                    .headers = lines,
                    .body = body}
      .text();
}

void SipCall::invite(const std::string& offer, const std::string& headers) {
  from_tag_ = agent_.newToken();
  call_id_ = agent_.newToken() + "@wsbridge-load";
  branch_ = "z9hG4bK" + agent_.newToken();
  to_ = "<" + agent_.settings_.targetUri + ">";
  remote_uri_ = agent_.settings_.targetUri;
  agent_.by_call_id_[call_id_] = this;
  invite_.text = request("INVITE", remote_uri_, 1, branch_, to_,
                         agent_.settings_.extraHeaders + headers +
                             "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS\r\n"
                             "User-Agent: wsbridge-load\r\n",
                         offer);
  state_ = State::Inviting;
  invited_at_ = now();
  agent_.send(invite_.text);
  invite_.interval = kT1;
  invite_.next = invited_at_ + kT1;
  invite_.deadline = invited_at_ + 64 * kT1;
}

void SipCall::cancel() {
  if (state_ != State::Inviting || cancel_sent_) return;
  cancel_wanted_ = true;
  if (trying_ != 0) sendCancel();
}

void SipCall::sendCancel() {
  cancel_sent_ = true;
  end_.text = request("CANCEL", agent_.settings_.targetUri, 1, branch_, to_);
  agent_.send(end_.text);
  end_.interval = kT1;
  end_.next = now() + kT1;
  end_.deadline = now() + 64 * kT1;
}

void SipCall::bye() {
  if (state_ != State::Established) return;
  state_ = State::Ending;
  end_.text = request("BYE", remote_uri_, 2, "z9hG4bK" + agent_.newToken(), to_, routes_);
  agent_.send(end_.text);
  end_.interval = kT1;
  end_.next = now() + kT1;
  end_.deadline = now() + 64 * kT1;
}

void SipCall::giveUpBy(Nanoseconds deadline) {
  invite_.deadline = std::min(invite_.deadline, deadline);
  end_.deadline = std::min(end_.deadline, deadline);
}

void SipCall::finish(int status, std::string reason) {
  final_status_ = status;
  final_reason_ = std::move(reason);
  state_ = State::Ended;
  invite_ = {};
  end_ = {};
  answer_.clear();
  agent_.listener_(*this);
}

void SipCall::onResponse(const SipMessage& message, Nanoseconds arrival) {
  if (message.method == "INVITE") {
    onInviteResponse(message, arrival);
  } else if (message.method == "BYE" && message.status >= 200 && state_ == State::Ending) {
    finish(200, "");
  } else if (message.method == "CANCEL" && message.status >= 200 && state_ == State::Inviting) {
    end_ = {};
  }
}

void SipCall::onInviteResponse(const SipMessage& message, Nanoseconds arrival) {
  if (message.status < 200) {
    if (state_ != State::Inviting) return;
    if (trying_ == 0) trying_ = arrival;
    // Timer A ends with the first provisional response; the deadline becomes that of a long
    // ringing.
    invite_.next = 0;
    invite_.deadline = now() + 60 * kSecond;
    if (cancel_wanted_ && !cancel_sent_) sendCancel();
    agent_.listener_(*this);
    return;
  }
  if (state_ != State::Inviting) {
    if (!ack_.empty()) agent_.send(ack_);  // the response was retransmitted
    return;
  }
  acknowledge(message);
  invite_ = {};
  if (message.status >= 300) {
    const std::string& why =
        message.header("Reason").empty() ? message.header("Warning") : message.header("Reason");
    finish(message.status, message.phrase + (why.empty() ? "" : " (" + why + ")"));
    return;
  }
  end_ = {};
  established_at_ = arrival;
  answer_ = message.body;
  final_status_ = message.status;
  state_ = State::Established;
  agent_.listener_(*this);
}

void SipCall::acknowledge(const SipMessage& message) {
  to_ = message.header("To");
  if (message.status >= 300) {
    // RFC 3261 17.1.1.3: same branch and request URI, hop by hop.
    ack_ = request("ACK", agent_.settings_.targetUri, 1, branch_, to_);
  } else {
    if (!message.header("Contact").empty()) remote_uri_ = addressUri(message.header("Contact"));
    for (auto it = message.headers.rbegin(); it != message.headers.rend(); ++it)
      if (sameText(it->first, "Record-Route")) routes_ += "Route: " + it->second + "\r\n";
    ack_ = request("ACK", remote_uri_, 1, "z9hG4bK" + agent_.newToken(), to_, routes_);
  }
  agent_.send(ack_);
}

void SipCall::onRequest(const SipMessage& message, const sockaddr_in& from) {
  if (message.method == "ACK") return;
  if (message.method == "BYE") {
    agent_.send(responseTo(message, 200, "OK", from_tag_), from);
    if (state_ != State::Established && state_ != State::Ending) return;
    ended_by_peer_ = state_ == State::Established;
    finish(200, message.header("Reason"));
  } else if (message.method == "OPTIONS" || message.method == "INFO") {
    agent_.send(responseTo(message, 200, "OK", from_tag_), from);
  } else {
    agent_.send(responseTo(message, 501, "Not Implemented", from_tag_), from);
  }
}

Nanoseconds SipCall::nextTime() const {
  Nanoseconds next = 0;
  for (const Transaction* transaction : {&invite_, &end_}) {
    if (transaction->text.empty()) continue;
    const Nanoseconds time = transaction->next == 0
                                 ? transaction->deadline
                                 : std::min(transaction->next, transaction->deadline);
    next = next == 0 ? time : std::min(next, time);
  }
  return next;
}

void SipCall::onTime(Nanoseconds present) {
  if (!invite_.text.empty() && present >= invite_.deadline) {
    finish(408, "no final response to the INVITE");
    return;
  }
  if (!end_.text.empty() && present >= end_.deadline) {
    const bool bye = state_ == State::Ending;
    finish(408, bye ? "no response to the BYE" : "no response to the CANCEL");
    return;
  }
  if (!invite_.text.empty() && invite_.next != 0 && present >= invite_.next) {
    agent_.send(invite_.text);
    ++retransmissions_;
    invite_.interval *= 2;
    invite_.next = present + invite_.interval;
  }
  if (!end_.text.empty() && present >= end_.next) {
    agent_.send(end_.text);
    ++retransmissions_;
    end_.interval = std::min(end_.interval * 2, kT2);
    end_.next = present + end_.interval;
  }
}

}  // namespace bench
