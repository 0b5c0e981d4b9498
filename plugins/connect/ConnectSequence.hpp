// SPDX-License-Identifier: LGPL-2.1-or-later
//
// ConnectSequence: opens one WebSocket with the first of several endpoints that answers, inside one
// budget of time; the order is that of ConnectPlan. Used and destroyed on the loop's thread. The
// result is delivered once, and nothing after cancel() or destruction.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "connect/ConnectPlan.hpp"
#include "connect/Connector.hpp"

namespace wsbridge {

struct ConnectList {
  std::vector<ConnectSettings> candidates;  // at least one; their timeout_ms is set here
  unsigned timeout_ms = 6000;               // for all together
  unsigned retries = 0;
};

class ConnectSequence : public std::enable_shared_from_this<ConnectSequence> {
 public:
  struct Events {
    std::function<void(const ConnectSettings&)> trying;
    std::function<void(const Failure&)> failed;  // of the one tried; another attempt follows
    std::function<void(Connector::Outcome, const ConnectSettings&)> done;
  };

  ConnectSequence(std::shared_ptr<MediaLoop> loop, ConnectList list, Events events);
  ~ConnectSequence();
  ConnectSequence(const ConnectSequence&) = delete;
  ConnectSequence& operator=(const ConnectSequence&) = delete;

  void start();
  void cancel();

 private:
  void schedule(const ConnectPlan::Attempt& attempt);
  void connect(const ConnectPlan::Attempt& attempt);
  void connected(size_t candidate, Connector::Outcome result);

  std::shared_ptr<MediaLoop> loop_;
  ConnectList list_;
  Events events_;
  std::optional<ConnectPlan> plan_;
  std::shared_ptr<Connector> connector_;
  std::optional<MediaLoop::TimerId> pause_;
  bool over_ = false;
};

}  // namespace wsbridge
