// SPDX-License-Identifier: LGPL-2.1-or-later
// The GStreamer pipeline of one call. Owns the pipeline and everything hung into it; the RTP
// sockets belong to the caller and must outlive it.
//
// build(), play(), attachMedia() and stop() belong to a pipeline worker, one at a time. The rest
// may be called from any thread between build() and stop(). What happens in the pipeline comes out
// as PipelineEvents on GStreamer's threads, by the function given at the start, which must only
// post them on.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/GPtr.hpp"
#include "base/Result.hpp"
#include "config/Config.hpp"
#include "media/MediaTarget.hpp"
#include "media/PipelineEvent.hpp"
#include "media/PipelineTemplate.hpp"
#include "media/RtpPorts.hpp"
#include "routing/Routing.hpp"
#include "sip/dialog/TelephoneEvent.hpp"
#include "sip/sdp/SdpNegotiator.hpp"

namespace launcher {

struct PipelineSpec {
  std::string connection;  ///< name that sink and source share
  std::string callId;      ///< dialects that name the call make its name from it
  std::string accountId;   ///< the same for the account; may be empty
  std::string loop;        ///< media loop, `context` of the elements
  ConfigPtr config;
  BridgeRequest bridge;
  std::string resolvedAddresses;   ///< checked by the policy; one list for each endpoint
  unsigned connectTimeUsedMs = 0;  ///< by the look-up of names
  Agreement agreement;
  MediaTarget target;
  bool acknowledged = false;  ///< the other side has been heard of: RTP may go there
  RtpSockets sockets;
};

struct CallCounters {
  std::uint64_t rtpReceived = 0;
  std::uint64_t rtpSent = 0;
  std::uint64_t rtpIgnored = 0;   ///< foreign source or payload type
  std::string rtpSource;          ///< the latched one with its port; empty: none
  std::string rtpLatch = "none";  ///< how, see docs/elements.md
  std::uint64_t framesSent = 0;
  std::uint64_t framesPlayed = 0;
  std::uint64_t lost = 0;
  std::uint64_t concealed = 0;
  std::uint64_t late = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t noiseFrames = 0;
  std::uint64_t playoutHighMs = 0;
  std::uint64_t underruns = 0;  ///< the endpoint's audio came too late
  std::uint64_t ignored = 0;    ///< messages of the endpoint that could not be used
  std::uint64_t dropped = 0;    ///< frames for an endpoint that does not read
  /// What the caller's RTCP says of our stream; nothing where it sent no report.
  struct Remote {
    int lost;
    double jitterMs;
    double roundTripMs;  ///< negative: not known
  };
  std::optional<Remote> remote;
};

class CallPipeline {
 public:
  /// False: too much of that kind waits already.
  using Emit = std::function<bool(PipelineEvent)>;

  CallPipeline(PipelineSpec spec, Emit emit);
  ~CallPipeline();
  CallPipeline(const CallPipeline&) = delete;
  CallPipeline& operator=(const CallPipeline&) = delete;

  /// Without a codec in the agreement only the WebSocket elements are set up: the caller's answer
  /// is still to come.
  Result<void> build(const PipelineTemplate& launch);
  /// The rest, once there is an agreement; the WebSocket goes on as it is.
  Result<void> attachMedia(const PipelineTemplate& launch, const Agreement& agreement,
                           const MediaTarget& target);
  Result<void> play();
  /// An RTCP BYE ends our stream.
  [[nodiscard]] CallCounters stop();

  /// The call is answered: RTP is taken. Ours goes out when the caller has acknowledged, or has
  /// sent from the announced address; until then the endpoint's audio is kept.
  void open();
  void acknowledge();
  /// The call is over: no more RTP, and a BYE of RTCP, while the WebSocket may still be closing.
  void shut();
  void update(const Agreement& agreement, const MediaTarget& target);
  /// `reason`: the label in callEndTable(), for the endpoint.
  void closeWebSocket(unsigned code, const std::string& text, const char* reason);
  void sendDigit(const Digit& digit);
  /// To the endpoint, where its dialect has words for it.
  void tellTransfer(unsigned status, const std::string& reason);
  void tellMessage(const std::string& type, const std::string& body);
  void tellMessageResult(unsigned status, const std::string& reason);
  void tellKeySent(const std::string& key);
  /// RTP of the caller has stopped coming, or is back.
  void tellMedia(bool arriving);
  /// To be called now and then: keys whose end packets were lost come out.
  void poll();
  /// Monotonic, µs; 0 before the first packet.
  [[nodiscard]] std::int64_t lastRtp() const;

 private:
  [[nodiscard]] GstElement* element(const char* name) const;
  Result<void> buildEndpointHalf(const PipelineTemplate& launch);
  void resetMedia();
  void watchBus();
  void configureWebSocket();
  /// Which payload types come and go, in mid-call too.
  void configureEvents();
  void configureRtp();
  void installProbes();
  void onMessage(GstMessage* message);
  void onWarning(GstMessage* message);
  void onElementMessage(const GstStructure* structure);
  /// A key that the endpoint wants, to the caller (RFC 4733); one that cannot go that way becomes
  /// an event.
  void pressKey(const char* digit, unsigned durationMs);
  void announceRemote();
  void startSending();
  /// While the call is not answered and acknowledged, or on hold, nothing goes out, and the
  /// sequence has no gap.
  void setGate();
  [[nodiscard]] GstPadProbeReturn onPlayedOut(GstEvent* event);
  void handleEventPacket(GstBuffer* buffer);

  PipelineSpec spec_;
  const Emit emit_;
  GstPtr<GstElement> pipeline_;
  GstPtr<GstElement> ws_sink_;
  GstPtr<GstElement> ws_source_;

  std::atomic<bool> opened_{false};
  std::atomic<bool> acknowledged_;
  std::optional<std::uint64_t> ignored_;  ///< packets until shut()
  std::atomic<bool> sends_{true};
  std::atomic<bool> stopping_{false};

  std::mutex gate_mutex_;
  gulong gate_ = 0;         ///< probe that drops what would go out; guarded by gate_mutex_
  std::mutex event_mutex_;  ///< streaming thread and poll()
  TelephoneEvent events_{8000};
};

}  // namespace launcher
