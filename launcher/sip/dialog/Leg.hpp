// SPDX-License-Identifier: LGPL-2.1-or-later
// One SIP dialog: the calls down to Sofia-SIP and the events up from it as plain values. Owns the
// nua_handle_t. SIP thread only. When a Leg goes, its handle is unbound first, so late events of
// the dialog reach nobody.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/CallEnd.hpp"
#include "sip/dialog/SessionRefresher.hpp"
#include "sip/door/SipDoor.hpp"
#include "sip/stack/SipThread.hpp"

struct nua_s;
struct nua_handle_s;
struct sip_s;

namespace launcher {

/// What happens in a dialog. All on the SIP thread; a handler may destroy the Leg's owner later, by
/// post(), never within.
class LegHandler {
 public:
  virtual ~LegHandler() = default;
  virtual void onCancelled() = 0;
  virtual void onBye() = 0;
  virtual void onAcknowledged(const std::string& sdp) = 0;
  virtual void onAckTimeout() = 0;
  /// A re-INVITE or UPDATE: answer through `Leg::acceptOffer()` or `refuseOffer()` before
  /// returning.
  virtual void onReoffer(const std::string& sdp, bool update) = 0;
  virtual void onInfo(const std::string& type, const std::string& body) = 0;
  /// A text for the endpoint, by MESSAGE or INFO: valid UTF-8 of bounded length, `type` without
  /// parameters.
  virtual void onMessage(const std::string& type, const std::string& body) = 0;
  /// The final status of what send() has sent.
  virtual void onRequestAnswered(int status, const std::string& phrase) = 0;
  virtual void onProgress(int status) = 0;
  virtual void onAnswered(const std::string& sdp) = 0;
  virtual void onRejected(int status, const std::string& phrase) = 0;
  /// Nobody has answered what we dialled: the stack gave up by itself, and why.
  virtual void onUnreached(const std::string& why) = 0;
  /// The other side has taken a transfer on, or tells that it goes on: for how many seconds it
  /// means to report, 0 when it does not say.
  virtual void onTransferProgress(int seconds) = 0;
  /// A transfer is over: the final status of the REFER, or of what came of it (RFC 3515).
  virtual void onTransferred(int status, const std::string& phrase) = 0;
  /// The session has not been refreshed in time, RFC 4028.
  virtual void onSessionExpired() = 0;
  /// The other side has answered a refresh of ours with this description.
  virtual void onRefreshAnswered(const std::string& sdp) = 0;
  /// The other side's message cannot be worked with.
  virtual void onSipFault(const std::string& what) = 0;
  virtual void onTerminated() = 0;
};

/// Further headers of a response.
struct ResponseHeaders {
  std::string reason;
  std::string warning;
  std::string accept;
  int retryAfter = 0;      ///< s, 0 for none
  std::string minSe = {};  ///< s, RFC 4028
};

enum class InDialog { Message, Info };

/// Where the message that is being handled came from on the wire; empty when none is.
[[nodiscard]] std::string peerOf(nua_s* nua);

class Leg {
 public:
  /// Takes over the handle.
  Leg(SipThread& thread, SipDoor& door, nua_s* nua, nua_handle_s* handle, std::string contact,
      bool outgoing);
  ~Leg();
  Leg(const Leg&) = delete;
  Leg& operator=(const Leg&) = delete;

  void setHandler(LegHandler* handler) { handler_ = handler; }
  [[nodiscard]] const std::string& callId() const { return call_id_; }
  /// Of the dialog that the message begins which is dealt with now.
  void setCallId(const std::string& id) {
    call_id_ = id;
    pass_ = door_.admit(id);
  }

  void answer(const std::string& sdp);
  /// Final failure response. `phrase` must be a literal: Sofia-SIP keeps the pointer.
  void refuse(int status, const char* phrase, const ResponseHeaders& headers);
  void acceptOffer(const std::string& sdp, bool update);
  void refuseOffer(int status, const char* phrase, const ResponseHeaders& headers);
  void dial(const std::string& sdp);
  void cancel();
  void bye(const std::string& reason);
  /// Asks the other side to call `uri` (REFER); onTransferred() follows. `uri` must be clean.
  void refer(const std::string& uri);
  /// A request within the dialog; onRequestAnswered() follows. One at a time. `type` must be clean.
  void send(InDialog method, const std::string& type, const std::string& body);
  /// What the other side says that it understands; of the message that set up the dialog.
  void noteAllow(const sip_s* sip);
  [[nodiscard]] bool takesInfo() const { return takes_info_; }
  /// The session timer that an INVITE or UPDATE asks for is noted for its answer. Otherwise the
  /// status that the request is refused with: 422 with Min-SE, or 400.
  [[nodiscard]] int noteSession(const sip_s* sip, ResponseHeaders& headers);
  /// Where the message that is being handled came from on the wire is where the other side is.
  void notePeer();
  /// Its address without a port; empty while it is not known.
  [[nodiscard]] const std::string& peerAddress() const { return peer_address_; }

  [[nodiscard]] bool terminated() const { return terminated_; }
  bool answered() const { return answered_; }
  [[nodiscard]] bool outgoing() const { return outgoing_; }

  /// From UserAgent's trampoline.
  void event(int event, int status, const char* phrase, const sip_s* sip);

 private:
  void noteTransfer(const sip_s* sip);
  void takeInfo(const sip_s* sip);
  void takeMessage(const sip_s* sip, const char* acceptable);
  void respondToRequest(int status, const char* phrase, const char* acceptable = nullptr);
  void stateChanged(int callState);
  [[nodiscard]] std::string whyUnreached(int status, const char* phrase, const sip_s* sip) const;
  void takeInviteAnswer(int status, const char* phrase, const sip_s* sip);
  void takeRefreshAnswer(int status, const sip_s* sip);
  void sendRefresh(SessionRefresher::Method method, const SessionTimer::Headers& headers);
  void sessionAgreed();
  void awaitAck();

  friend class UserAgent;

  SipDoor& door_;
  SipDoor::Pass pass_;
  nua_s* nua_;
  nua_handle_s* handle_;
  std::string contact_;
  std::string call_id_;
  std::string peer_address_;
  LegHandler* handler_ = nullptr;
  bool answered_ = false;
  bool ringing_ = false;  ///< a provisional answer has come
  const bool outgoing_;
  bool terminated_ = false;
  bool bye_sent_ = false;
  bool acked_ = false;
  bool takes_info_ = true;
  unsigned refer_cseq_ = 0;          ///< of the last REFER, once it is answered
  unsigned earlier_refer_cseq_ = 0;  ///< of the one before
  std::string sdp_;                  ///< our last description
  SessionRefresher session_;
  SipTimer ack_timer_;
};

}  // namespace launcher
