// SPDX-License-Identifier: LGPL-2.1-or-later
// Holds the media loops alive, asks them how loaded they are and tells the log when they miss
// ticks. Owns one idle element for each, in READY: a loop ends with its last user, and its load is
// a property of its users. Main thread only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/GPtr.hpp"
#include "base/Result.hpp"
#include "media/LoopTable.hpp"

namespace launcher {

class LoopMonitor {
 public:
  LoopMonitor() = default;
  ~LoopMonitor();
  LoopMonitor(const LoopMonitor&) = delete;
  LoopMonitor& operator=(const LoopMonitor&) = delete;

  Result<void> start(std::size_t loops, int waitMs);
  /// Comes every LoopTable::kSampleMs. Logs what ticks were missed, at most once a second.
  [[nodiscard]] std::vector<LoopLoad> sample();
  /// Logs what all the loops' ticks were like, once, at the end.
  void logEnd() const;

 private:
  struct Loop {
    GstPtr<GstElement> holder;
    std::uint64_t missed = 0;  ///< as told last
    std::uint64_t missedOwn = 0;
  };

  std::vector<Loop> loops_;
  int samples_ = 0;
};

}  // namespace launcher
