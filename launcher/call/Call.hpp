// SPDX-License-Identifier: LGPL-2.1-or-later
// One call, from INVITE to the record in the log: the state machine between a SIP dialog, a
// pipeline and an endpoint. SIP thread only. Owned by the CallManager; what happens elsewhere comes
// by post() with a weak pointer, so that late events of a dead call hit nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/CallEnd.hpp"
#include "call/CallSetup.hpp"
#include "call/CallSnapshot.hpp"
#include "call/CallState.hpp"
#include "call/DialogRequests.hpp"
#include "call/MediaWatch.hpp"
#include "call/Transfer.hpp"
#include "config/Config.hpp"
#include "log/LogAllowance.hpp"
#include "media/CallPipeline.hpp"
#include "media/MediaTarget.hpp"
#include "media/PipelineInbox.hpp"
#include "sip/dialog/Leg.hpp"
#include "sip/dialog/UserAgent.hpp"
#include "sip/sdp/SdpNegotiator.hpp"
#include "sip/stack/SipThread.hpp"

namespace launcher {

class Call final : public LegHandler, public std::enable_shared_from_this<Call> {
 public:
  Call(CallServices& services, ConfigPtr config, std::uint64_t number);
  ~Call() override;

  /// An INVITE; `refusal` when the manager has a reason not to take it.
  void begin(IncomingCall incoming, UserAgent& agent, const std::optional<Refusal>& refusal);
  /// The other way round: dial, and bridge when it is answered.
  void dial(std::unique_ptr<Leg> leg, UserAgent& agent, const std::string& uri,
            BridgeRequest bridge, const std::string& localAddress);
  /// Ends it, whatever it is doing.
  void finish(EndReason reason, const std::string& detail = {}, const std::string& header = {});
  void finish(const Refusal& why) { finish(why.reason, why.detail, why.header); }
  /// Four times a second: limits, and keys whose end was lost.
  void tick(std::int64_t nowUs);

  [[nodiscard]] std::uint64_t number() const { return number_; }
  EndReason reason() const { return reason_.value_or(EndReason::Shutdown); }
  [[nodiscard]] bool wasBridged() const { return answered_at_ != 0; }
  std::unique_ptr<Leg> takeLeg() { return std::move(leg_); }
  [[nodiscard]] UserAgent& agent() { return *agent_; }
  CallSnapshot snapshot() const;
  /// What the endpoint knows the call by; empty unless its dialect is twilio.
  [[nodiscard]] const TwilioSids& twilioSids() const { return terms_.twilio; }
  bool answered() const { return leg_ && leg_->answered(); }

  void onCancelled() override;
  void onBye() override;
  void onAcknowledged(const std::string& sdp) override;
  void onAckTimeout() override;
  void onReoffer(const std::string& sdp, bool update) override;
  void onInfo(const std::string& type, const std::string& body) override;
  void onMessage(const std::string& type, const std::string& body) override;
  void onRequestAnswered(int status, const std::string& phrase) override;
  void onProgress(int status) override;
  void onAnswered(const std::string& sdp) override;
  void onRejected(int status, const std::string& phrase) override;
  void onUnreached(const std::string& why) override;
  void onTransferProgress(int seconds) override;
  void onTransferred(int status, const std::string& phrase) override;
  void onSessionExpired() override;
  void onRefreshAnswered(const std::string& sdp) override;
  void onSipFault(const std::string& what) override;
  void onTerminated() override;

 private:
  using State = CallState;
  enum class WebSocket { Unopened, Open, Gone };

