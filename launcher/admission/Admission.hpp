// SPDX-License-Identifier: LGPL-2.1-or-later
// Whether the house takes one more call: one closed list of limits, each with the reason in the log
// and the key that moves it. Pure: numbers and times in, a verdict out. SIP thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/CallEnd.hpp"
#include "config/Config.hpp"
#include "log/Throttle.hpp"
#include "media/LoopTable.hpp"

namespace launcher {

struct AdmissionLimit {
  EndReason reason;
  const char* key;  ///< what the operator changes
};
[[nodiscard]] std::span<const AdmissionLimit> admissionLimits();
/// Empty for a reason that is none of the limits.
[[nodiscard]] std::string admissionKey(EndReason reason);

/// A look at the process, taken now and then off the SIP thread.
struct HouseSample {
  std::vector<LoopLoad> loops;             ///< empty: not measured
  std::optional<std::size_t> descriptors;  ///< open ones, when they were counted
};

/// How many calls each limit lets in at the most; nothing where it does not limit.
struct Capacity {
  std::optional<std::size_t> byDescriptors;
  std::optional<std::size_t> byPorts;
  std::optional<std::size_t> byMaxCalls;

  [[nodiscard]] std::optional<std::size_t> calls() const;
  /// The limit that is reached first, as the reason in the log; "load" when only that is left.
  [[nodiscard]] const char* limitedBy() const;
};

class Admission {
 public:
  /// What a call of the shipped template opens: two RTP sockets, the WebSocket, and what waits for
  /// them.
  static constexpr std::size_t kDescriptorsPerCall = 6;
  /// Kept free for SIP over TCP, name resolution and reading the configuration.
  static constexpr std::size_t kReserve = 32;

  struct House {
    std::size_t loops = 1;
    std::size_t descriptorLimit = 0;  ///< 0: none
    std::size_t descriptorsAtStart = 0;
    std::size_t portPairs = 0;
  };

  explicit Admission(const House& house);

  std::vector<LoopTable::Change> sample(const HouseSample& sample, std::size_t calls,
                                        const Config::Limits& limits);
  [[nodiscard]] std::optional<Refusal> check(std::size_t calls, const Config::Limits& limits) const;
  Capacity capacity(const Config::Limits& limits) const;
  /// Descriptors open with so many calls, as far as is known.
  [[nodiscard]] std::size_t descriptorsWith(std::size_t calls) const;

  /// Counts a refusal. Returns how many are to be reported now: at once, then once in a second.
  [[nodiscard]] std::size_t refused(EndReason reason, std::int64_t nowUs);
  /// What has gathered since and is due.
  [[nodiscard]] std::vector<std::pair<EndReason, std::size_t>> due(std::int64_t nowUs);

  [[nodiscard]] LoopTable& loops() { return loops_; }

 private:
  const House house_;
  LoopTable loops_;
  std::size_t per_call_ = kDescriptorsPerCall;
  std::size_t descriptors_ = 0;  ///< at the last count
  std::size_t calls_then_ = 0;
  std::map<EndReason, log::Throttle> tallies_;
};

}  // namespace launcher
