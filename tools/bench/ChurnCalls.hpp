// SPDX-License-Identifier: LGPL-2.1-or-later
// Short calls that come and go at a given rate while others stand. It owns their sessions while
// they talk; the calls belong to the agent. One thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "LoadOptions.hpp"
#include "MediaEngine.hpp"
#include "MediaSession.hpp"
#include "SipAgent.hpp"
#include "Statistics.hpp"

namespace bench {

struct ChurnResult {
  unsigned started = 0, established = 0, endedByPeer = 0;
  std::map<std::string, unsigned> failures;  // by status and reason
  Summary setupMs;
  double callSeconds = 0;
  uint64_t received = 0, lost = 0;  // RTP packets that came back, and gaps among them

  unsigned failed() const;
};

class ChurnCalls {
 public:
  ChurnCalls(const LoadOptions& options, const MediaSettings& media, SipAgent& agent,
             MediaEngine& engine);

  void begin(Nanoseconds present) { next_ = present; }
  // Starts what is due, ends what has stood long enough. Empty, or what failed.
  std::string advance(Nanoseconds present);
  void end();  // starts none any more, ends those that stand
  bool over() const { return ending_ && live_.empty(); }
  Nanoseconds nextTime() const { return next_; }
  void onChange(SipCall& call);
  ChurnResult result();  // after the engine has ended

 private:
  struct Live {
    SipCall* call;
    std::unique_ptr<MediaSession> session;
    Nanoseconds answered = 0;
  };
  void start();
  void take(const std::vector<std::unique_ptr<MediaSession>>& retired);

  const LoadOptions& options_;
  const MediaSettings& media_;
  SipAgent& agent_;
  MediaEngine& engine_;
  std::string fault_;
  std::unordered_map<unsigned, Live> live_;  // by the index of the call
  Nanoseconds next_ = 0;
  bool ending_ = false;
  std::vector<double> setups_;
  ChurnResult result_;
};

}  // namespace bench
