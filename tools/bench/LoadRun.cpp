// SPDX-License-Identifier: LGPL-2.1-or-later
#include "LoadRun.hpp"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "CallOffer.hpp"
#include "EndpointReport.hpp"
#include "wire/Sdp.hpp"
#include "wire/Text.hpp"
#include "wire/Wav.hpp"

namespace bench {

using namespace wire;
namespace {

constexpr size_t kSpeechCallsCompared = 16;
constexpr Nanoseconds kPhaseStep =
    500000;  // of the send times: the fewer distinct ones, the fewer wake-ups
constexpr Nanoseconds kCommonPtime = 20 * kMillisecond;
// Between a call's last packet and its BYE: what is under way may still arrive.
constexpr Nanoseconds kLinger = 300 * kMillisecond;
constexpr int kSizeSamples = 20;

int64_t burstBytes(const LoadOptions& options) {
  const size_t at = options.contentType.find("rate=");
  const long rate =
      at == std::string::npos ? 16000 : std::atol(options.contentType.c_str() + at + 5);
  return static_cast<int64_t>(options.burstSeconds()) * rate * 2;
}

void add(MediaResults& sum, const MediaResults& one) {
  uint64_t ReceiveStatistics::Result::*const streamCounters[] = {
      &ReceiveStatistics::Result::received,      &ReceiveStatistics::Result::lost,
      &ReceiveStatistics::Result::duplicates,    &ReceiveStatistics::Result::reordered,
      &ReceiveStatistics::Result::foreignSsrc,   &ReceiveStatistics::Result::late,
      &ReceiveStatistics::Result::lateSteady,    &ReceiveStatistics::Result::lateByMachine,
      &ReceiveStatistics::Result::lateByBacklog, &ReceiveStatistics::Result::lateByOthers,
      &ReceiveStatistics::Result::jumps};
  for (const auto counter : streamCounters)
    sum.stream.*counter += one.stream.*counter;
  uint64_t MediaResults::*const counters[] = {
      &MediaResults::sent,           &MediaResults::withheld,
      &MediaResults::foreignAddress, &MediaResults::otherPayload,
      &MediaResults::sendErrors,     &MediaResults::bursts,
      &MediaResults::burstsMissing,  &MediaResults::burstsMissingByMachine,
      &MediaResults::burstsUnclear,  &MediaResults::crossTalk};
  for (const auto counter : counters)
    sum.*counter += one.*counter;
  double ReceiveStatistics::Result::*const worst[] = {
      &ReceiveStatistics::Result::worstLateMs,
      &ReceiveStatistics::Result::worstLateOwnMs,
      &ReceiveStatistics::Result::worstBeyondStallsMs,
      &ReceiveStatistics::Result::worstBeyondBacklogMs,
      &ReceiveStatistics::Result::movedLaterMs,
      &ReceiveStatistics::Result::movedEarlierMs};
  for (const auto figure : worst)
    sum.stream.*figure = std::max(sum.stream.*figure, one.stream.*figure);
  sum.stream.lateOnes.insert(sum.stream.lateOnes.end(), one.stream.lateOnes.begin(),
                             one.stream.lateOnes.end());
  sum.roundTrips.insert(sum.roundTrips.end(), one.roundTrips.begin(), one.roundTrips.end());
}

Summary summariseTrips(const std::vector<RoundTrip>& trips, Nanoseconds from, Nanoseconds to) {
  std::vector<double> values;
  for (const RoundTrip& trip : trips)
    if (trip.sent >= from && trip.sent <= to) values.push_back(trip.ms);
  return summarise(std::move(values));
}

std::string newRunName() {
  std::random_device device;
  return format("%08x", static_cast<unsigned>(device()));
}

}  // namespace

LoadRun::LoadRun(const LoadOptions& options)
    : options_(options),
      run_(newRunName()),
      agent_(sipSettings(options), [this](SipCall& call) { onChange(call); }),
      churn_(options, media_, agent_, engine_) {}

LoadRun::~LoadRun() {
  engine_.shutDown();
}

std::span<const std::unique_ptr<SipCall>> LoadRun::standing() const {
  const auto& calls = agent_.calls();
  return std::span(calls).first(std::min<size_t>(calls.size(), options_.calls));
}

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
  hold_seconds_ = options_.duration >= 0 ? options_.duration : 10;
  if (options_.burst) {
    media_.source = MediaSource::Silence;
    if (options_.duration < 0) hold_seconds_ = options_.burstSeconds() + 2;
  } else if (!options_.wavPath.empty()) {
    Wav wav;
    if (std::string fault = readWav(options_.wavPath, wav); !fault.empty()) return fault;
    media_.source = MediaSource::Speech;
    media_.speech = resample(wav.samples, wav.rate, options_.codec->rate);
    if (options_.duration < 0)
      hold_seconds_ = static_cast<double>(media_.speech.size()) / options_.codec->rate + 1;
  }
  if (options_.pid != 0) {
    before_ = sampleProcess(options_.pid);
    if (!before_.valid) return format("--pid %d: there is no such process", options_.pid);
  }
  if (std::string fault = agent_.open(); !fault.empty()) return fault;
  engine_.launch();
  stalls_.begin();
  loops_.begin(options_.pid);
  return "";
}

