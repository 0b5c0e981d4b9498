// SPDX-License-Identifier: LGPL-2.1-or-later
#include "SipAgent.hpp"

#include <future>
#include <utility>

#include "FuzzCheck.hpp"
#include "FuzzInput.hpp"
#include "base/CallEnd.hpp"
#include "common/Utf8.hpp"
#include "common/json/Json.hpp"
#include "config/ConfigLoader.hpp"
#include "log/Log.hpp"
#include "routing/Routing.hpp"
#include "sip/dialog/DtmfRelay.hpp"
#include "sip/stack/MessageBody.hpp"
#include "sip/stack/SofiaLog.hpp"

namespace fuzz {

using namespace launcher;

namespace {

/// No limit is in the way.
constexpr const char* kConfig =
    "[sip]\nallow=127.0.0.0/8\nheaders=all\n"
    "[limits]\npeer-requests=0\nstranger-requests=0\nall-requests=0\npeer-setups=0\n"
    "connections=0\npeer-connections=0\nstranger-connections=0\n"
    "[websocket]\nuri=ws://default.example/\n";

LocalMedia local() {
  LocalMedia media;
  media.address = "127.0.0.1";
  media.port = 20000;
  for (const char* name : {"L16/16000", "PCMU", "PCMA"})
    media.codecs.push_back(findCodec(name));
  media.sessionId = 7;
  media.version = 1;
  return media;
}

ResponseHeaders headersFor(EndReason reason, const std::string& text) {
  const CallEnd& row = callEnd(reason);
  ResponseHeaders headers;
  headers.reason = reasonHeader(row.status, row.text);
  headers.warning = warningHeader(399, text);
  return headers;
}

}  // namespace

class SipAgent::Caller final : public LegHandler {
 public:
  explicit Caller(std::unique_ptr<Leg> leg) : leg_(std::move(leg)) { leg_->setHandler(this); }

  void start(const std::string& sdp) {
    if (sdp.empty()) return leg_->answer(makeOffer(local()));
    if (const auto agreed = agreeToOffer(sdp, local())) {
      agreement_ = *agreed;
      leg_->answer(describeAgreement(agreement_, local()));
    } else {
      leg_->refuse(488, "Not Acceptable Here", headersFor(EndReason::NoCommonCodec, "SDP"));
    }
  }
  std::unique_ptr<Leg> end() {
    if (!leg_->terminated()) leg_->bye(reasonHeader(200, "fuzz"));
    return std::move(leg_);
  }

  void onCancelled() override {}
  void onBye() override {}
  void onAcknowledged(const std::string& sdp) override { (void)agreeToAnswer(sdp, local()); }
  void onAckTimeout() override {}
  void onReoffer(const std::string& sdp, bool update) override {
    if (sdp.empty()) {
      leg_->acceptOffer(update || !agreement_.codec ? "" : describeAgreement(agreement_, local()),
                        update);
      return;
    }
    const Agreement* current = agreement_.codec ? &agreement_ : nullptr;
    if (const auto agreed = agreeToOffer(sdp, local(), current)) {
      leg_->acceptOffer(describeAgreement(*agreed, local()), update);
    } else {
      leg_->refuseOffer(488, "Not Acceptable Here", headersFor(EndReason::NoCommonCodec, "SDP"));
    }
  }
  void onInfo(const std::string& type, const std::string& body) override {
    (void)parseDtmfBody(type, body);
  }
  void onMessage(const std::string& type, const std::string& body) override {
    require(isPlainMediaType(type), "a text has a plain type");
    require(wsbridge::common::isUtf8(body) && body.size() <= kMaxMessageBytes, "a text is one");
  }
  void onRequestAnswered(int, const std::string&) override {}
  void onProgress(int) override {}
  void onAnswered(const std::string&) override {}
  void onRejected(int, const std::string&) override {}
  void onUnreached(const std::string&) override {}
  void onTransferProgress(int seconds) override { require(seconds >= 0, "time goes forward"); }
  void onTransferred(int, const std::string&) override {}
  void onSessionExpired() override {}
  void onRefreshAnswered(const std::string&) override {}
  void onSipFault(const std::string&) override {}
  void onTerminated() override {}

 private:
  std::unique_ptr<Leg> leg_;
  Agreement agreement_;
};

SipAgent::SipAgent() {
  const ConfigResult read = parseConfig(kConfig, "fuzz", {});
  require(read.config != nullptr, "the configuration is one");
  config_ = read.config;
  log::setLevel(log::Level::Error);
  require(thread_.start(), "there is a SIP thread");
  onSip([this] {
    redirectSofiaLog();
    door_ = std::make_unique<SipDoor>(thread_, config_, 0);
    UserAgent::Callbacks callbacks{[this](IncomingCall call) { incoming(std::move(call)); },
                                   [] { return std::optional<EndReason>(); }};
    agent_ = std::make_unique<UserAgent>(thread_, *door_, ListenGroup{"127.0.0.1", 0, true, true},
                                         "", std::move(callbacks));
    require(agent_->open(), "there is a SIP port");
    port_ = agent_->group().port;
  });
}

void SipAgent::settle() {
  // From the stack to the application and back a request is handed over from turn to turn.
  constexpr int kTurns = 5;
  for (int i = 0; i < kTurns; ++i)
    onSip([] {});
}

void SipAgent::onSip(const std::function<void()>& task) {
  std::promise<void> done;
  thread_.post([&] {
    task();
    done.set_value();
  });
  done.get_future().wait();
}

void SipAgent::incoming(IncomingCall call) {
  require(call.leg && !call.leg->callId().empty(), "a call has a name");
  require((call.from + call.to).find_first_of("\r\n") == std::string::npos,
          "who calls is one line");
  const auto routed = routeCall(*config_, call.headers);
  if (!routed) {
    const Refusal& fault = routed.error();
    const CallEnd& row = callEnd(fault.reason);
    call.leg->refuse(row.status, row.phrase,
                     headersFor(fault.reason, fault.header + ": " + fault.detail));
    return agent_->linger(std::move(call.leg));
  }
  callers_.push_back(std::make_unique<Caller>(std::move(call.leg)));
  callers_.back()->start(call.foreignBody ? "" : call.sdp);
}

void SipAgent::endCalls() {
  onSip([this] {
    for (const auto& caller : callers_)
      agent_->linger(caller->end());
    callers_.clear();
  });
}

}  // namespace fuzz
