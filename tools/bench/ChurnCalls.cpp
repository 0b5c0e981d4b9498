// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ChurnCalls.hpp"

#include <utility>

#include "CallOffer.hpp"
#include "wire/Sdp.hpp"
#include "wire/Text.hpp"

namespace bench {

using namespace wire;

unsigned ChurnResult::failed() const {
  unsigned sum = endedByPeer;
  for (const auto& [why, count] : failures)
    sum += count;
  return sum;
}

ChurnCalls::ChurnCalls(const LoadOptions& options, const MediaSettings& media, SipAgent& agent,
                       MediaEngine& engine)
    : options_(options), media_(media), agent_(agent), engine_(engine) {}

void ChurnCalls::start() {
  SipCall& call = agent_.addCall();
  ++result_.started;
  Live live{&call, std::make_unique<MediaSession>(media_, call.index())};
  fault_ = live.session->open(agent_.local().sin_addr);
  if (!fault_.empty()) return;
  const std::string offer = offerOf(options_, agent_.local(), live.session->rtpPort());
  live_.emplace(call.index(), std::move(live));
  call.invite(offer, endpointHeader(options_, "churn", call.index()));
}

std::string ChurnCalls::advance(Nanoseconds present) {
  while (!ending_ && next_ != 0 && next_ <= present && fault_.empty()) {
    start();
    next_ += static_cast<Nanoseconds>(1e9 / options_.churn);
  }
  const auto hold = static_cast<Nanoseconds>(options_.holdSeconds * 1e9);
  for (auto& [index, live] : live_)
    if (live.call->state() == SipCall::State::Established &&
        (ending_ || present - live.answered >= hold))
      live.call->bye();
  take(engine_.takeRetired());
  return fault_;
}

void ChurnCalls::end() {
  ending_ = true;
}

void ChurnCalls::onChange(SipCall& call) {
  const auto found = live_.find(call.index());
  if (found == live_.end()) return;
  Live& live = found->second;
  if (call.state() == SipCall::State::Established) {
    live.answered = now();
    const SdpAnswer answer =
        parseAnswer(call.answer(), options_.codec->rtpmap, options_.codec->payloadType);
    if (!answer.usable) {
      ++result_.failures["no usable SDP answer"];
      call.bye();
      return;
    }
    const Nanoseconds ptime = options_.ptime * kMillisecond;
    engine_.start(*live.session, {answer.rtp, answer.payloadType, answer.eventPayloadType},
                  static_cast<Nanoseconds>(call.index() * 7919u) % ptime, ptime);
  } else if (call.state() == SipCall::State::Ended) {
    if (call.everEstablished()) {
      ++result_.established;
      setups_.push_back(call.setupMs());
      result_.callSeconds += toMs(now() - live.answered) / 1000;
      if (call.endedByPeer()) ++result_.endedByPeer;
    }
    if (call.finalStatus() != 200)
      ++result_.failures[format("%d ", call.finalStatus()) + call.finalReason()];
    engine_.retire(std::move(live.session));
    live_.erase(found);
  }
}

void ChurnCalls::take(const std::vector<std::unique_ptr<MediaSession>>& retired) {
  for (const auto& session : retired) {
    const MediaResults results = session->results(0, now());
    result_.received += results.stream.received;
    result_.lost += results.stream.lost;
  }
}

ChurnResult ChurnCalls::result() {
  take(engine_.takeRetired());
  result_.setupMs = summarise(setups_);
  return result_;
}

}  // namespace bench
