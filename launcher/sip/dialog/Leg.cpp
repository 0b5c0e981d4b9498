// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sip/dialog/Leg.hpp"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <utility>

#include <sofia-sip/msg_addr.h>
#include <sofia-sip/nua.h>
#include <sofia-sip/nua_tag.h>
#include <sofia-sip/sip.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_tag.h>
#include <sofia-sip/su.h>
#include <sofia-sip/su_tag.h>

#include "base/Text.hpp"
#include "sip/dialog/DtmfRelay.hpp"
#include "sip/stack/MessageBody.hpp"
#include "sip/stack/SofiaLog.hpp"
#include "sip/stack/UnknownHeader.hpp"

namespace launcher {

namespace {

constexpr const char* kSdpType = "application/sdp";
constexpr std::chrono::milliseconds kAckWait{31500};
/// One after the other, for one call.
constexpr unsigned kRedirects = 3;
constexpr const char* kInfoTypes =
    "application/dtmf-relay, application/dtmf, text/plain, application/json";

std::string bodyOf(const sip_t* sip) {
  if (!sip || !sip->sip_payload || !sip->sip_payload->pl_data) return {};
  return {sip->sip_payload->pl_data, sip->sip_payload->pl_len};
}

std::string typeOf(const sip_t* sip) {
  if (!sip || !sip->sip_content_type || !sip->sip_content_type->c_type) return {};
  return sip->sip_content_type->c_type;
}

/// With its parameters.
std::string contentTypeOf(const sip_t* sip) {
  std::string whole = typeOf(sip);
  if (whole.empty() || !sip->sip_content_type->c_params) return whole;
  for (const char* const* parameter = sip->sip_content_type->c_params; *parameter; ++parameter)
    whole.append(";").append(*parameter);
  return whole;
}

bool hasForeignBody(const sip_t* sip) {
  return !bodyOf(sip).empty() && !text::equalsNoCase(typeOf(sip), kSdpType);
}

/// Null is "leave it out" for SIPTAG_..._STR under TAG_IF.
const char* textOrNull(const std::string& text) {
  return text.empty() ? nullptr : text.c_str();
}

/// Session-Expires and Min-SE are unknown headers of our message class (SofiaGuards.hpp).
SessionHeaders sessionHeadersOf(const sip_t* sip) {
  if (!sip) return {};
  SessionHeaders headers{unknownHeader(sip, "Session-Expires"), unknownHeader(sip, "Min-SE"),
                         sip_has_feature(sip->sip_supported, "timer") != 0 ||
                             sip_has_feature(sip->sip_require, "timer") != 0};
  if (!headers.sessionExpires) headers.sessionExpires = unknownHeader(sip, "x");
  return headers;
}

/// The header lines, or empty texts.
struct SessionLines {
  explicit SessionLines(const SessionTimer::Headers& headers)
      : expires(headers.sessionExpires.empty() ? "" : "Session-Expires: " + headers.sessionExpires),
        minSe(headers.minSe.empty() ? "" : "Min-SE: " + headers.minSe) {}
  std::string expires;
  std::string minSe;
};

}  // namespace

std::string peerOf(nua_s* nua) {
  msg_t* message = nua_current_request(nua);
  if (!message) return {};
  const su_sockaddr_t* address = msg_addr(message);
  char buffer[SU_ADDRSIZE];
  if (!address || !su_inet_ntop(address->su_family, SU_ADDR(address), buffer, sizeof buffer)) {
    return {};
  }
  return buffer;
}

Leg::Leg(SipThread& thread, SipDoor& door, nua_s* nua, nua_handle_s* handle, std::string contact,
         bool outgoing)
    : door_(door),
      nua_(nua),
      handle_(handle),
      contact_(std::move(contact)),
      outgoing_(outgoing),
      session_(thread, outgoing,
               {[this](SessionRefresher::Method method, const SessionTimer::Headers& headers) {
                  sendRefresh(method, headers);
                },
                [this] {
                  if (handler_) handler_->onSessionExpired();
                }}),
      ack_timer_(thread) {
  nua_handle_bind(handle_, reinterpret_cast<nua_hmagic_t*>(this));
}

Leg::~Leg() {
  nua_handle_bind(handle_, nullptr);
  nua_handle_destroy(handle_);
}

void Leg::answer(const std::string& sdp) {
  answered_ = true;
  sdp_ = sdp;
  const SessionTimer::Headers session = session_.timer().answer();
  const SessionLines lines(session);
  nua_respond(handle_, SIP_200_OK, TAG_IF(!contact_.empty(), SIPTAG_CONTACT_STR(contact_.c_str())),
              TAG_IF(textOrNull(lines.expires), SIPTAG_HEADER_STR(lines.expires.c_str())),
              TAG_IF(session.require, SIPTAG_REQUIRE_STR("timer")),
              SIPTAG_CONTENT_TYPE_STR(kSdpType), SIPTAG_PAYLOAD_STR(sdp.c_str()), TAG_END());
  sessionAgreed();
  awaitAck();
}

void Leg::awaitAck() {
  // Before the stack's own 64*T1, at which it would send a BYE itself.
  ack_timer_.start(kAckWait, [this] {
    if (handler_) handler_->onAckTimeout();
  });
}

int Leg::noteSession(const sip_s* sip, ResponseHeaders& headers) {
  using Verdict = SessionTimer::Verdict;
  const Verdict verdict = session_.timer().request(sessionHeadersOf(sip));
  if (verdict == Verdict::Fine) return 200;
  headers.warning = warningHeader(399, "Session-Expires: give whole seconds, " +
                                           std::to_string(SessionTimer::kMinSe) + " or more");
  if (verdict == Verdict::TooBrief) headers.minSe = std::to_string(SessionTimer::kMinSe);
  return verdict == Verdict::TooBrief ? 422 : 400;
}

void Leg::sessionAgreed() {
  session_.timer().agreed();
  session_.restart();
}

void Leg::sendRefresh(SessionRefresher::Method method, const SessionTimer::Headers& headers) {
  const SessionLines lines(headers);
  const bool invite = method == SessionRefresher::Method::Invite;
  (invite ? nua_invite : nua_update)(
      handle_, TAG_IF(!contact_.empty(), SIPTAG_CONTACT_STR(contact_.c_str())),
      SIPTAG_HEADER_STR(lines.expires.c_str()),
      TAG_IF(textOrNull(lines.minSe), SIPTAG_HEADER_STR(lines.minSe.c_str())),
      TAG_IF(invite, SIPTAG_CONTENT_TYPE_STR(kSdpType)),
      TAG_IF(invite, SIPTAG_PAYLOAD_STR(sdp_.c_str())), TAG_END());
}

void Leg::refuse(int status, const char* phrase, const ResponseHeaders& headers) {
  const std::string retry = headers.retryAfter > 0 ? std::to_string(headers.retryAfter) : "";
  const std::string minSe = headers.minSe.empty() ? "" : "Min-SE: " + headers.minSe;
  nua_respond(handle_, status, phrase, TAG_IF(textOrNull(minSe), SIPTAG_HEADER_STR(minSe.c_str())),
              TAG_IF(textOrNull(headers.reason), SIPTAG_REASON_STR(headers.reason.c_str())),
              TAG_IF(textOrNull(headers.warning), SIPTAG_WARNING_STR(headers.warning.c_str())),
              TAG_IF(textOrNull(headers.accept), SIPTAG_ACCEPT_STR(headers.accept.c_str())),
              TAG_IF(textOrNull(retry), SIPTAG_RETRY_AFTER_STR(retry.c_str())), TAG_END());
}

void Leg::acceptOffer(const std::string& sdp, bool update) {
  const bool body = !sdp.empty();
  if (body) sdp_ = sdp;
  const SessionTimer::Headers session = session_.timer().answer();
  const SessionLines lines(session);
  nua_respond(handle_, SIP_200_OK, NUTAG_WITH_THIS(nua_),
              TAG_IF(!contact_.empty(), SIPTAG_CONTACT_STR(contact_.c_str())),
              TAG_IF(textOrNull(lines.expires), SIPTAG_HEADER_STR(lines.expires.c_str())),
              TAG_IF(session.require, SIPTAG_REQUIRE_STR("timer")),
              TAG_IF(body, SIPTAG_CONTENT_TYPE_STR(kSdpType)),
              TAG_IF(body, SIPTAG_PAYLOAD_STR(sdp.c_str())), TAG_END());
  sessionAgreed();
  if (!update) awaitAck();
}

void Leg::refuseOffer(int status, const char* phrase, const ResponseHeaders& headers) {
  const std::string minSe = headers.minSe.empty() ? "" : "Min-SE: " + headers.minSe;
  nua_respond(handle_, status, phrase, NUTAG_WITH_THIS(nua_),
              TAG_IF(textOrNull(minSe), SIPTAG_HEADER_STR(minSe.c_str())),
              TAG_IF(textOrNull(headers.reason), SIPTAG_REASON_STR(headers.reason.c_str())),
              TAG_IF(textOrNull(headers.warning), SIPTAG_WARNING_STR(headers.warning.c_str())),
              TAG_IF(textOrNull(headers.accept), SIPTAG_ACCEPT_STR(headers.accept.c_str())),
              TAG_END());
}

void Leg::dial(const std::string& sdp) {
  sdp_ = sdp;
  // The stack repeats nothing by itself but what was redirected; the guard has taken the Contact
  // out of a redirection that is not to be followed.
  nua_invite(handle_, TAG_IF(!contact_.empty(), SIPTAG_CONTACT_STR(contact_.c_str())),
             TAG_IF(door_.followsRedirects(), NUTAG_RETRY_COUNT(kRedirects)),
             SIPTAG_CONTENT_TYPE_STR(kSdpType), SIPTAG_PAYLOAD_STR(sdp.c_str()), TAG_END());
}

void Leg::cancel() {
  nua_cancel(handle_, TAG_END());
}

void Leg::bye(const std::string& reason) {
  if (bye_sent_ || terminated_) return;
  bye_sent_ = true;
  session_.stop();
  ack_timer_.cancel();
  nua_bye(handle_, TAG_IF(textOrNull(reason), SIPTAG_REASON_STR(reason.c_str())), TAG_END());
}

void Leg::refer(const std::string& uri) {
  earlier_refer_cseq_ = std::exchange(refer_cseq_, 0);
  nua_refer(handle_, SIPTAG_REFER_TO_STR(("<" + uri + ">").c_str()), TAG_END());
}

void Leg::send(InDialog method, const std::string& type, const std::string& body) {
  const auto request = method == InDialog::Info ? nua_info : nua_message;
  request(handle_, SIPTAG_CONTENT_TYPE_STR(type.c_str()), SIPTAG_PAYLOAD_STR(body.c_str()),
          TAG_END());
}

void Leg::notePeer() {
  std::string address = peerOf(nua_);
  if (!address.empty()) peer_address_ = std::move(address);
}

void Leg::noteAllow(const sip_s* sip) {
  if (!sip || !sip->sip_allow) return;
  session_.setTakesUpdate(sip_is_allowed(sip->sip_allow, sip_method_update, "UPDATE") != 0);
  takes_info_ = sip_is_allowed(sip->sip_allow, sip_method_info, "INFO") != 0;
}

/// The body of the NOTIFY is the status line of the other call so far, RFC 3515 2.4.5.
void Leg::noteTransfer(const sip_s* sip) {
  if (!sip || !handler_ || !sip->sip_event) return;
  const sip_event_t& event = *sip->sip_event;
  if (!event.o_type || !text::equalsNoCase(event.o_type, "refer")) return;
  // 2.4.6: the id is the CSeq of the REFER that is meant.
  if (event.o_id && earlier_refer_cseq_ != 0 && std::to_string(earlier_refer_cseq_) == event.o_id)
    return;
  const std::string fragment = bodyOf(sip);
  int status = 0;
  char phrase[64] = "";
  std::sscanf(fragment.c_str(), "SIP/2.0 %3d %63[^\r\n]", &status, phrase);
  if (status >= 200) return handler_->onTransferred(status, phrase);
  const sip_subscription_state_t* state = sip->sip_subscription_state;
  if (state && state->ss_substate && text::equalsNoCase(state->ss_substate, "terminated")) {
    return handler_->onTransferred(480, "the caller has ended its report without an outcome");
  }
  const auto seconds = text::parseInteger(state && state->ss_expires ? state->ss_expires : "");
  handler_->onTransferProgress(
      static_cast<int>(std::clamp<std::int64_t>(seconds.value_or(0), 0, 86400)));
}

void Leg::respondToRequest(int status, const char* phrase, const char* acceptable) {
  nua_respond(handle_, status, phrase, NUTAG_WITH_THIS(nua_),
              TAG_IF(acceptable, SIPTAG_ACCEPT_STR(acceptable)), TAG_END());
}

void Leg::takeInfo(const sip_s* sip) {
  if (!isDtmfType(typeOf(sip))) return takeMessage(sip, kInfoTypes);
  if (!parseDtmfBody(typeOf(sip), bodyOf(sip))) return respondToRequest(SIP_400_BAD_REQUEST);
  respondToRequest(SIP_200_OK);
  if (handler_) handler_->onInfo(typeOf(sip), bodyOf(sip));
}

void Leg::takeMessage(const sip_s* sip, const char* acceptable) {
  const std::string type = typeOf(sip);
  const std::string body = bodyOf(sip);
  if (type.empty() && body.empty()) return respondToRequest(SIP_200_OK);  // says nothing
  const bool encoded = sip && sip->sip_content_encoding;
  switch (encoded ? 415 : messageStatus(contentTypeOf(sip), body)) {
    case 200:
      respondToRequest(SIP_200_OK);
      if (handler_) handler_->onMessage(mediaType(type), body);
      break;
    case 413:
      respondToRequest(SIP_413_REQUEST_TOO_LARGE);
      break;
    case 415:
      respondToRequest(SIP_415_UNSUPPORTED_MEDIA, acceptable);
      break;
    default:
      respondToRequest(SIP_400_BAD_REQUEST);
      break;
  }
}

void Leg::takeInviteAnswer(int status, const char* phrase, const sip_s* sip) {
  if (!outgoing_ || answered_) return takeRefreshAnswer(status, sip);
  if (call_id_.empty() && sip && sip->sip_call_id) {
    call_id_ = sip->sip_call_id->i_id;
    pass_ = door_.admitOwn(call_id_);
  }
  if (!handler_) return;
  if (status < 200) {
    ringing_ = true;
    handler_->onProgress(status);
  } else if (status < 300) {
    answered_ = acked_ = true;
    if (door_.followsRedirects()) nua_set_hparams(handle_, NUTAG_RETRY_COUNT(0), TAG_END());
    noteAllow(sip);
    notePeer();
    // Missing, or taken out by the guard because nothing can be sent there.
    if (!sip || !sip->sip_contact) {
      return handler_->onSipFault("the answer has no Contact that is a SIP URI with a host");
    }
    session_.timer().accepted(sessionHeadersOf(sip), false);
    session_.restart();
    handler_->onAnswered(bodyOf(sip));
  } else if (peerOf(nua_).empty()) {
    // The stack makes an answer itself when it can send nothing, or gets none; it came from
    // nowhere.
    handler_->onUnreached(whyUnreached(status, phrase, sip));
  } else {
    handler_->onRejected(status, phrase ? phrase : "");
  }
}

std::string Leg::whyUnreached(int status, const char* phrase, const sip_s* sip) const {
  if (status == 408) return ringing_ ? "no final answer" : "no answer";
  const std::string fault =
      sip && sip->sip_cseq ? sendFault("INVITE", sip->sip_cseq->cs_seq) : std::string();
  return fault.empty() && phrase ? phrase : fault;
}

void Leg::takeRefreshAnswer(int status, const sip_s* sip) {
  if (status < 200) return;
  const bool retry = sip && sip->sip_retry_after;
  session_.answered(
      status, sessionHeadersOf(sip),
      retry ? static_cast<int>(std::min<unsigned long>(sip->sip_retry_after->af_delta, 86400))
            : -1);
  if (status < 300 && handler_ && !bodyOf(sip).empty()) handler_->onRefreshAnswered(bodyOf(sip));
}

void Leg::event(int event, int status, const char* phrase, const sip_s* sip) {
  switch (static_cast<nua_event_t>(event)) {
    case nua_i_invite:
    case nua_i_update: {
      notePeer();
      ResponseHeaders headers;
      const int fault = noteSession(sip, headers);
      noteAllow(sip);
      if (fault != 200) {
        refuseOffer(fault, fault == 422 ? "Session Interval Too Small" : "Bad Request", headers);
      } else if (hasForeignBody(sip)) {
        refuseOffer(SIP_415_UNSUPPORTED_MEDIA, {{}, {}, kSdpType, 0});
      } else if (handler_) {
        handler_->onReoffer(bodyOf(sip), event == nua_i_update);
      } else {
        refuseOffer(481, sip_481_No_transaction, {});
      }
      break;
    }
    case nua_i_ack:
      ack_timer_.cancel();
      if (acked_) break;  // of a re-INVITE
      acked_ = true;
      if (handler_) handler_->onAcknowledged(bodyOf(sip));
      break;
    case nua_i_cancel:
      if (handler_) handler_->onCancelled();
      break;
    case nua_i_bye:
      if (handler_) handler_->onBye();
      break;
    case nua_i_info:
      takeInfo(sip);
      break;
    case nua_i_message:
      takeMessage(sip, kMessageTypes);
      break;
    case nua_i_options:
      respondToRequest(SIP_200_OK);
      break;
    case nua_r_invite:
      takeInviteAnswer(status, phrase, sip);
      break;
    case nua_r_update:
      takeRefreshAnswer(status, sip);
      break;
    case nua_r_refer:
      if (status < 200 || !handler_) break;
      refer_cseq_ = sip && sip->sip_cseq ? sip->sip_cseq->cs_seq : 0;
      if (status < 300) {
        handler_->onTransferProgress(0);
      } else {
        handler_->onTransferred(status, phrase ? phrase : "");
      }
      break;
    case nua_r_message:
    case nua_r_info:
      if (status >= 200 && handler_) handler_->onRequestAnswered(status, phrase ? phrase : "");
      break;
    case nua_i_notify:
      noteTransfer(sip);
      break;
    case nua_r_bye:
      if (status >= 200) stateChanged(nua_callstate_terminated);
      break;
    default:
      break;
  }
}

void Leg::stateChanged(int callState) {
  if (callState != nua_callstate_terminated || terminated_) return;
  terminated_ = true;
  session_.stop();
  ack_timer_.cancel();
  if (handler_) handler_->onTerminated();
}

}  // namespace launcher
