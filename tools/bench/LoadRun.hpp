// SPDX-License-Identifier: LGPL-2.1-or-later
// One run of the load generator: sets the calls up at the given rate, lets them stand together,
// ends them and measures. It owns the SIP agent, the media engine and all sessions; run() belongs
// to one thread, interrupt() may come from a signal handler.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ChurnCalls.hpp"
#include "LoadOptions.hpp"
#include "LoadReport.hpp"
#include "LoopWatch.hpp"
#include "MediaEngine.hpp"
#include "MediaSession.hpp"
#include "SipAgent.hpp"
#include "StallWatch.hpp"

namespace bench {

class LoadRun {
 public:
  explicit LoadRun(const LoadOptions& options);
  ~LoadRun();
  LoadRun(const LoadRun&) = delete;
  LoadRun& operator=(const LoadRun&) = delete;

  std::string run(LoadReport& report);  // empty, or why it could not even begin
  void interrupt() { interrupted_ = true; }

 private:
  enum class Phase { Starting, Settling, Steady, Ending, Done };

  std::string prepare();
  // All but those of the churn.
  std::span<const std::unique_ptr<SipCall>> standing() const;
  void startCall();
  void oneByOne(Nanoseconds present);
  void onChange(SipCall& call);
  void advance(Nanoseconds present);
  void endCalls(Nanoseconds present);
  void watchMemory();
  void watchSize(Nanoseconds present);
  void tellProgress();
  [[gnu::format(printf, 2, 3)]] void tell(const char* pattern, ...) const;
  void collect(LoadReport& report);
  void compareSpeech(LoadReport& report);
  void compareTimelines(LoadReport& report);

  const LoadOptions& options_;
  const std::string run_;  // names this run to the endpoint
  MediaSettings media_;
  double hold_seconds_ = 0;
  MediaEngine engine_;
  StallWatch stalls_;
  LoopWatch loops_;
  SipAgent agent_;
  ChurnCalls churn_;
  std::vector<std::unique_ptr<MediaSession>> sessions_;
  std::string fault_;
  Phase phase_ = Phase::Starting;
  Nanoseconds begun_ = 0, next_call_ = 0, steady_from_ = 0, steady_to_ = 0, next_bye_ = 0,
              call_ends_ = 0;
  Nanoseconds next_memory_ = 0, next_size_ = 0;
  std::vector<Nanoseconds> quiet_;  // since when each call in turn sends no more
  size_t byes_ = 0;
  std::vector<ProcessSample> sizes_;
  double own_cpu_seconds_ = 0;
  ProcessSample before_, steady_start_, steady_end_;
  int64_t peak_bytes_ = -1;
  bool told_first_packet_ = false, told_trying_ = false;
  std::atomic<bool> interrupted_{false};
};

}  // namespace bench
