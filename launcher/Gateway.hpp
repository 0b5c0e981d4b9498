// SPDX-License-Identifier: LGPL-2.1-or-later
// The house in one piece: threads, tables and agents, started and stopped in the right order. Owns
// all of it. Main thread only; what concerns calls is posted to the SIP thread.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "admin/HttpServer.hpp"
#include "admin/TwilioCalls.hpp"
#include "base/Result.hpp"
#include "call/CallManager.hpp"
#include "config/Config.hpp"
#include "echo/EchoEndpoint.hpp"
#include "media/LoopMonitor.hpp"
#include "media/PipelineTemplate.hpp"
#include "media/PipelineWorkers.hpp"
#include "media/RtpPorts.hpp"
#include "names/NameResolver.hpp"
#include "sip/dialog/UserAgent.hpp"
#include "sip/stack/SipThread.hpp"

namespace launcher {

class Gateway {
 public:
  /// `descriptorLimit` of the process, 0 for none.
  Gateway(ConfigPtr config, std::size_t descriptorLimit);
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  Result<void> start(const std::string& pipelineDirectory);
  void reload(const ConfigPtr& config);
  /// `done` comes on the main thread, with whether calls had to be ended.
  void drain(std::function<void(bool forced)> done);
  /// Ends every call now; implies drain().
  void hangUp(const std::function<void(bool forced)>& done);

  struct DialResult {
    bool bridged = false;
    std::string label;
  };
  /// `over` comes on the main thread.
  void dial(const std::string& sipUri, BridgeRequest bridge, std::function<void(DialResult)> over);

  /// The addresses that SIP is heard on, such as udp:127.0.0.1:5060.
  [[nodiscard]] const std::string& listening() const { return listening_; }
  std::string httpAddress() const { return http_ ? http_->address() : std::string(); }
  [[nodiscard]] std::string echoAddress() const { return echo_ ? echo_->address() : std::string(); }

 private:
  Result<void> startOnSipThread(const Admission::House& house);
  Result<void> startHttp();
  /// The address may come later, or the ports become free: no reason not to start.
  void warnOfRtpPorts();
  void stop();
  void logCapacity(const Capacity& capacity) const;
  void monitor();

  ConfigPtr config_;
  const std::size_t descriptor_limit_;
  std::optional<PipelineTemplate> launch_;
  std::unique_ptr<EchoEndpoint> echo_;
  std::unique_ptr<HttpServer> http_;
  std::unique_ptr<RtpPorts> ports_;
  std::unique_ptr<NameResolver> resolver_;
  std::unique_ptr<PipelineWorkers> workers_;
  std::unique_ptr<LoopMonitor> loops_;
  SipThread sip_;
  bool started_ = false;
  std::size_t loop_count_ = 1;
  guint monitor_source_ = 0;
  /// Descriptors that the calls take by reckoning; the SIP thread writes it, the monitor reads it.
  std::atomic<std::size_t> reckoned_{0};
  // On the SIP thread.
  std::unique_ptr<SipDoor> door_;
  std::vector<std::unique_ptr<UserAgent>> agents_;
  std::unique_ptr<CallManager> manager_;
  std::string listening_;
};

/// Runs a task on the main loop; any thread may call.
void postToMain(std::function<void()> task);

}  // namespace launcher
