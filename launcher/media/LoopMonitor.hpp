// SPDX-License-Identifier: LGPL-2.1-or-later
// Holds the media loops alive and asks them how loaded they are. Owns one idle element for each, in
// READY: a loop ends with its last user, and its load is a property of its users. Main thread only.
#pragma once

#include <string>
#include <vector>

#include "base/GPtr.hpp"
#include "call/LoopTable.hpp"

namespace launcher {

class LoopMonitor {
 public:
  LoopMonitor() = default;
  ~LoopMonitor();
  LoopMonitor(const LoopMonitor&) = delete;
  LoopMonitor& operator=(const LoopMonitor&) = delete;

  /// Returns what is wrong, or an empty text.
  std::string start(std::size_t loops, int waitMs);
  std::vector<LoopLoad> read() const;

 private:
  std::vector<GstPtr<GstElement>> holders_;
};

}  // namespace launcher
