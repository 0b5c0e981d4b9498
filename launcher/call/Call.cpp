// SPDX-License-Identifier: LGPL-2.1-or-later
#include "call/Call.hpp"

#include <algorithm>

#include "base/Redact.hpp"
#include "base/Text.hpp"
#include "log/Log.hpp"
#include "routing/CredentialScope.hpp"
#include "sip/stack/RequestUri.hpp"

namespace launcher {

namespace {

constexpr std::uint32_t kPlayoutSlackMs = 1000;

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
  local_.codecs = config_->rtp.codecs;
  local_.ptime = config_->rtp.ptime;
  local_.sessionId = (std::uint64_t{g_random_int()} << 16) + number;
  local_.version = 1;
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

void Call::begin(IncomingCall incoming, UserAgent& agent, const std::optional<Refusal>& refusal) {
  leg_ = std::move(incoming.leg);
  leg_->setHandler(this);
  agent_ = &agent;
  source_ = leg_->peerAddress();
  from_ = redacted(incoming.from);
  to_ = redacted(incoming.to);
  step("invite", incoming.headers.requestUri.substr(0, kMaxRequestUri));
  if (refusal) return finish(refusal->reason, refusal->detail, admissionKey(refusal->reason));
  auto routed = routeCall(*config_, incoming.headers);
  if (const auto* fault = std::get_if<RoutingFault>(&routed)) {
    return finish(fault->reason, fault->text, fault->header);
  }
  setBridge(std::move(std::get<BridgeRequest>(routed)));
  if (!checkPolicy()) return;
  logWithheld();
  if (incoming.foreignBody) return finish(EndReason::BodyUnsupported, "", "Content-Type");
  const bool offerless = incoming.sdp.empty();
  kind_ = offerless ? Kind::Offerless : Kind::Offered;
  if (!offerless) {
    // Ports are bound only for an offer that has something for us.
    local_.address = incoming.localAddress;
    if (!negotiate(incoming.sdp)) return;
  }
  if (!takePorts(incoming.localAddress)) return;
  if (offerless) {
    sdp_ = makeOffer(local_);
  } else if (!negotiate(incoming.sdp)) {
    return;
  }
  const std::string codec = offerless ? "offering all codecs" : agreement_.codec->name;
  step("sdp", codec + " port " + std::to_string(local_.port));
  connect();
}

void Call::dial(std::unique_ptr<Leg> leg, UserAgent& agent, const std::string& uri,
                BridgeRequest bridge, const std::string& localAddress) {
  leg_ = std::move(leg);
  leg_->setHandler(this);
  agent_ = &agent;
  kind_ = Kind::Outgoing;
  from_ = "wsbridge-launcher";
  to_ = redacted(uri);
  setBridge(std::move(bridge));
  logStart();
  if (!checkPolicy() || !takePorts(localAddress)) return;
  move(CallStep::Dial);
  sdp_ = makeOffer(local_);
  step("invite", uri);
  leg_->dial(sdp_);
}

void Call::setBridge(BridgeRequest bridge) {
  bridge_ = std::move(bridge);
  if (bridge_.dialect != "twilio") return;
  const std::string& account = config_->websocket.twilioAccountSid;
  twilio_ = {account.empty() ? ownTwilioAccountSid() : account, randomTwilioCallSid()};
}

bool Call::takePorts(const std::string& localAddress) {
  const std::string& configured = config_->rtp.address;
  const std::string bindTo = configured.empty() || configured == "auto" ? localAddress : configured;
  PortFault fault{};
  sockets_ = services_.ports.take(bindTo, &fault);
  if (!sockets_) {
    const Refusal refusal{
        fault == PortFault::NoSocket ? EndReason::TooFewDescriptors : EndReason::NoRtpPorts,
        services_.ports.explain(bindTo, fault)};
    services_.refused(refusal);
    finish(refusal.reason, refusal.detail, admissionKey(refusal.reason));
    return false;
  }
  local_.port = sockets_->port;
  const bool any = bindTo == "0.0.0.0" || bindTo == "::";
  local_.address = any ? localAddress : bindTo;
  if (!config_->rtp.publicAddress.empty()) local_.address = config_->rtp.publicAddress;
  return true;
}

bool Call::negotiate(const std::string& offer) {
  auto result = answerOffer(offer, local_);
  if (const auto* fault = std::get_if<SdpFault>(&result)) {
    finish(*fault == SdpFault::Invalid ? EndReason::SdpInvalid : EndReason::NoCommonCodec, "",
           "Content-Type");
    return false;
  }
  Answer& answer = std::get<Answer>(result);
  agreement_ = answer.agreement;
  sdp_ = std::move(answer.sdp);
  return true;
}

bool Call::move(CallStep step) {
  const auto next = nextState(state_, step);
  if (next) state_ = *next;
  return next.has_value();
}

void Call::onPipelineEvent(const PipelineInbox::Counted& counted) {
  std::visit([&](const auto& event) { on(event, counted.count); }, counted.event);
}

void Call::on(const Opened& opened, unsigned) {
  endpoint_ = opened.endpoint;
  if (state_ != State::Opening) return;
  web_socket_ = WebSocket::Open;
  setup_ms_ = static_cast<double>(g_get_monotonic_time() - started_at_) / 1000.0;
  step("websocket-open", opened.contentType + " " + endpoint_);
  if (!outgoing()) {
    leg_->answer(sdp_);
    sip_status_ = 200;
    step("answered");
  }
  if (kind_ == Kind::Offerless) {
    move(CallStep::Offer);
  } else if (move(CallStep::Bridge)) {
    activate();
  }
}

void Call::on(const MediaAttached&, unsigned) {
  if (move(CallStep::Attach)) activate();
}

void Call::on(const FirstAudio&, unsigned) {
  step("first-audio");
}

void Call::on(const DigitPassed& digit, unsigned count) {
  endpointStep("dtmf", digit.direction, count);
}

void Call::on(const DigitWanted& digit, unsigned) {
  sendKey(digit.digit, digit.durationMs);
}

void Call::on(const DigitLost&, unsigned count) {
  keyLost("too many keys wait", count);
}

void Call::on(const ControlAsked& control, unsigned count) {
  endpointStep("control", control.action, count);
  if (control.action == "hangup") finish(EndReason::EndpointHangup);
  if (control.action == "transfer") transfer(control.value);
}

void Call::on(const MessageAsked& message, unsigned) {
  sendMessage(message.type, message.body);
}

void Call::on(const WebSocketClosed& closed, unsigned) {
  if (state_ == State::Over) return stopPipeline();
  if (!closed.byElement) return onEndpointClosed(closed);
  web_socket_ = WebSocket::Gone;
  finish(EndReason::EndpointError, closed.reason + " (" + std::to_string(closed.code) + ")");
}

void Call::on(const WebSocketFailed& failed, unsigned) {
  if (web_socket_ == WebSocket::Open) web_socket_ = WebSocket::Gone;
  if (!failed.endpoint.empty()) endpoint_ = failed.endpoint;
  const std::string code = failed.code ? " (" + std::to_string(failed.code) + ")" : "";
  finish(endReasonOfFailure(failed.kind), failed.text + code, kUriHeader);
}

void Call::on(const PipelineFailed& failed, unsigned) {
  if (failed.kind.empty()) return finish(EndReason::PipelineError, failed.text);
  if (web_socket_ == WebSocket::Open) web_socket_ = WebSocket::Gone;
  finish(endReasonOfFailure(failed.kind), failed.text, kUriHeader);
}

void Call::on(const PlayedOut&, unsigned) {
  played_out_ = true;
  if (state_ == State::Draining) finish(EndReason::EndpointClosed, end_detail_);
}

void Call::activate() {
  answered_at_ = g_get_monotonic_time();
  watchDirection(answered_at_);
  pipeline_->open();
}

void Call::onEndpointClosed(const WebSocketClosed& closed) {
  web_socket_ = WebSocket::Gone;
  end_detail_ = std::to_string(closed.code) + (closed.reason.empty() ? "" : " " + closed.reason);
  step("websocket-closed", end_detail_);
  const bool drain = config_->websocket.onClose == OnClose::Drain;
  if (!drain || played_out_ || !move(CallStep::DrainPlayout))
    return finish(EndReason::EndpointClosed, end_detail_);
  const auto longest = static_cast<std::uint32_t>(config_->audio.maxPlayout) + kPlayoutSlackMs;
  timer_.start(longest, [this] { finish(EndReason::EndpointClosed, end_detail_); });
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

MediaTarget Call::mediaTarget() const {
  const std::string& announced = agreement_.remoteAddress;
  const std::string& peer = leg_->peerAddress();
  MediaTarget target{aimOf(announced, peer, config_->rtp.allow), peer};
  for (const std::uint16_t port : {agreement_.remotePort, agreement_.remoteRtcpPort}) {
    std::vector<std::string> bound = services_.ports.boundTo(port);
    if (!bound.empty()) bound.push_back(local_.address);
    if (reachesSocket(announced, bound)) target.aim = Aim::Never;
  }
  return target;
}

void Call::watchDirection(std::int64_t nowUs) {
  const Direction direction = agreement_.direction;
  const bool receives = direction == Direction::SendRecv || direction == Direction::RecvOnly;
  media_watch_.agreed(agreement_.sends(), receives, nowUs);
}

void Call::watchMedia(std::int64_t nowUs) {
  if (config_->limits.mediaTimeout == 0 && config_->limits.mediaWarning == 0) return;
  using Change = MediaWatch::Change;
  const Change change = media_watch_.look(nowUs, pipeline_->lastRtp());
  if (change == Change::TimedOut) return finish(EndReason::MediaTimeout);
  if (change == Change::None) return;
  step(change == Change::Missing ? "media-missing" : "media-back");
  pipeline_->tellMedia(change == Change::Back);
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
  const auto read = readAnswer(sdp, local_);
  if (const auto* fault = std::get_if<SdpFault>(&read)) {
    return finish(*fault == SdpFault::Invalid ? EndReason::SdpInvalid : EndReason::NoCommonCodec);
  }
  agreement_ = std::get<Agreement>(read);
  attachMedia();
}

void Call::attachMedia() {
  if (!move(CallStep::Agree)) return;
  step("sdp", agreement_.codec->name);
  const auto emit = emitter();
  const auto attach = [pipeline = pipeline_, launch = &services_.launch, agreement = agreement_,
                       target = mediaTarget(), emit] {
    const std::string fault = pipeline->attachMedia(*launch, agreement, target);
    emit(fault.empty() ? PipelineEvent(MediaAttached{}) : PipelineFailed{fault});
  };
  services_.workers.post(number_, PipelineWorkers::Kind::SetUp, attach);
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
  const auto read = readAnswer(sdp, local_);
  const auto* agreed = std::get_if<Agreement>(&read);
  // The codec stays for the whole call; where the audio goes may change.
  if (!agreed || agreed->codec != agreement_.codec ||
      agreed->payloadType != agreement_.payloadType || *agreed == agreement_) {
    return;
  }
  agreement_.remoteAddress = agreed->remoteAddress;
  agreement_.remotePort = agreed->remotePort;
  agreement_.remoteRtcpPort = agreed->remoteRtcpPort;
  agreement_.direction = agreed->direction;
  watchDirection(g_get_monotonic_time());
  pipeline_->update(agreement_, mediaTarget());
}

void Call::onReoffer(const std::string& sdp, bool update) {
  if (state_ == State::Over) return leg_->refuseOffer(481, "Call Does Not Exist", {});
  if (!agreement_.codec) return leg_->refuseOffer(491, "Request Pending", {});
  if (sdp.empty()) {
    return leg_->acceptOffer(update ? std::string() : describeAgreement(agreement_, local_),
                             update);
  }
  if (!bridged()) return leg_->refuseOffer(491, "Request Pending", {});
  auto result = answerOffer(sdp, local_, &agreement_);
  if (std::holds_alternative<SdpFault>(result)) {
    const CallEnd& end = callEnd(EndReason::NoCommonCodec);
    return leg_->refuseOffer(end.status, end.phrase,
                             {reasonHeader(end.status, end.text),
                              warningHeader(305, "the running codec has to stay"),
                              {},
                              0});
  }
  Answer answer = std::move(std::get<Answer>(result));
  if (answer.sdp != sdp_) {
    ++local_.version;
    answer = std::get<Answer>(answerOffer(sdp, local_, &agreement_));
  }
  step("reinvite", directionName(answer.agreement.direction));
  agreement_ = answer.agreement;
  watchDirection(g_get_monotonic_time());
  sdp_ = answer.sdp;
  leg_->acceptOffer(sdp_, update);
  pipeline_->update(agreement_, mediaTarget());
}

void Call::onProgress(int status) {
  step("progress", std::to_string(status));
}

void Call::onAnswered(const std::string& sdp) {
  if (state_ != State::Dialling) return;
  sip_status_ = 200;
  const auto read = readAnswer(sdp, local_);
  const auto* agreed = std::get_if<Agreement>(&read);
  if (!agreed) return finish(EndReason::NoCommonCodec);
  agreement_ = *agreed;
  step("answered", agreement_.codec->name);
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
  if (!endpoint_.empty() || bridge_.endpoints.empty()) return endpoint_;
  return text::withoutCredentials(bridge_.endpoints.front().uri);
}

void Call::logStart(log::Level level) {
  start_logged_ = true;
  log::write(level, "call-start",
             {{"id", id_},
              {"call-id", leg_->callId()},
              {"from", from_},
              {"to", to_},
              {"endpoint", shownEndpoint()},
              {"content-type", bridge_.contentType},
              {"route", bridge_.route},
              {"call-sid", twilio_.call}});
}

void Call::logWithheld() {
  const std::string keys = withheldCredentials(*config_, bridge_);
  if (keys.empty()) return;
  const std::uint64_t calls = services_.withheld.note(g_get_monotonic_time());
  if (calls == 0) return;
  const auto missing = std::find_if(bridge_.endpoints.begin(), bridge_.endpoints.end(),
                                    [](const EndpointUri& uri) { return !uri.getsCredentials; });
  log::warning("credentials-withheld",
               {{"id", id_},
                {"endpoint", text::withoutCredentials(missing->uri)},
                {"keys", keys},
                {"calls", calls},
                {"reason",
                 "the INVITE names the endpoint; websocket.credentials-for would have to "
                 "name its host"}});
}

}  // namespace launcher
