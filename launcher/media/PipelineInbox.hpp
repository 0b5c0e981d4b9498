// SPDX-License-Identifier: LGPL-2.1-or-later
// PipelineInbox: what a call's pipeline tells and the SIP thread has not heard yet. Bounded for
// each call, so that one endpoint cannot fill the SIP thread's queue: what repeats is counted in
// one event, and what too much waits of is refused. Any thread may add(); the SIP thread takes.
#pragma once

#include <cstddef>
#include <mutex>
#include <vector>

#include "media/PipelineEvent.hpp"

namespace launcher {

class PipelineInbox {
 public:
  static constexpr std::size_t kMaxDigits = 64;
  static constexpr std::size_t kMaxMessages = 8;
  /// Different ones; what goes beyond is counted as one called "other".
  static constexpr std::size_t kMaxControls = 16;
  static constexpr std::size_t kMaxTransfers = 2;

  enum class Added {
    First,    ///< nothing was waiting: take() is to be called
    Waiting,  ///< take() is on its way
    Refused   ///< too much of its kind waits
  };
  struct Counted {
    PipelineEvent event;
    unsigned count = 1;  ///< how often it has come, where ten tell no more than one and the number
  };

  [[nodiscard]] Added add(PipelineEvent event);
  /// All of it, in the order in which each began.
  [[nodiscard]] std::vector<Counted> take();

 private:
  template <class Kind>
  [[nodiscard]] std::size_t waiting() const;
  bool addToEarlier(PipelineEvent& event);
  [[nodiscard]] bool isTooMuch(const PipelineEvent& event) const;

  std::mutex mutex_;  // guards what follows
  std::vector<Counted> events_;
};

}  // namespace launcher
