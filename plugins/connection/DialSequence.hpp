// SPDX-License-Identifier: LGPL-2.1-or-later
//
// DialSequence: opens one WebSocket with the first of several endpoints that answers, inside one
// budget of time; the order is that of DialPlan. Used and destroyed on the loop's thread. The
// result is delivered once, and nothing after cancel() or destruction.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "connection/DialPlan.hpp"
#include "connection/Dialer.hpp"

namespace wsbridge {

struct DialList {
  std::vector<DialSettings> candidates;  // at least one; their timeout_ms is set here
  unsigned timeout_ms = 6000;            // for all together
  unsigned retries = 0;
};

class DialSequence : public std::enable_shared_from_this<DialSequence> {
 public:
  struct Events {
    std::function<void(const DialSettings&)> trying;
    std::function<void(const Failure&)> failed;  // of the one tried; another attempt follows
    std::function<void(Dialer::Result, const DialSettings&)> done;
  };

  DialSequence(std::shared_ptr<MediaLoop> loop, DialList list, Events events);
  ~DialSequence();
  DialSequence(const DialSequence&) = delete;
  DialSequence& operator=(const DialSequence&) = delete;

  void start();
  void cancel();

 private:
  void schedule(const DialPlan::Attempt& attempt);
  void dial(const DialPlan::Attempt& attempt);
  void dialled(size_t candidate, Dialer::Result result);

  std::shared_ptr<MediaLoop> loop_;
  DialList list_;
  Events events_;
  std::optional<DialPlan> plan_;
  std::shared_ptr<Dialer> dialer_;
  std::optional<MediaLoop::TimerId> pause_;
  bool over_ = false;
};

}  // namespace wsbridge
