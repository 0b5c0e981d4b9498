// SPDX-License-Identifier: LGPL-2.1-or-later
#include "LoadRun.hpp"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>

#include "Text.hpp"
#include "Wav.hpp"

namespace bench {
namespace {

constexpr size_t kSpeechCallsCompared = 16;
constexpr Nanoseconds kPhaseStep =
    500000;  // of the send times: the fewer distinct ones, the fewer wake-ups
constexpr Nanoseconds kCommonPtime = 20 * kMillisecond;

SipSettings sipSettings(const LoadOptions& options) {
  SipSettings settings;
  settings.targetUri = options.targetUri;
  settings.target = options.target;
  const std::pair<const char*, const std::string&> headers[] = {
      {"uri", options.websocketUri},
      {"content-type", options.contentType},
      {"headers", options.headers},
  };
  for (const auto& [name, value] : headers)
    if (!value.empty())
      settings.extraHeaders +=
          "P-wsbridge-websocket-" + std::string(name) + ": " + percentEncode(value) + "\r\n";
  if (!options.dialect.empty())
    settings.extraHeaders += "P-wsbridge-websocket-dialect: " + options.dialect + "\r\n";
  return settings;
}

int64_t burstBytes(const LoadOptions& options) {
  const size_t at = options.contentType.find("rate=");
  const long rate =
      at == std::string::npos ? 16000 : std::atol(options.contentType.c_str() + at + 5);
  return static_cast<int64_t>(options.burstSeconds()) * rate * 2;
}

void add(MediaResults& sum, const MediaResults& one) {
  uint64_t ReceiveStatistics::Result::*const streamCounters[] = {
      &ReceiveStatistics::Result::received,    &ReceiveStatistics::Result::lost,
      &ReceiveStatistics::Result::duplicates,  &ReceiveStatistics::Result::reordered,
      &ReceiveStatistics::Result::foreignSsrc, &ReceiveStatistics::Result::late,
      &ReceiveStatistics::Result::lateSteady,  &ReceiveStatistics::Result::jumps};
  for (const auto counter : streamCounters)
    sum.stream.*counter += one.stream.*counter;
  uint64_t MediaResults::*const counters[] = {
      &MediaResults::sent,          &MediaResults::withheld,      &MediaResults::foreignAddress,
      &MediaResults::otherPayload,  &MediaResults::sendErrors,    &MediaResults::bursts,
      &MediaResults::burstsMissing, &MediaResults::burstsUnclear, &MediaResults::crossTalk};
  for (const auto counter : counters)
    sum.*counter += one.*counter;
  sum.stream.worstLateMs = std::max(sum.stream.worstLateMs, one.stream.worstLateMs);
  sum.roundTripsMs.insert(sum.roundTripsMs.end(), one.roundTripsMs.begin(), one.roundTripsMs.end());
  sum.lateSendsMs.insert(sum.lateSendsMs.end(), one.lateSendsMs.begin(), one.lateSendsMs.end());
}

}  // namespace

LoadRun::LoadRun(const LoadOptions& options)
    : options_(options), agent_(sipSettings(options), [this](SipCall& call) { onChange(call); }) {}

void LoadRun::tell(const char* pattern, ...) const {
  if (!options_.steps) return;
  std::printf("%9.1f ms  ", toMs(now() - begun_));
  va_list arguments;
  va_start(arguments, pattern);
  std::vprintf(pattern, arguments);
  va_end(arguments);
  std::printf("\n");
  std::fflush(stdout);
}

std::string LoadRun::prepare() {
  media_.codec = options_.codec;
  media_.ptime = options_.ptime;
  media_.lossPercent = options_.lossPercent;
  media_.jitterMs = options_.jitterMs;
  media_.dtmf = options_.dtmf;
  media_.seed = options_.seed;
  media_.record = options_.burst || !options_.recordPath.empty() || !options_.wavPath.empty();
  holdSeconds_ = options_.duration >= 0 ? options_.duration : 10;
  if (options_.burst) {
    media_.source = MediaSource::Silence;
    if (options_.duration < 0) holdSeconds_ = options_.burstSeconds() + 2;
  } else if (!options_.wavPath.empty()) {
    Wav wav;
    if (std::string fault = readWav(options_.wavPath, wav); !fault.empty()) return fault;
    media_.source = MediaSource::Speech;
    media_.speech = resample(wav.samples, wav.rate, options_.codec->rate);
    if (options_.duration < 0)
      holdSeconds_ = static_cast<double>(media_.speech.size()) / options_.codec->rate + 1;
  }
  if (options_.pid != 0) {
    before_ = sampleProcess(options_.pid);
    if (!before_.valid) return format("--pid %d: there is no such process", options_.pid);
  }
  if (std::string fault = agent_.open(); !fault.empty()) return fault;
  return engine_.launch();
}

std::string LoadRun::run(LoadReport& report) {
  if (std::string fault = prepare(); !fault.empty()) return fault;
  begun_ = nextCall_ = now();
  while (phase_ != Phase::Done && fault_.empty()) {
    const Nanoseconds present = now();
    advance(present);
    watchMemory();
    tellProgress();
    if (phase_ == Phase::Done) break;
    Nanoseconds until = now() + 20 * kMillisecond;
    if (phase_ == Phase::Starting && !options_.oneByOne && sessions_.size() < options_.calls)
      until = std::min(until, nextCall_);
    if (phase_ == Phase::Steady) until = std::min(until, steadyTo_);
    agent_.poll(until);
  }
  engine_.shutDown();
  if (fault_.empty()) collect(report);
  return fault_;
}

void LoadRun::startCall() {
  const auto index = static_cast<unsigned>(sessions_.size());
  sessions_.push_back(std::make_unique<MediaSession>(media_, index));
  MediaSession& session = *sessions_.back();
  fault_ = session.open(agent_.local().sin_addr);
  if (!fault_.empty()) return;
  SipCall& call = agent_.addCall();
  const std::string local = addressText(agent_.local());
  call.invite(makeOffer(local.substr(0, local.find(':')), session.rtpPort(),
                        options_.codec->payloadType, options_.codec->rtpmap, options_.ptime, true,
                        static_cast<int>(options_.codec->rate)));
  if (index == 0)
    tell("INVITE sent to %s, offering %s on RTP port %u", options_.targetUri.c_str(),
         std::string(options_.codec->rtpmap).c_str(), static_cast<unsigned>(session.rtpPort()));
}

void LoadRun::onChange(SipCall& call) {
  MediaSession& session = *sessions_[call.index()];
  const bool first = call.index() == 0;
  switch (call.state()) {
    case SipCall::State::Inviting:
      if (first && !toldTrying_) tell("100 Trying after %.1f ms", call.tryingMs());
      toldTrying_ = toldTrying_ || first;
      break;
    case SipCall::State::Established: {
      const SdpAnswer answer =
          parseAnswer(call.answer(), options_.codec->rtpmap, options_.codec->payloadType);
      if (first)
        tell("200 OK after %.1f ms: WebSocket open, RTP to %s", call.setupMs(),
             addressText(answer.rtp).c_str());
      if (!answer.usable) {
        std::fprintf(stderr, "wsbridge-load: the SDP answer has no %s\n",
                     std::string(options_.codec->rtpmap).c_str());
        call.bye();
        break;
      }
      const Nanoseconds ptime = options_.ptime * kMillisecond;
      const Nanoseconds phase = ptime * call.index() / options_.calls / kPhaseStep * kPhaseStep;
      engine_.start(session, {answer.rtp, answer.payloadType, answer.eventPayloadType}, phase,
                    std::max(ptime, kCommonPtime));
      break;
    }
    case SipCall::State::Ended:
      engine_.stop(session);
      if (first && call.endedByPeer())
        tell("the bridge ended the call: %s", call.finalReason().c_str());
      else if (first && call.everEstablished())
        tell("BYE answered: the call is over");
      else if (first)
        tell("the call failed: %d %s", call.finalStatus(), call.finalReason().c_str());
      break;
    case SipCall::State::Idle:
    case SipCall::State::Ending:
      break;
  }
}

void LoadRun::advance(Nanoseconds present) {
  const auto& calls = agent_.calls();
  if (interrupted_ && phase_ != Phase::Ending) {
    for (const auto& call : calls) {
      call->cancel();
      call->giveUpBy(present + 3 * kSecond);
    }
    steadyTo_ = nextBye_ = present;
    phase_ = Phase::Ending;
  }
  switch (phase_) {
    case Phase::Starting:
      if (options_.oneByOne) {
        oneByOne(present);
        break;
      }
      while (calls.size() < options_.calls && nextCall_ <= present && fault_.empty()) {
        startCall();
        nextCall_ += static_cast<Nanoseconds>(1e9 / options_.rate);
      }
      if (options_.cancelAfterMs >= 0)
        for (const auto& call : calls)
          if (toMs(present - call->invitedAt()) >= options_.cancelAfterMs) call->cancel();
      if (calls.size() == options_.calls && std::ranges::none_of(calls, [](const auto& call) {
            return call->state() == SipCall::State::Inviting;
          })) {
        phase_ = Phase::Settling;
        steadyFrom_ = present + (options_.calls > 1 ? kSecond : 200 * kMillisecond);
      }
      break;
    case Phase::Settling:
      if (present < steadyFrom_) break;
      steadyStart_ = sampleProcess(options_.pid);
      steadyTo_ = steadyFrom_ + static_cast<Nanoseconds>(holdSeconds_ * 1e9);
      phase_ = Phase::Steady;
      break;
    case Phase::Steady:
      if (present < steadyTo_ && std::ranges::any_of(calls, [](const auto& call) {
            return call->state() == SipCall::State::Established;
          }))
        break;
      steadyEnd_ = sampleProcess(options_.pid);
      steadyTo_ = std::min(present, steadyTo_);
      nextBye_ = present;
      phase_ = Phase::Ending;
      break;
    case Phase::Ending:
      endCalls(present);
      break;
    case Phase::Done:
      break;
  }
}

void LoadRun::oneByOne(Nanoseconds present) {
  const auto& calls = agent_.calls();
  steadyFrom_ = begun_;
  steadyTo_ = present;
  if (calls.empty() || calls.back()->state() == SipCall::State::Ended) {
    if (calls.size() == options_.calls) {
      phase_ = Phase::Done;
      return;
    }
    callEnds_ = 0;
    startCall();
    return;
  }
  SipCall& call = *calls.back();
  if (call.state() != SipCall::State::Established) return;
  if (callEnds_ == 0) callEnds_ = present + static_cast<Nanoseconds>(holdSeconds_ * 1e9);
  if (present < callEnds_) return;
  engine_.stop(*sessions_[call.index()]);
  call.bye();
}

void LoadRun::endCalls(Nanoseconds present) {
  const auto& calls = agent_.calls();
  while (byes_ < calls.size() && nextBye_ <= present) {
    SipCall& call = *calls[byes_];
    if (call.state() == SipCall::State::Inviting) break;
    ++byes_;
    if (call.state() != SipCall::State::Established) continue;
    engine_.stop(*sessions_[call.index()]);
    call.bye();
    if (call.index() == 0) tell("BYE sent");
    nextBye_ += static_cast<Nanoseconds>(1e9 / std::max(options_.rate, 50.0));
  }
  if (std::ranges::all_of(calls,
                          [](const auto& call) { return call->state() == SipCall::State::Ended; }))
    phase_ = Phase::Done;
}

void LoadRun::watchMemory() {
  if (!options_.burst || options_.pid == 0 || now() < nextMemory_) return;
  nextMemory_ = now() + 20 * kMillisecond;
  peakBytes_ = std::max(peakBytes_, residentBytesOf(options_.pid));
}

void LoadRun::tellProgress() {
  if (!options_.steps || toldFirstPacket_ || sessions_.empty()) return;
  if (sessions_[0]->firstArrival() == 0) return;
  toldFirstPacket_ = true;
  tell("first RTP packet back; audio flows both ways for %.1f s", holdSeconds_);
}

void LoadRun::compareSpeech(LoadReport& report) {
  const double rate = options_.codec->rate;
  for (size_t i = 0; i < std::min(sessions_.size(), kSpeechCallsCompared); ++i) {
    const auto& recording = sessions_[i]->recording();
    if (recording.empty()) continue;
    // Sample 0 of the recording arrived so much after sample 0 was sent: only lags that give 0 to
    // 600 ms make sense.
    const double offset = sessions_[i]->recordingOffsetMs();
    const auto least = static_cast<int64_t>(-offset / 1000 * rate);
    SpeechResult result;
    result.likeness =
        compare(media_.speech, recording, least, least + static_cast<int64_t>(0.6 * rate));
    result.roundTripMs = offset + result.likeness.lag / rate * 1000;
    report.speech.push_back(result);
  }
}

void LoadRun::collect(LoadReport& report) {
  std::vector<double> setups;
  report.calls = options_.calls;
  for (const auto& call : agent_.calls()) {
    report.retransmissions += call->retransmissions();
    if (call->everEstablished()) {
      ++report.established;
      setups.push_back(call->setupMs());
      if (call->endedByPeer()) ++report.endedEarly;
      if (call->finalStatus() != 200)
        ++report.failures[format("%d ", call->finalStatus()) + call->finalReason()];
    } else if (call->finalStatus() == 487 && (options_.cancelAfterMs >= 0 || interrupted_)) {
      ++report.cancelled;
    } else {
      ++report.failures[format("%d ", call->finalStatus()) + call->finalReason()];
    }
  }
  for (const auto& session : sessions_) {
    const MediaResults results = session->results(steadyFrom_, steadyTo_);
    add(report.media, results);
    if (results.reportedLost >= 0)
      report.reportedLost = std::max<int64_t>(0, report.reportedLost) + results.reportedLost;
  }
  report.setupMs = summarise(std::move(setups));
  report.roundTripMs = summarise(report.media.roundTripsMs);
  report.lateSendMs = summarise(report.media.lateSendsMs);
  report.steadySeconds = toMs(std::max<Nanoseconds>(0, steadyTo_ - steadyFrom_)) / 1000;
  report.before = before_;
  report.steadyStart = steadyStart_;
  report.steadyEnd = steadyEnd_;
  if (media_.source == MediaSource::Speech) compareSpeech(report);
  if (options_.burst && !sessions_.empty()) {
    BurstResult burst;
    burst.frames = options_.burstSeconds() * 50;
    burst.heard = checkNumbered(sessions_[0]->recording(), options_.codec->rate, burst.frames);
    burst.audioBytes = burstBytes(options_);
    burst.baselineBytes = before_.valid ? before_.residentBytes : -1;
    burst.peakBytes = peakBytes_;
    report.burst = burst;
  }
  if (!options_.recordPath.empty() && !sessions_.empty() && !sessions_[0]->recording().empty()) {
    const std::string fault =
        writeWav(options_.recordPath, {options_.codec->rate, sessions_[0]->recording()});
    if (!fault.empty()) ++report.failures[fault];
    tell("what came back is in %s", options_.recordPath.c_str());
  }
}

}  // namespace bench
