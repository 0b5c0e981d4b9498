// SPDX-License-Identifier: LGPL-2.1-or-later
#include "call/CallManager.hpp"

#include <algorithm>
#include <vector>

#include "log/Log.hpp"

namespace launcher {

namespace {

constexpr std::chrono::milliseconds kTick{250};

const char* stateName(LoopTable::State state) {
  switch (state) {
    case LoopTable::State::Late:
      return "late";
    case LoopTable::State::Busy:
      return "busy";
    case LoopTable::State::Fine:
      break;
  }
  return "fine";
}

}  // namespace

CallManager::CallManager(CallServices services, ConfigPtr config, const Admission::House& house)
    : services_(std::move(services)),
      config_(std::move(config)),
      admission_(house),
      ticker_(services_.sip),
      drain_timer_(services_.sip) {
  services_.loops = &admission_.loops();
  services_.refused = [this](const Refusal& refusal) { refused(refusal); };
  services_.over = [this](Call& call) { over(call); };
  ticker_.start(kTick, [this] { tick(); });
}

CallManager::~CallManager() {
  reportLeftOut(services_.refusedCalls.rest());
}

std::shared_ptr<Call> CallManager::add() {
  services_.sip.assertOn();
  const std::uint64_t number = next_number_++;
  auto call = std::make_shared<Call>(services_, config_, number);
  calls_.emplace(number, call);
  return call;
}

std::optional<Refusal> CallManager::check() const {
  if (draining_) return Refusal{EndReason::Draining, {}};
  return admission_.check(calls_.size(), config_->limits);
}

void CallManager::incoming(IncomingCall incoming, UserAgent& agent) {
  const std::optional<Refusal> refusal = check();
  if (refusal && !draining_) refused(*refusal);
  add()->begin(std::move(incoming), agent, refusal);
}

std::optional<EndReason> CallManager::full() const {
  if (const auto refusal = check()) return refusal->reason;
  const PortFault ports = services_.ports.lacking();
  if (ports == PortFault::None) return std::nullopt;
  return ports == PortFault::NoSocket ? EndReason::TooFewDescriptors : EndReason::NoRtpPorts;
}

void CallManager::refused(const Refusal& refusal) {
  const std::size_t count = admission_.refused(refusal.reason, g_get_monotonic_time());
  if (count > 0) reportRefused(refusal.reason, count, refusal.detail);
}

void CallManager::reportRefused(EndReason reason, std::size_t count, const std::string& text) {
  log::warning("call-refused", {{"limit", callEnd(reason).label},
                                {"key", admissionKey(reason)},
                                {"refused", count},
                                {"text", text}});
}

void CallManager::reportLeftOut(const std::optional<RefusedCalls::Sum>& sum) {
  if (!sum) return;
  log::info("calls-left-out",
            {{"calls", sum->calls},
             {"reasons", sum->reasons},
             {"text", "refused or given up before anything was done; records at debug"}});
}

void CallManager::sample(const HouseSample& sample) {
  for (const auto& change : admission_.sample(sample, calls_.size(), config_->limits)) {
    const bool fine = change.state == LoopTable::State::Fine;
    log::write(fine ? log::Level::Info : log::Level::Warning, "loop-load",
               {{"loop", LoopTable::name(change.loop)},
                {"state", stateName(change.state)},
                {"delay-ms", static_cast<double>(change.load.delayNs) / 1e6},
                {"busy-percent", change.load.busy * 100},
                {"calls", admission_.loops().calls(change.loop)}});
  }
}

bool CallManager::dial(UserAgent& agent, const std::string& uri, BridgeRequest bridge,
                       const std::string& localAddress) {
  auto leg = agent.newLeg(uri);
  if (!leg) return false;
  add()->dial(std::move(leg), agent, uri, std::move(bridge), localAddress);
  return true;
}

void CallManager::over(Call& call) {
  const auto found = calls_.find(call.number());
  if (found == calls_.end()) return;
  const std::shared_ptr<Call> keep = found->second;
  calls_.erase(found);
  if (onOver) onOver(*keep);
  // The BYE may still be on its way; the agent waits for its answer.
  keep->agent().linger(keep->takeLeg());
  services_.sip.post([keep] {});
  checkDrained();
}

void CallManager::tick() {
  const std::int64_t now = g_get_monotonic_time();
  std::vector<std::shared_ptr<Call>> all;
  all.reserve(calls_.size());
  for (const auto& [number, call] : calls_)
    all.push_back(call);
  for (const auto& call : all)
    call->tick(now);
  for (const auto& [reason, count] : admission_.due(now))
    reportRefused(reason, count, "further calls");
  reportLeftOut(services_.refusedCalls.due(now));
  ticker_.start(kTick, [this] { tick(); });
}

std::optional<CallSnapshot> CallManager::twilioCall(const TwilioSids& sids, EndWhich end) {
  const auto found = std::find_if(calls_.begin(), calls_.end(), [&](const auto& entry) {
    return entry.second->twilioSids() == sids;
  });
  if (found == calls_.end()) return std::nullopt;
  const std::shared_ptr<Call> call = found->second;
  if (end == EndWhich::Any || (end == EndWhich::Unanswered && !call->answered())) {
    call->finish(EndReason::EndpointHangup, "REST");
  }
  return call->snapshot();
}

void CallManager::endAll() {
  std::vector<std::shared_ptr<Call>> all;
  for (const auto& [number, call] : calls_)
    all.push_back(call);
  for (const auto& call : all) {
    forced_ = true;
    call->finish(EndReason::Shutdown);
  }
}

void CallManager::drain(std::function<void(bool)> done) {
  if (draining_) return endAll();
  draining_ = true;
  drained_ = std::move(done);
  const int seconds = config_->limits.drainTime;
  log::info("draining", {{"calls", calls_.size()}, {"seconds", seconds}});
  if (calls_.empty()) return checkDrained();
  if (seconds == 0) return endAll();
  drain_timer_.start(std::chrono::seconds(seconds), [this] { endAll(); });
}

void CallManager::checkDrained() {
  if (!draining_ || !calls_.empty() || !drained_) return;
  services_.sip.post([done = std::move(drained_), forced = forced_] { done(forced); });
  drained_ = nullptr;
}

}  // namespace launcher
