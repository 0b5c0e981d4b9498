// SPDX-License-Identifier: LGPL-2.1-or-later
// Call: its end, from the reason to the last record in the log; everything before is in Call.cpp.
#include "base/Text.hpp"
#include "call/Call.hpp"
#include "log/Log.hpp"

namespace launcher {

namespace {

/// RFC 3261 20.43.
int warningCode(const CallEnd& end) {
  if (end.reason == EndReason::AddressUnusable) return 301;
  return end.status == 488 ? 305 : 399;
}

constexpr std::chrono::milliseconds kCloseFrameWait{500};

}  // namespace

void Call::finish(EndReason reason, const std::string& detail, const std::string& header) {
  services_.sip.assertOn();
  // The timer's task must not be destroyed while it runs, so it is only left to find us over.
  if (!move(CallStep::End)) return;
  reason_ = reason;
  ended_at_ = g_get_monotonic_time();
  const CallEnd& end = callEnd(reason);
  end_detail_ = detail;
  if (setup_) setup_->cancel();
  endDialog(end, detail, header);
  endMedia(end);
}

CallSnapshot Call::snapshot() const {
  const std::int64_t sinceMonotonic = g_get_real_time() - g_get_monotonic_time();
  const auto unixSeconds = [&](std::int64_t monotonicUs) {
    return monotonicUs == 0 ? 0 : (sinceMonotonic + monotonicUs) / G_USEC_PER_SEC;
  };
  using enum CallSnapshot::Status;
  const bool over = state_ == State::Over;
  return {from_,
          to_,
          outgoing(),
          answered() ? (over ? Completed : InProgress) : (over ? Cancelled : Ringing),
          unixSeconds(started_at_),
          unixSeconds(answered_at_),
          unixSeconds(ended_at_)};
}

void Call::endDialog(const CallEnd& end, const std::string& detail, const std::string& header) {
  if (remote_ended_) {
    if (!leg_->answered() && !outgoing()) sip_status_ = end.status;
    return;
  }
  // The log has it all; a caller who chose the endpoint himself learns no more than that.
  const bool hidden =
      terms_.bridge.uriFromInvite && tellsOfNetwork(end.reason, web_socket_ != WebSocket::Unopened);
  const char* text = hidden ? kNotReached : end.text;
  if (leg_->answered()) {
    step("bye");
    // An endpoint that hangs up in order is no failure of the call.
    const bool normal = end.reason == EndReason::EndpointClosed ||
                        end.reason == EndReason::EndpointHangup ||
                        end.reason == EndReason::Transferred;
    return leg_->bye(reasonHeader(normal ? 200 : end.status, text));
  }
  if (outgoing()) return leg_->cancel();
  sip_status_ = end.status;
  ResponseHeaders headers;
  headers.reason = reasonHeader(end.status, text);
  // Nor what a name stands for.
  const bool resolved = end.reason == EndReason::UriForbidden && setup_ && setup_->lookedUp() &&
                        terms_.bridge.uriFromInvite;
  std::string warning = text;
  if (!header.empty()) {
    warning = header + ": " + (detail.empty() || hidden || resolved ? text : detail);
  }
  headers.warning = warningHeader(warningCode(end), warning);
  if (end.reason == EndReason::BodyUnsupported) headers.accept = "application/sdp";
  if (end.status == 503) headers.retryAfter = kRetryAfter;
  leg_->refuse(end.status, end.phrase, headers);
}

void Call::endMedia(const CallEnd& end) {
  if (!pipeline_) {
    // Not before whoever ended the call has returned.
    services_.sip.post([self = shared_from_this()] { self->stopped({}); });
    return;
  }
  if (web_socket_ != WebSocket::Open) return stopPipeline();
  pipeline_->shut();
  pipeline_->closeWebSocket(end.closeCode, end.text, end.label);
  timer_.start(kCloseFrameWait, [this] { stopPipeline(); });
}

void Call::stopPipeline() {
  if (!pipeline_) return;
  auto takeDown = [pipeline = std::move(pipeline_), self = shared_from_this(),
                   sip = &services_.sip]() mutable {
    const CallCounters counters = pipeline->stop();
    pipeline.reset();
    sip->post([self = std::move(self), counters] { self->stopped(counters); });
  };
  services_.workers.post(number_, PipelineWorkers::Kind::TakeDown, std::move(takeDown));
  pipeline_.reset();
}

void Call::stopped(const CallCounters& counters) {
  if (terms_.sockets) services_.ports.giveBack(*terms_.sockets);
  terms_.sockets.reset();
  if (loop_) services_.loops->giveBack(*loop_);
  loop_.reset();
  logEnd(counters);
  services_.over(*this);
}

void Call::logEnd(const CallCounters& counters) {
  const CallEnd& end = callEnd(reason());
  const std::int64_t now = g_get_monotonic_time();
  log::Level level = log::Level::Info;
  if (!start_logged_) {
    if (!services_.refusedCalls.allows(end.reason, now)) level = log::Level::Debug;
    logStart(level);
  }
  const double duration =
      answered_at_ ? static_cast<double>(now - answered_at_) / G_USEC_PER_SEC : 0.0;
  const auto remote =
      counters.remote.value_or(CallCounters::Remote{.lost = -1, .jitterMs = -1, .roundTripMs = -1});
  log::write(level, "call-end",
             {{"id", id_},
              {"call-id", leg_->callId()},
              {"from", from_},
              {"to", to_},
              {"endpoint", shownEndpoint()},
              {"codec", terms_.agreement.codec ? terms_.agreement.codec->name : ""},
              {"content-type", terms_.bridge.contentType},
              {"route", terms_.bridge.route},
              {"call-sid", terms_.twilio.call},
              {"duration", duration},
              {"ended-by", end.who},
              {"reason", end.label},
              {"detail", end_detail_},
              {"status", sip_status_},
              {"rtp-received", counters.rtpReceived},
              {"rtp-sent", counters.rtpSent},
              {"rtp-ignored", counters.rtpIgnored},
              {"rtp-source", counters.rtpSource},
              {"rtp-latch", counters.rtpLatch},
              {"frames-sent", counters.framesSent},
              {"frames-played", counters.framesPlayed},
              {"lost", counters.lost},
              {"concealed", counters.concealed},
              {"late", counters.late},
              {"duplicates", counters.duplicates},
              {"noise-frames", counters.noiseFrames},
              {"playout-high-ms", counters.playoutHighMs},
              {"underruns", counters.underruns},
              {"ignored", counters.ignored},
              {"dropped", counters.dropped},
              {"remote-lost", remote.lost},
              {"remote-jitter-ms", remote.jitterMs},
              {"rtp-round-trip-ms", remote.roundTripMs},
              {"setup-ms", setup_ms_}});
}

}  // namespace launcher
