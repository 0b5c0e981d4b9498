// SPDX-License-Identifier: LGPL-2.1-or-later
#include "call/Call.hpp"

#include "admission/Admission.hpp"
#include "base/Redact.hpp"
#include "base/Text.hpp"
#include "log/Log.hpp"
#include "sip/stack/RequestUri.hpp"

namespace launcher {

namespace {

std::string makeId(std::uint64_t number) {
  static const std::uint32_t process = g_random_int();
  char buffer[40];
  g_snprintf(buffer, sizeof buffer, "%08x-%" G_GUINT64_FORMAT, process, number);
  return buffer;
}

}  // namespace

Call::Call(CallServices& services, ConfigPtr config, std::uint64_t number)
    : services_(services),
      config_(std::move(config)),
      number_(number),
      id_(makeId(number)),
      media_watch_(config_->limits.mediaWarning, config_->limits.mediaTimeout),
      transfer_(config_->sip.transferTimeout),
      timer_(services.sip),
      started_at_(g_get_monotonic_time()) {
  terms_.local.codecs = config_->rtp.codecs;
  terms_.local.ptime = config_->rtp.ptime;
  terms_.local.sessionId = (std::uint64_t{g_random_int()} << 16) + number;
  terms_.local.version = 1;
}

Call::~Call() = default;

void Call::step(const char* name, const std::string& detail) {
  const auto level = config_->log.steps ? log::Level::Info : log::Level::Debug;
  const double ms = static_cast<double>(g_get_monotonic_time() - started_at_) / 1000.0;
  if (detail.empty()) {
    log::write(level, "call-step", {{"id", id_}, {"step", name}, {"ms", ms}});
  } else {
    log::write(level, "call-step", {{"id", id_}, {"step", name}, {"ms", ms}, {"detail", detail}});
  }
}

void Call::endpointStep(const char* name, const std::string& detail, unsigned count) {
  if (!steps_.allows(g_get_monotonic_time(), count)) return;
  step(name, count == 1 ? detail : detail + " (" + std::to_string(count) + " times)");
}

void Call::logLeftOut(std::int64_t nowUs) {
  if (const std::uint64_t count = steps_.takeLeftOut(nowUs))
    step("left-out", std::to_string(count) + " of the endpoint's");
  if (const std::uint64_t count = keys_lost_.takeLeftOut(nowUs))
    log::warning("dtmf-undeliverable", {{"id", id_}, {"reason", "as before"}, {"keys", count}});
}

void Call::take(std::unique_ptr<Leg> leg, UserAgent& agent) {
  leg_ = std::move(leg);
  leg_->setHandler(this);
  agent_ = &agent;
}

void Call::begin(IncomingCall incoming, UserAgent& agent, const std::optional<Refusal>& refusal) {
  take(std::move(incoming.leg), agent);
  from_ = redacted(incoming.from);
  to_ = redacted(incoming.to);
  step("invite", incoming.headers.requestUri.substr(0, kMaxRequestUri));
  if (refusal) return finish(refusal->reason, refusal->detail, admissionKey(refusal->reason));
  auto setup =
      std::make_unique<IncomingSetup>(services_, config_, terms_, id_, leg_->peerAddress());
  if (const auto done = setup->prepare(incoming); !done) return finish(done.error());
  setup_ = std::move(setup);
  const Codec* codec = terms_.agreement.codec;
  step("sdp", std::string(codec ? codec->name : "offering all codecs") + " port " +
                  std::to_string(terms_.local.port));
  connect();
}

void Call::dial(std::unique_ptr<Leg> leg, UserAgent& agent, const std::string& uri,
                BridgeRequest bridge, const std::string& localAddress) {
  take(std::move(leg), agent);
  from_ = "wsbridge-launcher";
  to_ = redacted(uri);
  auto setup = std::make_unique<OutgoingSetup>(services_, config_, terms_, id_);
  const auto done = setup->prepare(std::move(bridge), localAddress);
  logStart();
  if (!done) return finish(done.error());
  setup_ = std::move(setup);
  move(CallStep::Dial);
  step("invite", uri);
  leg_->dial(terms_.sdp);
}

void Call::connect() {
  if (!move(CallStep::Resolve)) return;
  for (const EndpointUri& endpoint : terms_.bridge.endpoints)
    step("resolve", endpoint.host);
  setup_->lookUp([this](const auto& found) {
    if (state_ != State::Resolving) return;
    found ? startPipeline(*found) : finish(found.error());
  });
}

bool Call::move(CallStep step) {
  const auto next = nextState(state_, step);
  if (next) state_ = *next;
  return next.has_value();
}

void Call::tick(std::int64_t nowUs) {
  if (!bridged()) return;
  pipeline_->poll();
  logLeftOut(nowUs);
  checkTransfer(nowUs);
  const Config::Limits& limits = config_->limits;
  const auto seconds = [](int value) { return std::int64_t{value} * G_USEC_PER_SEC; };
  if (limits.maxCallDuration > 0 && nowUs - answered_at_ >= seconds(limits.maxCallDuration)) {
    return finish(EndReason::MaxDuration);
  }
  watchMedia(nowUs);
}

void Call::onCancelled() {
  remote_ended_ = true;  // the stack has answered 487 by itself
  finish(EndReason::CallerCancel);
}

void Call::onBye() {
  step("bye");
  remote_ended_ = true;
  finish(outgoing() ? EndReason::CalleeHangup : EndReason::CallerHangup);
}

void Call::onAcknowledged(const std::string& sdp) {
  step("ack");
  if (pipeline_) pipeline_->acknowledge();
  if (state_ != State::Unacknowledged) return;
  if (const auto agreed = setup_->takeAnswer(sdp); !agreed) return finish(agreed.error());
  attachMedia();
}

void Call::onAckTimeout() {
  finish(EndReason::AckTimeout);
}

void Call::onSessionExpired() {
  finish(EndReason::SessionExpired);
}

void Call::onSipFault(const std::string& what) {
  finish(EndReason::SipError, what);
}

void Call::onRefreshAnswered(const std::string& sdp) {
  if (!bridged()) return;
  const auto answered = agreeToAnswer(sdp, terms_.local);
  // The codec stays for the whole call; where the audio goes may change.
  Agreement agreed = terms_.agreement;
  if (!answered || answered->codec != agreed.codec || answered->payloadType != agreed.payloadType ||
      !terms_.canSend(*answered))
    return;
  agreed.remoteAddress = answered->remoteAddress;
  agreed.remotePort = answered->remotePort;
  agreed.remoteRtcpPort = answered->remoteRtcpPort;
  agreed.direction = answered->direction;
  if (agreed != terms_.agreement) apply(std::move(agreed));
}

void Call::onReoffer(const std::string& sdp, bool update) {
  if (state_ == State::Over) return leg_->refuseOffer(481, "Call Does Not Exist", {});
  if (!terms_.agreement.codec) return leg_->refuseOffer(491, "Request Pending", {});
  if (sdp.empty()) return leg_->acceptOffer(update ? std::string() : describe(), update);
  if (!bridged()) return leg_->refuseOffer(491, "Request Pending", {});
  auto agreed = agreeToOffer(sdp, terms_.local, &terms_.agreement);
  if (!agreed) {
    const CallEnd& end = callEnd(EndReason::NoCommonCodec);
    return leg_->refuseOffer(end.status, end.phrase,
                             {reasonHeader(end.status, end.text),
                              warningHeader(305, "the running codec has to stay"),
                              {},
                              0});
  }
  if (!terms_.canSend(*agreed)) {
    const CallEnd& end = callEnd(EndReason::AddressUnusable);
    return leg_->refuseOffer(end.status, end.phrase,
                             {reasonHeader(end.status, end.text),
                              warningHeader(301, "the address in c= cannot be sent to"),
                              {},
                              0});
  }
  step("reinvite", directionName(agreed->direction));
  apply(*std::move(agreed));
  leg_->acceptOffer(describe(), update);
}

void Call::apply(Agreement agreed) {
  terms_.agreement = std::move(agreed);
  watchDirection(g_get_monotonic_time());
  pipeline_->update(terms_.agreement, mediaTarget());
}

const std::string& Call::describe() {
  terms_.sdp = describeAnew(terms_.agreement, terms_.local, terms_.sdp);
  return terms_.sdp;
}

void Call::onProgress(int status) {
  step("progress", std::to_string(status));
}

void Call::onAnswered(const std::string& sdp) {
  if (state_ != State::Dialling) return;
  sip_status_ = 200;
  if (const auto agreed = setup_->takeAnswer(sdp); !agreed) return finish(agreed.error());
  step("answered", terms_.agreement.codec->name);
  connect();
}

void Call::onRejected(int status, const std::string& phrase) {
  remote_ended_ = true;
  sip_status_ = status;
  finish(EndReason::DialFailed, std::to_string(status) + " " + phrase);
}

void Call::onUnreached(const std::string& why) {
  remote_ended_ = true;
  finish(EndReason::DialFailed, "not reached: " + why);
}

void Call::onTerminated() {
  remote_ended_ = true;
  finish(EndReason::SipError, "the dialog ended");
}

std::string Call::shownEndpoint() const {
  if (!endpoint_.empty() || terms_.bridge.endpoints.empty()) return endpoint_;
  return text::withoutCredentials(terms_.bridge.endpoints.front().uri);
}

void Call::logStart(log::Level level) {
  start_logged_ = true;
  log::write(level, "call-start",
             {{"id", id_},
              {"call-id", leg_->callId()},
              {"from", from_},
              {"to", to_},
              {"endpoint", shownEndpoint()},
              {"content-type", terms_.bridge.contentType},
              {"route", terms_.bridge.route},
              {"call-sid", terms_.twilio.call}});
}

}  // namespace launcher
