// SPDX-License-Identifier: LGPL-2.1-or-later
// The table of all calls: admission, limits, draining. Owns the calls. SIP thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "admission/Admission.hpp"
#include "call/Call.hpp"

namespace launcher {

class CallManager {
 public:
  /// What is marked so in `services` is set here.
  CallManager(CallServices services, ConfigPtr config, const Admission::House& house);
  ~CallManager();
  CallManager(const CallManager&) = delete;
  CallManager& operator=(const CallManager&) = delete;

  void incoming(IncomingCall call, UserAgent& agent);
  /// False when the URI is none.
  [[nodiscard]] bool dial(UserAgent& agent, const std::string& uri, BridgeRequest bridge,
                          const std::string& localAddress);
  /// New calls get it; running ones keep theirs.
  void setConfig(ConfigPtr config) { config_ = std::move(config); }
  /// To come every LoopTable::kSampleMs.
  void sample(const HouseSample& sample);
  [[nodiscard]] Capacity capacity() const { return admission_.capacity(config_->limits); }
  /// Descriptors that this many calls take, as far as is known.
  [[nodiscard]] std::size_t descriptors() const {
    return admission_.descriptorsWith(calls_.size());
  }

  /// No new calls; the others may end within limits.drain-time. A second one ends them at once.
  /// `done` is called once, with whether calls had to be ended.
  void drain(std::function<void(bool forced)> done);
  /// Why an INVITE that came now would be refused, whatever it says; nothing when it would not.
  [[nodiscard]] std::optional<EndReason> full() const;
  std::size_t size() const { return calls_.size(); }

  enum class EndWhich { None, Unanswered, Any };
  /// The call that its endpoint knows by these names, as it is after being ended when it is one of
  /// those; nothing when there is none.
  [[nodiscard]] std::optional<CallSnapshot> twilioCall(const TwilioSids& sids, EndWhich end);

  /// Told of each call that is over.
  std::function<void(const Call&)> onOver;

 private:
  void over(Call& call);
  void endAll();
  void checkDrained();
  void tick();
  [[nodiscard]] std::shared_ptr<Call> add();
  void refused(const Refusal& refusal);
  [[nodiscard]] std::optional<Refusal> check() const;
  static void reportLeftOut(const std::optional<RefusedCalls::Sum>& sum);
  static void reportRefused(EndReason reason, std::size_t count, const std::string& text);

  CallServices services_;
  ConfigPtr config_;
  Admission admission_;
  std::map<std::uint64_t, std::shared_ptr<Call>> calls_;
  std::uint64_t next_number_ = 1;
  bool draining_ = false;
  bool forced_ = false;
  std::function<void(bool)> drained_;
  SipTimer ticker_;
  SipTimer drain_timer_;
};

}  // namespace launcher
