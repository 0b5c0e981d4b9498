// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sip/dialog/UserAgent.hpp"

#include <algorithm>
#include <cstdio>

#include <sofia-sip/nta_tag.h>
#include <sofia-sip/nua.h>
#include <sofia-sip/nua_tag.h>
#include <sofia-sip/sip.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_tag.h>
#include <sofia-sip/sip_util.h>
#include <sofia-sip/su_tag.h>
#include <sofia-sip/tport_tag.h>

#include "base/GPtr.hpp"
#include "base/Text.hpp"
#include "log/Log.hpp"
#include "sip/stack/Methods.hpp"
#include "sip/stack/RequestUri.hpp"
#include "sip/stack/SofiaGuards.hpp"
#include "sip/stack/UnknownHeader.hpp"
#include "wsbridge-config.h"

namespace launcher {

namespace {

constexpr int kPortAttempts = 10;
constexpr unsigned kMaxMessage = 65536;
/// The stack's own limit for connections without a message, which knows of no dialogs: longer than
/// the longest call by default. Shorter ones are SipConnections'.
constexpr unsigned kIdleMs = 15000000;

bool isAny(const std::string& host) {
  return host == "0.0.0.0" || host == "::";
}

std::string bracketed(const std::string& host) {
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

std::string printUrl(const url_t* url) {
  const int size = url ? url_e(nullptr, 0, url) : 0;
  if (size <= 0) return {};
  std::string text(static_cast<std::size_t>(size) + 1, '\0');
  url_e(text.data(), static_cast<isize_t>(text.size()), url);
  text.resize(static_cast<std::size_t>(size));
  return text;
}

/// A port that is free for UDP and TCP alike.
std::uint16_t findFreePort(const std::string& host) {
  GObjectPtr<GSocketAddress> any(g_inet_socket_address_new_from_string(host.c_str(), 0));
  if (!any) return 0;
  const GSocketFamily family = g_socket_address_get_family(any.get());
  GObjectPtr<GSocket> tcp(
      g_socket_new(family, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, nullptr));
  GObjectPtr<GSocket> udp(
      g_socket_new(family, G_SOCKET_TYPE_DATAGRAM, G_SOCKET_PROTOCOL_UDP, nullptr));
  if (!tcp || !udp || !g_socket_bind(udp.get(), any.get(), FALSE, nullptr)) return 0;
  GObjectPtr<GSocketAddress> local(g_socket_get_local_address(udp.get(), nullptr));
  if (!local || !g_socket_bind(tcp.get(), local.get(), FALSE, nullptr)) return 0;
  return g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(local.get()));
}

InviteHeaders headersOf(const sip_t* sip) {
  InviteHeaders headers;
  headers.requestUri = sip->sip_request ? printUrl(sip->sip_request->rq_url) : "";
  headers.uri = unknownHeader(sip, kUriHeader);
  headers.headers = unknownHeader(sip, kHeadersHeader);
  headers.contentType = unknownHeader(sip, kContentTypeHeader);
  headers.dialect = unknownHeader(sip, kDialectHeader);
  headers.authorization = unknownHeader(sip, kAuthorizationHeader);
  return headers;
}

/// What an INVITE is refused for before anybody looks at what it wants.
struct InviteFault {
  int status = 200;
  const char* phrase = "";
  ResponseHeaders headers = {};
};

InviteFault faultOf(const sip_t* sip, Leg& leg) {
  // The stack has held the Via's transport against the real one.
  const char* transport = sip->sip_via ? sip->sip_via->v_protocol : nullptr;
  const bool datagram = transport && text::equalsNoCase(transport, "SIP/2.0/UDP");
  if (datagram && sip->sip_request->rq_url->url_type == url_sips) {
    return {416,
            "Unsupported URI Scheme",
            {reasonHeader(416, "sips over UDP"),
             warningHeader(399, "Request-URI: sips: needs TLS, call sip:"),
             {},
             0}};
  }
  ResponseHeaders headers;
  const int status = leg.noteSession(sip, headers);
  if (status == 200) return {};
  const bool brief = status == 422;
  headers.reason = reasonHeader(status, brief ? "Session interval too small" : "Session-Expires");
  return {status, brief ? "Session Interval Too Small" : "Bad Request", headers};
}

}  // namespace

std::vector<ListenGroup> groupAddresses(const std::vector<ListenAddress>& addresses) {
  std::vector<ListenGroup> groups;
  for (const ListenAddress& address : addresses) {
    const auto same = std::find_if(groups.begin(), groups.end(), [&address](const auto& group) {
      return group.host == address.host && group.port == address.port &&
             !(address.udp ? group.udp : group.tcp);
    });
    ListenGroup& group =
        same == groups.end() ? groups.emplace_back(ListenGroup{address.host, address.port}) : *same;
    (address.udp ? group.udp : group.tcp) = true;
  }
  return groups;
}

UserAgent::UserAgent(SipThread& thread, SipDoor& door, ListenGroup group, std::string publicAddress,
                     Callbacks callbacks)
    : thread_(thread),
      door_(door),
      group_(std::move(group)),
      public_address_(std::move(publicAddress)),
      callbacks_(std::move(callbacks)) {}

UserAgent::~UserAgent() {
  lingering_.clear();
  if (nua_) nua_destroy(nua_);
}

bool UserAgent::create() {
  std::string url = "sip:" + bracketed(group_.host) + ":" + std::to_string(group_.port);
  if (group_.udp != group_.tcp) url += group_.udp ? ";transport=udp" : ";transport=tcp";
  const auto callback = [](nua_event_t event, int status, char const* phrase, nua_t* nua,
                           nua_magic_t* magic, nua_handle_t* handle, nua_hmagic_t* handleMagic,
                           sip_t const* sip, tagi_t* tags) noexcept {
    onEvent(event, status, phrase, nua, reinterpret_cast<UserAgent*>(magic), handle,
            reinterpret_cast<Leg*>(handleMagic), sip, tags);
  };
  nua_ =
      nua_create(thread_.root(), callback, reinterpret_cast<nua_magic_t*>(this),
                 NUTAG_URL(url.c_str()), NUTAG_MEDIA_ENABLE(0), NTATAG_EXTRA_100(0),
                 NTATAG_MCLASS(sipMessageClass()), TPTAG_STUN_SERVER(0),
                 NTATAG_MAXSIZE(kMaxMessage), TPTAG_IDLE(kIdleMs), TPTAG_PONG2PING(1), TAG_END());
  if (!nua_) return false;
  nua_set_params(nua_, NUTAG_AUTOANSWER(0), NUTAG_AUTOALERT(0), NUTAG_AUTOACK(1),
                 NUTAG_ENABLEMESSAGE(1), NUTAG_SESSION_TIMER(0), NUTAG_RETRY_COUNT(0),
                 NUTAG_APPL_METHOD("OPTIONS, INFO, UPDATE, MESSAGE"), SIPTAG_ALLOW_STR(kAllow),
                 SIPTAG_SUPPORTED_STR("timer"),
                 NUTAG_USER_AGENT(WSBRIDGE_PACKAGE "/" WSBRIDGE_VERSION), TAG_END());
  return true;
}

bool UserAgent::open() {
  thread_.assertOn();
  if (group_.port != 0) return create();
  for (int attempt = 0; attempt < kPortAttempts; ++attempt) {
    group_.port = findFreePort(group_.host);
    if (group_.port != 0 && create()) return true;
  }
  return false;
}

void UserAgent::close(std::function<void()> closed) {
  thread_.assertOn();
  closed_ = std::move(closed);
  nua_shutdown(nua_);
}

std::string UserAgent::contact(bool tcp, const std::string& local) const {
  // The stack knows one name for both transports, and one interface of all.
  const bool right = isAny(group_.host) ? local.empty() : !tcp || !group_.udp;
  if (public_address_.empty() && right) return {};
  const std::string& host = public_address_.empty() ? local : public_address_;
  const char* transport = tcp || !group_.udp ? ";transport=tcp" : "";
  return "<sip:" + bracketed(host) + ":" + std::to_string(group_.port) + transport + ">";
}

std::unique_ptr<Leg> UserAgent::newLeg(const std::string& uri) {
  thread_.assertOn();
  nua_handle_t* handle = nua_handle(nua_, nullptr, NUTAG_URL(uri.c_str()),
                                    SIPTAG_TO_STR(("<" + uri + ">").c_str()), TAG_END());
  if (!handle) return nullptr;
  const bool tcp = text::lower(uri).find(";transport=tcp") != std::string::npos;
  return std::make_unique<Leg>(thread_, door_, nua_, handle,
                               contact(tcp, isAny(group_.host) ? "" : group_.host), true);
}

void UserAgent::linger(std::unique_ptr<Leg> leg) {
  thread_.assertOn();
  leg->setHandler(nullptr);
  if (!leg->terminated()) lingering_.push_back(std::move(leg));
}

void UserAgent::dropTerminated() {
  std::erase_if(lingering_, [](const auto& leg) { return leg->terminated(); });
}

std::string UserAgent::localAddressTowards(const std::string& peer) const {
  if (!isAny(group_.host)) return group_.host;
  const bool v6 = group_.host == "::";
  std::string fallback = v6 ? "::1" : "127.0.0.1";
  // A connected UDP socket sends nothing; the kernel only chooses the way.
  GObjectPtr<GSocketAddress> remote(g_inet_socket_address_new_from_string(peer.c_str(), 9));
  if (!remote) return fallback;
  GObjectPtr<GSocket> socket(g_socket_new(g_socket_address_get_family(remote.get()),
                                          G_SOCKET_TYPE_DATAGRAM, G_SOCKET_PROTOCOL_UDP, nullptr));
  if (!socket || !g_socket_connect(socket.get(), remote.get(), nullptr, nullptr)) return fallback;
  GObjectPtr<GSocketAddress> local(g_socket_get_local_address(socket.get(), nullptr));
  if (!local) return fallback;
  CharPtr text(g_inet_address_to_string(
      g_inet_socket_address_get_address(G_INET_SOCKET_ADDRESS(local.get()))));
  return text.get();
}

void UserAgent::onEvent(int event, int status, const char* phrase, nua_s*, UserAgent* self,
                        nua_handle_s* handle, Leg* leg, const sip_s* sip, const void* tags) {
  try {
    if (event == nua_r_shutdown) {
      if (status >= 200 && self->closed_) {
        self->closed_();
        self->closed_ = nullptr;
      }
      return;
    }
    if (leg && event == nua_i_state) {
      int state = nua_callstate_init;
      tl_gets(static_cast<const tagi_t*>(tags), NUTAG_CALLSTATE_REF(state), TAG_END());
      leg->stateChanged(state);
    } else if (leg) {
      leg->event(event, status, phrase, sip);
    } else if (event == nua_i_invite && sip) {
      self->handleInvite(handle, sip);
    } else {
      self->handleStray(event, status, handle);
    }
    if (event == nua_i_state || event == nua_r_bye || event == nua_i_bye) {
      // Not within the callback of the very handle that would be destroyed.
      self->thread_.post([self] { self->dropTerminated(); });
    }
  } catch (const std::exception& fault) {
    log::error("internal-fault", {{"where", "sip-event"}, {"text", fault.what()}});
  }
}

void UserAgent::handleInvite(nua_handle_s* handle, const sip_s* sip) {
  IncomingCall call;
  const char* via = sip->sip_via ? sip->sip_via->v_protocol : nullptr;
  const bool tcp = via && text::equalsNoCase(via, "SIP/2.0/TCP");
  call.localAddress = localAddressTowards(peerOf(nua_));
  call.leg =
      std::make_unique<Leg>(thread_, door_, nua_, handle, contact(tcp, call.localAddress), false);
  call.leg->setCallId(sip->sip_call_id->i_id);
  call.leg->noteAllow(sip);
  call.leg->notePeer();
  if (const InviteFault fault = faultOf(sip, *call.leg); fault.status != 200) {
    call.leg->refuse(fault.status, fault.phrase, fault.headers);
    return linger(std::move(call.leg));
  }
  call.headers = headersOf(sip);
  if (call.headers.any() && !door_.takesHeaders(peerOf(nua_))) call.headers.clear();
  call.from = sip->sip_from ? printUrl(sip->sip_from->a_url).substr(0, kMaxRequestUri) : "";
  call.to = sip->sip_to ? printUrl(sip->sip_to->a_url).substr(0, kMaxRequestUri) : "";
  if (sip->sip_payload && sip->sip_payload->pl_data && sip->sip_payload->pl_len > 0) {
    call.sdp.assign(sip->sip_payload->pl_data, sip->sip_payload->pl_len);
    const char* type = sip->sip_content_type ? sip->sip_content_type->c_type : nullptr;
    call.foreignBody = !type || !text::equalsNoCase(type, "application/sdp");
  }
  callbacks_.incoming(std::move(call));
}

void UserAgent::handleStray(int event, int status, nua_handle_s* handle) {
  if (!handle) return;
  switch (static_cast<nua_event_t>(event)) {
    case nua_i_options: {
      const std::optional<EndReason> full = callbacks_.full();
      const CallEnd* end = full ? &callEnd(*full) : nullptr;
      const std::string reason = end ? reasonHeader(end->status, end->text) : std::string();
      const std::string retryAfter = std::to_string(kRetryAfter);
      nua_respond(handle, end ? end->status : 200, end ? end->phrase : sip_200_OK,
                  NUTAG_WITH_THIS(nua_), SIPTAG_ALLOW_STR(kAllow), SIPTAG_ACCEPT_STR(kAccept),
                  SIPTAG_SUPPORTED_STR("timer"),
                  TAG_IF(end, SIPTAG_RETRY_AFTER_STR(retryAfter.c_str())),
                  TAG_IF(end, SIPTAG_REASON_STR(reason.c_str())), TAG_END());
      nua_handle_destroy(handle);
      break;
    }
    case nua_i_message:
      nua_respond(handle, 405, sip_405_Method_not_allowed, NUTAG_WITH_THIS(nua_),
                  SIPTAG_ALLOW_STR(kAllowOutside), TAG_END());
      nua_handle_destroy(handle);
      break;
    case nua_i_info:
    case nua_i_update:
      nua_respond(handle, 481, sip_481_No_transaction, NUTAG_WITH_THIS(nua_), TAG_END());
      nua_handle_destroy(handle);
      break;
    case nua_i_state:
    case nua_i_ack:
    case nua_i_bye:
    case nua_i_cancel:
    case nua_i_terminated:
      break;
    default:
      // A request that the stack answered itself leaves its handle to us.
      if (event < nua_r_set_params && status >= 300) nua_handle_destroy(handle);
      break;
  }
}

}  // namespace launcher
