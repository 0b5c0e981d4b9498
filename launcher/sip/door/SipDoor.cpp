// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sip/door/SipDoor.hpp"

#include <utility>

#include <netinet/in.h>
#include <sys/socket.h>

#include <glib.h>
#include <sofia-sip/sip.h>
#include <sofia-sip/sip_header.h>

#include "base/Text.hpp"
#include "log/Log.hpp"
#include "sip/door/StatelessAnswer.hpp"
#include "sip/stack/MessageCheck.hpp"
#include "sip/stack/SipTrace.hpp"

namespace launcher {

namespace {

constexpr std::chrono::seconds kSweep{1};
constexpr int kFloodRetryAfter = 5;
/// Descriptors that are left to what the calls that stand may need.
constexpr std::size_t kReserve = 32;

std::uint16_t portOf(const sockaddr* address) {
  if (address->sa_family == AF_INET)
    return ntohs(reinterpret_cast<const sockaddr_in*>(address)->sin_port);
  if (address->sa_family == AF_INET6)
    return ntohs(reinterpret_cast<const sockaddr_in6*>(address)->sin6_port);
  return 0;
}

std::string_view view(const char* text) {
  return text ? text : "";
}

}  // namespace

SipDoor::Pass::Pass(SipDoor& door, std::string callId, std::uint64_t connection)
    : door_(&door), call_id_(std::move(callId)), connection_(connection) {
  door_->gate_.dialogBegan(call_id_);
}

SipDoor::Pass::~Pass() {
  if (!door_) return;
  door_->gate_.dialogEnded(call_id_);
  door_->connections_.release(connection_);
}

SipDoor::Pass::Pass(Pass&& other) noexcept
    : door_(std::exchange(other.door_, nullptr)),
      call_id_(std::move(other.call_id_)),
      connection_(other.connection_) {}

SipDoor::Pass& SipDoor::Pass::operator=(Pass&& other) noexcept {
  std::swap(door_, other.door_);
  std::swap(call_id_, other.call_id_);
  std::swap(connection_, other.connection_);
  return *this;
}

SipDoor::SipDoor(SipThread& thread, ConfigPtr config, std::size_t descriptorLimit)
    : config_(std::move(config)), descriptor_limit_(descriptorLimit), sweeper_(thread) {
  allowRedirects(config_->sip.redirectAllow);
  setSipGuard(this);
  sweeper_.start(kSweep, [this] { sweep(); });
}

SipDoor::~SipDoor() {
  setSipGuard(nullptr);
}

void SipDoor::setConfig(ConfigPtr config) {
  config_ = std::move(config);
  allowRedirects(config_->sip.redirectAllow);
}

std::int64_t SipDoor::now() {
  return g_get_monotonic_time();
}

SipDoor::Pass SipDoor::admit(const std::string& callId) {
  return {*this, callId, arrived_by_ < 0 ? 0 : connections_.hold(arrived_by_)};
}

bool SipDoor::takesHeaders(const std::string& address) {
  const auto from = IpAddress::parse(address);
  const bool allowed = from && config_->sip.allow.contains(*from);
  if (config_->sip.headersFrom == HeadersFrom::All) return true;
  if (config_->sip.headersFrom == HeadersFrom::Allowed && allowed) return true;
  const std::uint64_t count = ignored_.note(now());
  if (count > 0) {
    log::warning("headers-ignored",
                 {{"key", "sip.headers"}, {"ignored", count}, {"last-from", address}});
  }
  return false;
}

bool SipDoor::request(sip_s* sip, const Origin& origin) noexcept {
  arrived_by_ = origin.datagram ? -1 : origin.socket;
  if (!origin.datagram) connections_.message(origin.socket, now());
  const RequestGate::Request request{view(sip->sip_request->rq_method_name),
                                     view(sip->sip_call_id->i_id), view(sip->sip_via->v_branch),
                                     sip->sip_to->a_tag != nullptr};
  const IpAddress from = IpAddress::of(origin.address);
  const RequestGate::Decision decision =
      gate_.decide(request, from, config_->sip, config_->limits, now());
  if (decision.verdict == RequestGate::Verdict::Pass) {
    // The stack would answer to wherever the Via says.
    if (!text::equalsNoCase(view(sip->sip_request->rq_version), "SIP/2.0")) {
      if (sip->sip_request->rq_method != sip_method_ack)
        reply(sip, origin, {505, "Version Not Supported"});
      return false;
    }
    // The stack would say so as well, and close the connection.
    if (!isAcceptableRequest(sip)) {
      if (sip->sip_request->rq_method != sip_method_ack) reply(sip, origin, {400, "Bad Request"});
      return false;
    }
    // By a connection the stack answers, and forgets it at once; of a datagram it would keep a
    // transaction for 32 s, so that a flood of OPTIONS filled the memory.
    const bool mine =
        origin.datagram && !decision.known && sip->sip_request->rq_method != sip_method_invite;
    if (mine) reply(sip, origin, answerOutsideDialog(sip, full_ ? full_() : std::nullopt));
    return !mine;
  }
  if (decision.verdict == RequestGate::Verdict::Forbidden) {
    reply(sip, origin, {403, "Forbidden"});
    // Whoever is not allowed has nothing more to ask here.
    if (!origin.datagram) shutdown(origin.socket, SHUT_WR);
  } else if (decision.verdict == RequestGate::Verdict::TooMany) {
    reply(sip, origin, {503, "Service Unavailable", kFloodRetryAfter});
  }
  if (decision.limit != RequestGate::Limit::None) {
    tell(RequestGate::key(decision.limit), from,
         refused_[static_cast<std::size_t>(decision.limit)]);
  }
  return false;
}

void SipDoor::reply(const sip_s* sip, const Origin& origin, const AnswerWords& words) {
  const std::string text =
      statelessAnswer(sip, words, IpAddress::of(origin.address).text(), portOf(origin.address));
  traceSent(text, origin.address);
  constexpr int kFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
  // What the socket does not take is lost; whoever asks again is answered again.
  const sockaddr* to = origin.datagram ? origin.address : nullptr;
  [[maybe_unused]] const auto sent = sendto(origin.socket, text.data(), text.size(), kFlags, to,
                                            origin.datagram ? origin.length : 0);
}

bool SipDoor::connection(int descriptor, const sockaddr* from) noexcept {
  const IpAddress address = IpAddress::of(from);
  const bool peer = config_->sip.allow.contains(address);
  // The lowest free number is given out, so a high one says that few are left.
  const bool reserved =
      descriptor_limit_ > 0 && static_cast<std::size_t>(descriptor) + kReserve >= descriptor_limit_;
  const char* key = reserved ? "LimitNOFILE"
                             : connections_.open(descriptor, address, peer, config_->limits, now());
  if (key) tell(key, address, too_many_);
  return key == nullptr;
}

void SipDoor::tell(const char* key, const IpAddress& from, log::Throttle& throttle) const {
  const std::uint64_t count = throttle.note(now());
  if (count == 0) return;
  log::warning("sip-refused", {{"key", key}, {"refused", count}, {"last-from", from.text()}});
}

void SipDoor::sweep() {
  for (const int descriptor : connections_.overdue(now())) {
    // The stack notices and closes it.
    shutdown(descriptor, SHUT_RDWR);
  }
  sweeper_.start(kSweep, [this] { sweep(); });
}

}  // namespace launcher
