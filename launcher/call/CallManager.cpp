// SPDX-License-Identifier: LGPL-2.1-or-later
#include "call/CallManager.hpp"

#include <vector>

#include "log/Log.hpp"

namespace launcher {

namespace {
constexpr std::uint32_t kTickMs = 250;
}

CallManager::CallManager(CallServices services, ConfigPtr config)
    : services_(std::move(services)),
      config_(std::move(config)),
      ticker_(services_.sip),
      drainTimer_(services_.sip) {
  services_.over = [this](Call& call) { over(call); };
  ticker_.start(kTickMs, [this] { tick(); });
}

CallManager::~CallManager() = default;

std::shared_ptr<Call> CallManager::add() {
  const std::uint64_t number = nextNumber_++;
  auto call = std::make_shared<Call>(services_, config_, number);
  calls_.emplace(number, call);
  return call;
}

void CallManager::incoming(IncomingCall incoming, UserAgent& agent) {
  std::optional<EndReason> refusal;
  const int limit = config_->limits.maxCalls;
  if (draining_) {
    refusal = EndReason::Draining;
  } else if (limit > 0 && calls_.size() >= static_cast<std::size_t>(limit)) {
    refusal = EndReason::TooManyCalls;
  }
  add()->begin(std::move(incoming), agent, refusal);
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
  ticker_.start(kTickMs, [this] { tick(); });
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
  drainTimer_.start(static_cast<std::uint32_t>(seconds) * 1000, [this] { endAll(); });
}

void CallManager::checkDrained() {
  if (!draining_ || !calls_.empty() || !drained_) return;
  services_.sip.post([done = std::move(drained_), forced = forced_] { done(forced); });
  drained_ = nullptr;
}

}  // namespace launcher