std::string LoadRun::run(LoadReport& report) {
  if (std::string fault = prepare(); !fault.empty()) return fault;
  begun_ = next_call_ = now();
  while (phase_ != Phase::Done && fault_.empty()) {
    const Nanoseconds present = now();
    advance(present);
    watchMemory();
    watchSize(present);
    tellProgress();
    if (phase_ == Phase::Done) break;
    Nanoseconds until = now() + 20 * kMillisecond;
    if (phase_ == Phase::Starting && !options_.oneByOne && sessions_.size() < options_.calls)
      until = std::min(until, next_call_);
    if (phase_ == Phase::Steady) until = std::min(until, steady_to_);
    if (phase_ == Phase::Steady && options_.churn > 0) until = std::min(until, churn_.nextTime());
    agent_.poll(until);
  }
  engine_.shutDown();
  stalls_.finish();
  loops_.finish();
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
  call.invite(offerOf(options_, agent_.local(), session.rtpPort()),
              endpointHeader(options_, run_, index));
  if (index == 0)
    tell("INVITE sent to %s, offering %s on RTP port %u", options_.targetUri.c_str(),
         std::string(options_.codec->rtpmap).c_str(), static_cast<unsigned>(session.rtpPort()));
}

void LoadRun::onChange(SipCall& call) {
  if (call.index() >= options_.calls) {
    churn_.onChange(call);
    return;
  }
  MediaSession& session = *sessions_[call.index()];
  const bool first = call.index() == 0;
  switch (call.state()) {
    case SipCall::State::Inviting:
      if (first && !told_trying_) tell("100 Trying after %.1f ms", call.tryingMs());
      told_trying_ = told_trying_ || first;
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
  if (phase_ == Phase::Steady || phase_ == Phase::Ending) fault_ = churn_.advance(present);
  auto calls = standing();
  if (interrupted_ && phase_ != Phase::Ending) {
    churn_.end();
    for (const auto& call : agent_.calls()) {
      call->cancel();
      call->giveUpBy(present + 3 * kSecond);
    }
    steady_to_ = next_bye_ = present;
    phase_ = Phase::Ending;
  }
  switch (phase_) {
    case Phase::Starting:
      if (options_.oneByOne) {
        oneByOne(present);
        break;
      }
      while (calls.size() < options_.calls && next_call_ <= present && fault_.empty()) {
        startCall();
        calls = standing();
        next_call_ += static_cast<Nanoseconds>(1e9 / options_.rate);
      }
      if (options_.cancelAfterMs >= 0)
        for (const auto& call : calls)
          if (toMs(present - call->invitedAt()) >= options_.cancelAfterMs) call->cancel();
      if (calls.size() == options_.calls && std::ranges::none_of(calls, [](const auto& call) {
            return call->state() == SipCall::State::Inviting;
          })) {
        phase_ = Phase::Settling;
        steady_from_ = present + (options_.calls > 1 ? kSecond : 200 * kMillisecond);
      }
      break;
    case Phase::Settling:
      if (present < steady_from_) break;
      steady_start_ = sampleProcess(options_.pid);
      own_cpu_seconds_ = -toMs(readClock(CLOCK_PROCESS_CPUTIME_ID)) / 1000;
      steady_to_ = steady_from_ + static_cast<Nanoseconds>(hold_seconds_ * 1e9);
      if (options_.churn > 0) churn_.begin(present);
      phase_ = Phase::Steady;
      break;
    case Phase::Steady:
      if (present < steady_to_ && std::ranges::any_of(calls, [](const auto& call) {
            return call->state() == SipCall::State::Established;
          }))
        break;
      steady_end_ = sampleProcess(options_.pid);
      own_cpu_seconds_ += toMs(readClock(CLOCK_PROCESS_CPUTIME_ID)) / 1000;
      steady_to_ = std::min(present, steady_to_);
      next_bye_ = present;
      churn_.end();
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
  const auto calls = standing();
  steady_from_ = begun_;
  steady_to_ = present;
  if (calls.empty() || calls.back()->state() == SipCall::State::Ended) {
    if (calls.size() == options_.calls) {
      phase_ = Phase::Done;
      return;
    }
    call_ends_ = 0;
    startCall();
    return;
  }
  SipCall& call = *calls.back();
  if (call.state() != SipCall::State::Established) return;
  if (call_ends_ == 0) call_ends_ = present + static_cast<Nanoseconds>(hold_seconds_ * 1e9);
  if (present < call_ends_) return;
  engine_.stop(*sessions_[call.index()]);
  call.bye();
}

void LoadRun::endCalls(Nanoseconds present) {
  const auto calls = standing();
  while (quiet_.size() < calls.size() && next_bye_ <= present) {
    SipCall& call = *calls[quiet_.size()];
    if (call.state() == SipCall::State::Inviting) break;
    quiet_.push_back(present);
    if (call.state() != SipCall::State::Established) continue;
    engine_.quieten(*sessions_[call.index()]);
    next_bye_ += static_cast<Nanoseconds>(1e9 / std::max(options_.rate, 50.0));
  }
  for (; byes_ < quiet_.size() && quiet_[byes_] + kLinger <= present; ++byes_) {
    SipCall& call = *calls[byes_];
    if (call.state() != SipCall::State::Established) continue;
    engine_.stop(*sessions_[call.index()]);
    call.bye();
    if (call.index() == 0) tell("BYE sent");
  }
  if (churn_.over() && std::ranges::all_of(calls, [](const auto& call) {
        return call->state() == SipCall::State::Ended;
      }))
    phase_ = Phase::Done;
}

void LoadRun::watchMemory() {
  if (!options_.burst || options_.pid == 0 || now() < next_memory_) return;
  next_memory_ = now() + 20 * kMillisecond;
  peak_bytes_ = std::max(peak_bytes_, residentBytesOf(options_.pid));
}

void LoadRun::watchSize(Nanoseconds present) {
  if (phase_ != Phase::Steady || options_.pid == 0 || present < next_size_) return;
  next_size_ = present + std::max<Nanoseconds>(
                             kSecond, static_cast<Nanoseconds>(hold_seconds_ * 1e9 / kSizeSamples));
  sizes_.push_back(sampleSize(options_.pid));
}

void LoadRun::tellProgress() {
  if (!options_.steps || told_first_packet_ || sessions_.empty()) return;
  if (sessions_[0]->firstArrival() == 0) return;
  told_first_packet_ = true;
  tell("first RTP packet back; audio flows both ways for %.1f s", hold_seconds_);
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

void LoadRun::compareTimelines(LoadReport& report) {
  // The endpoint writes a line when the connection has ended, a moment after the BYE was answered.
  std::map<unsigned, double> received;
  const Nanoseconds deadline = now() + 3 * kSecond;
  for (;;) {
    received = readEndpointReport(options_.endpointReport, run_);
    if (received.size() >= report.established || now() >= deadline) break;
    agent_.poll(now() + 50 * kMillisecond);
  }
  TimelineResult& result = report.timeline.emplace();
  for (const auto& call : standing()) {
    if (!call->everEstablished()) continue;
    const auto found = received.find(call->index());
    if (found == received.end()) {
      ++result.missing;
      continue;
    }
    const double sent = sessions_[call->index()]->results(0, 0).sentSpanMs;
    result.add(found->second - sent, options_.ptime);
  }
}

void LoadRun::collect(LoadReport& report) {
  std::vector<double> setups;
  report.calls = options_.calls;
  for (const auto& call : standing()) {
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
  const Backlog& machine = stalls_.backlog();
  Stalls held = machine.stalls();
  held.insert(held.end(), loops_.waits().begin(), loops_.waits().end());
  const Backlog others(merged(std::move(held)), machine.busy());
  for (const auto& session : sessions_) {
    const MediaResults results = session->results(steady_from_, steady_to_, machine, others);
    add(report.media, results);
    if (results.reportedLost >= 0)
      report.reportedLost = std::max<int64_t>(0, report.reportedLost) + results.reportedLost;
  }
  report.setupMs = summarise(std::move(setups));
  const auto& trips = report.media.roundTrips;
  const Nanoseconds window = std::min(60 * kSecond, (steady_to_ - steady_from_) / 3);
  report.roundTripMs = summariseTrips(trips, steady_from_, steady_to_);
  report.roundTripFirstMs = summariseTrips(trips, steady_from_, steady_from_ + window);
  report.roundTripLastMs = summariseTrips(trips, steady_to_ - window, steady_to_);
  report.lateSendMs = engine_.lateness().summary();
  report.lateSends = engine_.lateness().above(5);
  report.ownCpuSeconds = own_cpu_seconds_;
  report.watched = stalls_.watched();
  report.loopsWatched = loops_.loops();
  report.loopsWaited = static_cast<unsigned>(loops_.waits().size());
  report.loopsWaitedSeconds = toMs(loops_.waited()) / 1000;
  report.machineBusy = stalls_.backlog().busy();
  for (const Stall& stall : stalls_.backlog().stalls()) {
    if (stall.to < steady_from_ || stall.from > steady_to_) continue;
    ++report.stalls;
    report.worstStallMs = std::max(report.worstStallMs, toMs(stall.to - stall.from));
  }
  report.episodes =
      episodesOf(report.media.stream.lateOnes, stalls_.backlog().stalls(), steady_from_);
  report.sizes = sizes_;
  if (options_.churn > 0) report.churn = churn_.result();
  if (!options_.endpointReport.empty()) compareTimelines(report);
  report.steadySeconds = toMs(std::max<Nanoseconds>(0, steady_to_ - steady_from_)) / 1000;
  report.before = before_;
  report.steadyStart = steady_start_;
  report.steadyEnd = steady_end_;
  if (media_.source == MediaSource::Speech) compareSpeech(report);
  if (options_.burst && !sessions_.empty()) {
    BurstResult burst;
    burst.frames = options_.burstSeconds() * 50;
    burst.heard = checkNumbered(sessions_[0]->recording(), options_.codec->rate, burst.frames);
    burst.audioBytes = burstBytes(options_);
    burst.baselineBytes = before_.valid ? before_.residentBytes : -1;
    burst.peakBytes = peak_bytes_;
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
