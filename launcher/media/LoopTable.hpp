// SPDX-License-Identifier: LGPL-2.1-or-later
// Which media loop carries how many calls, and which of them cannot take more. Pure: loads and
// limits in, a choice out. SIP thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace launcher {

/// What one loop says about its last second.
struct LoopLoad {
  double busy = 0;            ///< share of the time that it worked, 0 to 1
  std::uint64_t delayNs = 0;  ///< how long its due timers waited, on average
};

/// 0 switches a limit off.
struct LoopLimits {
  int maxDelayMs = 0;
  int maxLoadPercent = 0;
};

class LoopTable {
 public:
  /// Samples come this often.
  static constexpr int kSampleMs = 250;
  /// The delay is the mean of a second, which one long hiccup raises in four samples in a row; a
  /// fifth proves another one.
  static constexpr int kLateSamples = 5;
  static constexpr int kBusySamples = 2;
  /// Good ones in a row, until a loop takes calls again.
  static constexpr int kGoodSamples = 2;

  enum class State { Fine, Late, Busy };
  struct Change {
    std::size_t loop;
    State state;
    LoopLoad load;
  };

  explicit LoopTable(std::size_t count);

  [[nodiscard]] std::size_t size() const { return loops_.size(); }
  static std::string name(std::size_t loop) { return "wsbridge-" + std::to_string(loop); }

  /// One load for each loop, or none at all where they are not measured. Returns which loops have
  /// changed.
  std::vector<Change> sample(const std::vector<LoopLoad>& loads, const LoopLimits& limits);

  /// The loop with the fewest calls, of several the least busy; one that cannot take more only when
  /// all are like that.
  [[nodiscard]] std::size_t take();
  void giveBack(std::size_t loop);

  /// Fine as long as any loop is; otherwise the state of the least loaded one.
  [[nodiscard]] State overall() const;
  /// Of that loop, such as "12 ms late, 93 % busy".
  [[nodiscard]] std::string describe() const;
  State state(std::size_t loop) const { return loops_[loop].state; }
  [[nodiscard]] int calls(std::size_t loop) const { return loops_[loop].calls; }

 private:
  struct Loop {
    int calls = 0;
    LoopLoad load;
    State state = State::Fine;
    int late = 0;  ///< samples in a row beyond the limit
    int busy = 0;
    int good = 0;  ///< samples in a row clearly below both limits
  };
  [[nodiscard]] static State judge(Loop& loop, const LoopLimits& limits);
  std::size_t best() const;

  std::vector<Loop> loops_;
};

}  // namespace launcher
