// SPDX-License-Identifier: LGPL-2.1-or-later
// The table of all calls: admission, limits, draining. Owns the calls. SIP thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "call/Call.hpp"

namespace launcher {

class CallManager {
 public:
  /// `services.over` is set here.
  CallManager(CallServices services, ConfigPtr config);
  ~CallManager();
  CallManager(const CallManager&) = delete;
  CallManager& operator=(const CallManager&) = delete;

  void incoming(IncomingCall call, UserAgent& agent);
  /// False when the URI is none.
  bool dial(UserAgent& agent, const std::string& uri, BridgeRequest bridge,
            const std::string& localAddress);
  /// New calls get it; running ones keep theirs.
  void setConfig(ConfigPtr config) { config_ = std::move(config); }

  /// No new calls; the others may end within limits.drain-time. A second one ends them at once.
  /// `done` is called once, with whether calls had to be ended.
  void drain(std::function<void(bool forced)> done);
  bool available() const { return !draining_; }
  std::size_t size() const { return calls_.size(); }

  /// Told of each call that is over.
  std::function<void(const Call&)> onOver;

 private:
  void over(Call& call);
  void endAll();
  void checkDrained();
  void tick();
  std::shared_ptr<Call> add();

  CallServices services_;
  ConfigPtr config_;
  std::map<std::uint64_t, std::shared_ptr<Call>> calls_;
  std::uint64_t nextNumber_ = 1;
  bool draining_ = false;
  bool forced_ = false;
  std::function<void(bool)> drained_;
  SipTimer ticker_;
  SipTimer drainTimer_;
};

}  // namespace launcher
