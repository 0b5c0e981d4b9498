// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The gateway's user agent without calls behind it: INVITEs are routed, offers answered, requests
// in a dialog reacted to as Call does. Any thread but the SIP thread. Lives as long as the process:
// dialogs whose other side says nothing take half a minute to end.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "config/Config.hpp"
#include "sip/dialog/UserAgent.hpp"
#include "sip/door/SipDoor.hpp"
#include "sip/sdp/SdpNegotiator.hpp"
#include "sip/stack/SipThread.hpp"

namespace fuzz {

class SipAgent {
 public:
  SipAgent();
  SipAgent(const SipAgent&) = delete;
  SipAgent& operator=(const SipAgent&) = delete;

  [[nodiscard]] uint16_t port() const { return port_; }
  /// What has come so far has gone its whole way through the stack, and its answers are sent.
  void settle();
  /// All that stand get a BYE.
  void endCalls();

 private:
  class Caller;

  void onSip(const std::function<void()>& task);
  void incoming(launcher::IncomingCall call);

  launcher::ConfigPtr config_;
  launcher::SipThread thread_;
  std::unique_ptr<launcher::SipDoor> door_;
  std::unique_ptr<launcher::UserAgent> agent_;
  std::vector<std::unique_ptr<Caller>> callers_;  ///< SIP thread
  uint16_t port_ = 0;
};

}  // namespace fuzz
