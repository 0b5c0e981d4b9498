// SPDX-License-Identifier: LGPL-2.1-or-later
// Call: its pipeline, from making it to what it tells.
#include <utility>

#include "call/Call.hpp"
#include "log/Log.hpp"

namespace launcher {

namespace {

constexpr std::chrono::milliseconds kPlayoutSlack{1000};

}  // namespace

CallPipeline::Emit Call::emitter() {
  return [sip = &services_.sip, weak = weak_from_this(), inbox = inbox_](PipelineEvent event) {
    using Added = PipelineInbox::Added;
    const Added added = inbox->add(std::move(event));
    if (added == Added::First) {
      sip->post([weak, inbox] {
        const auto call = weak.lock();
        for (const PipelineInbox::Counted& waiting : inbox->take())
          if (call) call->onPipelineEvent(waiting);
      });
    }
    return added != Added::Refused;
  };
}

void Call::startPipeline(const CallSetup::Found& found) {
  if (!move(CallStep::Connect)) return;
  // Now it costs us something; before, whoever calls may be refused as often as he likes.
  if (!start_logged_) logStart();
  PipelineSpec spec;
  spec.connection = id_;
  spec.callId = terms_.twilio.call.empty() ? leg_->callId() : terms_.twilio.call;
  spec.accountId = terms_.twilio.account;
  loop_ = services_.loops->take();
  spec.loop = LoopTable::name(*loop_);
  spec.config = config_;
  spec.bridge = terms_.bridge;
  spec.resolvedAddresses = found.addresses;
  spec.connectTimeUsedMs = found.lookupMs;
  spec.agreement = terms_.agreement;
  spec.target = mediaTarget();
  spec.acknowledged = outgoing();  // we have sent the ACK
  spec.sockets = *terms_.sockets;
  const auto emit = emitter();
  pipeline_ = std::make_shared<CallPipeline>(std::move(spec), emit);
  step("pipeline");
  const auto build = [pipeline = pipeline_, launch = &services_.launch, emit] {
    auto done = pipeline->build(*launch);
    if (done) done = pipeline->play();
    if (!done) emit(PipelineFailed{done.error()});
  };
  services_.workers.post(number_, PipelineWorkers::Kind::SetUp, build);
}

void Call::attachMedia() {
  if (!move(CallStep::Agree)) return;
  step("sdp", terms_.agreement.codec->name);
  const auto emit = emitter();
  const auto attach = [pipeline = pipeline_, launch = &services_.launch,
                       agreement = terms_.agreement, target = mediaTarget(), emit] {
    const auto done = pipeline->attachMedia(*launch, agreement, target);
    emit(done ? PipelineEvent(MediaAttached{}) : PipelineFailed{done.error()});
  };
  services_.workers.post(number_, PipelineWorkers::Kind::SetUp, attach);
}

MediaTarget Call::mediaTarget() const {
  const std::string& announced = terms_.agreement.remoteAddress;
  const std::string& peer = leg_->peerAddress();
  MediaTarget target{aimOf(announced, peer, config_->rtp.allow), peer};
  for (const std::uint16_t port : {terms_.agreement.remotePort, terms_.agreement.remoteRtcpPort}) {
    std::vector<std::string> bound = services_.ports.boundTo(port);
    if (!bound.empty()) bound.push_back(terms_.local.address);
    if (reachesSocket(announced, bound)) target.aim = Aim::Never;
  }
  return target;
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
    leg_->answer(terms_.sdp);
    sip_status_ = 200;
    step("answered");
  }
  if (!terms_.agreement.codec) {
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
  setup_.reset();
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
  const std::chrono::milliseconds longest(config_->audio.maxPlayout);
  timer_.start(longest + kPlayoutSlack, [this] { finish(EndReason::EndpointClosed, end_detail_); });
}

void Call::watchDirection(std::int64_t nowUs) {
  const Direction direction = terms_.agreement.direction;
  const bool receives = direction == Direction::SendRecv || direction == Direction::RecvOnly;
  media_watch_.agreed(terms_.agreement.sends(), receives, nowUs);
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

}  // namespace launcher
