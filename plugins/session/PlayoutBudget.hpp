// SPDX-License-Identifier: LGPL-2.1-or-later
//
// PlayoutBudget: how many bytes all connections of the process have queued for playing. Any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace wsbridge {

class PlayoutBudget {
 public:
  /// When the process is over its limit a connection may still keep this much.
  static constexpr uint64_t kKeepMs = 1000;

  static uint64_t total() { return bytes_.load(std::memory_order_relaxed); }
  static void move(uint64_t from, uint64_t to) {
    bytes_.fetch_add(to - from, std::memory_order_relaxed);
  }

 private:
  inline static std::atomic<uint64_t> bytes_{0};
};

}  // namespace wsbridge