  /// Goes on by the table; false, and nothing happens, when the state does not take the step.
  bool move(CallStep step);
  bool bridged() const { return state_ == State::Active || state_ == State::Draining; }
  [[nodiscard]] bool outgoing() const { return leg_ && leg_->outgoing(); }
  void step(const char* name, const std::string& detail = {});
  /// What the endpoint causes, as often as it likes: a few lines, then one a second.
  void endpointStep(const char* name, const std::string& detail, unsigned count = 1);
  void logLeftOut(std::int64_t nowUs);
  [[nodiscard]] CallPipeline::Emit emitter();
  void take(std::unique_ptr<Leg> leg, UserAgent& agent);
  void connect();
  void startPipeline(const CallSetup::Found& found);
  void onPipelineEvent(const PipelineInbox::Counted& counted);
  void on(const Opened& opened, unsigned count);
  void on(const MediaAttached& attached, unsigned count);
  void on(const FirstAudio& audio, unsigned count);
  void on(const DigitPassed& digit, unsigned count);
  void on(const DigitWanted& digit, unsigned count);
  void on(const DigitLost& digit, unsigned count);
  void on(const ControlAsked& control, unsigned count);
  void on(const MessageAsked& message, unsigned count);
  void on(const WebSocketClosed& closed, unsigned count);
  void on(const WebSocketFailed& failed, unsigned count);
  void on(const PipelineFailed& failed, unsigned count);
  void on(const PlayedOut& played, unsigned count);
  /// The endpoint wants the caller connected with somebody else.
  void transfer(const std::string& uri);
  void checkTransfer(std::int64_t nowUs);
  /// A text of the endpoint, for the caller.
  void sendMessage(const std::string& type, const std::string& body);
  /// A key of the endpoint, for a caller who takes none as RTP.
  void sendKey(const std::string& key, unsigned durationMs);
  void keyLost(const std::string& reason, unsigned count = 1);
  void sendNextRequest();
  void attachMedia();
  /// What is agreed anew while the call runs is carried out.
  void apply(Agreement agreed);
  /// The agreement as our description, which is the last one then.
  [[nodiscard]] const std::string& describe();
  void watchMedia(std::int64_t nowUs);
  /// The agreed direction says whether RTP is to come.
  void watchDirection(std::int64_t nowUs);
  /// Where RTP may go, by what is agreed and who the other side is.
  [[nodiscard]] MediaTarget mediaTarget() const;
  void onEndpointClosed(const WebSocketClosed& closed);
  void activate();
  void endDialog(const CallEnd& end, const std::string& detail, const std::string& header);
  void endMedia(const CallEnd& end);
  void stopPipeline();
  void stopped(const CallCounters& counters);
  [[nodiscard]] std::string shownEndpoint() const;
  void logStart(log::Level level = log::Level::Info);
  void logEnd(const CallCounters& counters);

  CallServices& services_;
  const ConfigPtr config_;
  const std::uint64_t number_;
  const std::string id_;
  std::unique_ptr<Leg> leg_;
  UserAgent* agent_ = nullptr;
  std::string from_;
  std::string to_;
  State state_ = State::New;
  WebSocket web_socket_ = WebSocket::Unopened;
  bool start_logged_ = false;  ///< otherwise it was refused before anything was done for it
  bool remote_ended_ = false;  ///< nothing is to be sent into the dialog any more
  bool played_out_ = false;
  bool info_refused_ = false;  ///< the caller does not know INFO with keys

  CallTerms terms_;
  std::unique_ptr<CallSetup> setup_;  ///< until the call is active
  std::string endpoint_;              ///< the one in use, or the first; fit for the log
  std::optional<std::size_t> loop_;
  std::shared_ptr<CallPipeline> pipeline_;
  const std::shared_ptr<PipelineInbox> inbox_ = std::make_shared<PipelineInbox>();
  MediaWatch media_watch_;
  DialogRequests requests_;
  log::LogAllowance steps_{8};  ///< of the endpoint
  log::LogAllowance keys_lost_{1};
  Transfer transfer_;
  SipTimer timer_;  ///< bounds play-out and tear-down

  std::int64_t started_at_;  ///< monotonic, µs
  std::int64_t answered_at_ = 0;
  std::int64_t ended_at_ = 0;
  double setup_ms_ = 0;
  std::optional<EndReason> reason_;
  std::string end_detail_;
  int sip_status_ = 0;
};

}  // namespace launcher
