// SPDX-License-Identifier: LGPL-2.1-or-later
// The set-up of a call, in and out: from the INVITE, or from what is to be dialled, to the checked
// terms that a pipeline is made of: policy, negotiation, ports, look-up. SIP thread only. Owned by
// its Call, which gives it up when the call is active, and never within one of its callbacks. What
// it finds out stands in the call's terms at once; a step that fails says why, and the call ends.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/CallEnd.hpp"
#include "base/Result.hpp"
#include "call/RefusedCalls.hpp"
#include "log/Throttle.hpp"
#include "media/LoopTable.hpp"
#include "media/MediaTarget.hpp"
#include "media/PipelineTemplate.hpp"
#include "media/PipelineWorkers.hpp"
#include "media/RtpPorts.hpp"
#include "routing/EndpointLookup.hpp"
#include "routing/Routing.hpp"
#include "routing/TwilioSids.hpp"
#include "sip/dialog/UserAgent.hpp"
#include "sip/sdp/SdpNegotiator.hpp"

namespace launcher {

class Call;

/// What a call needs of the house; all of it outlives every call.
struct CallServices {
  SipThread& sip;
  PipelineWorkers& workers;
  RtpPorts& ports;
  NameResolver& resolver;
  const PipelineTemplate& launch;
  LoopTable* loops;                             ///< set by the CallManager, as all below
  std::function<void(const Refusal&)> refused;  ///< for lack of something
  std::function<void(Call&)> over;              ///< the call's last words are logged
  log::Throttle withheld = {};                  ///< for records of credentials that were held back
  RefusedCalls refusedCalls = {};               ///< which of them have records of their own
};

/// What a call lives by.
struct CallTerms {
  BridgeRequest bridge;
  TwilioSids twilio;
  LocalMedia local;
  std::string sdp;      ///< our last description
  Agreement agreement;  ///< without a codec until the answer to our offer has come
  std::optional<RtpSockets> sockets;
  std::string bound;  ///< the address that they are to be, or are, bound to

  /// Nothing is to be sent, or it can be: to an address, of our family.
  [[nodiscard]] bool canSend(const Agreement& agreed) const {
    return !agreed.sends() || canReach(bound, agreed.remoteAddress);
  }
};

class CallSetup {
 public:
  using Outcome = Result<void, Refusal>;
  /// The endpoints of the terms that are known and allowed.
  struct Found {
    std::string addresses;  ///< as `resolved-addresses` of the elements
    unsigned lookupMs = 0;  ///< taken from websocket.connect-timeout
  };
  using Done = std::function<void(Result<Found, Refusal>)>;

  /// `id` is for the log; `source`: whoever the look-ups count for.
  CallSetup(CallServices& services, ConfigPtr config, CallTerms& terms, std::string id,
            std::string source = {});
  virtual ~CallSetup() = default;
  CallSetup(const CallSetup&) = delete;
  CallSetup& operator=(const CallSetup&) = delete;

  /// To our offer.
  Outcome takeAnswer(const std::string& sdp);
  /// Finds the endpoints' addresses; `done` may come at once.
  void lookUp(Done done);
  [[nodiscard]] bool lookedUp() const { return lookup_ != nullptr; }
  void cancel();

 protected:
  void setBridge(BridgeRequest bridge);
  [[nodiscard]] Outcome checkPolicy() const;
  /// `localAddress`: where the SIP comes to.
  void chooseAddress(const std::string& localAddress);
  Outcome agree(Result<Agreement, SdpFault> agreed);
  Outcome takePorts(const std::string& localAddress);

  CallServices& services_;
  const ConfigPtr config_;
  CallTerms& terms_;
  const std::string id_;

 private:
  void found(const EndpointLookup::Result& result);

  const std::string source_;
  std::shared_ptr<EndpointLookup> lookup_;
  std::int64_t started_at_ = 0;  ///< monotonic, µs
  Done done_;
};

/// An INVITE. Our description is the answer to its offer; when it has none, it is an offer.
class IncomingSetup final : public CallSetup {
 public:
  using CallSetup::CallSetup;
  /// In the order in which a caller shall hear of faults.
  Outcome prepare(const IncomingCall& incoming);

 private:
  void logWithheld() const;
};

/// We dial: our description is an offer.
class OutgoingSetup final : public CallSetup {
 public:
  using CallSetup::CallSetup;
  Outcome prepare(BridgeRequest bridge, const std::string& localAddress);
};

}  // namespace launcher
