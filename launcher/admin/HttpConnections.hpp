// SPDX-License-Identifier: LGPL-2.1-or-later
// What each connection of the HTTP server is waited for, and for how long: a half request
// and a client that does not read its answer are cut, and where there
// is no room the one that has been waited for longest gives way. Pure: the caller brings the clock,
// monotonic µs. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace launcher {

class HttpConnections {
 public:
  using Id = std::uint64_t;
  enum class Phase {
    Handshake,  ///< of TLS
    Head,       ///< of a request, to its empty line
    Body,
    Answer,  ///< ours, until the client has taken it
  };

  [[nodiscard]] static constexpr std::int64_t limitUs(Phase phase) {
    switch (phase) {
      case Phase::Handshake:
        return 3'000'000;
      case Phase::Head:
      case Phase::Body:
        return 10'000'000;
      case Phase::Answer:
        break;
    }
    return 60'000'000;
  }

  [[nodiscard]] Id open(Phase phase, std::int64_t nowUs) {
    const Id id = next_id_++;
    waits_.emplace(id, Wait{phase, nowUs});
    return id;
  }
  void enter(Id id, Phase phase, std::int64_t nowUs) {
    const auto found = waits_.find(id);
    // Bytes that drip in gain no time.
    if (found != waits_.end() && found->second.phase != phase) found->second = {phase, nowUs};
  }
  void closed(Id id) { waits_.erase(id); }

  /// Those that have had their time.
  [[nodiscard]] std::vector<Id> overdue(std::int64_t nowUs) const {
    std::vector<Id> late;
    for (const auto& [id, wait] : waits_) {
      if (nowUs - wait.since >= limitUs(wait.phase)) late.push_back(id);
    }
    return late;
  }
  /// Who gives way to a new one. Nobody whose request has been read.
  [[nodiscard]] std::optional<Id> longestWaiting() const {
    std::optional<Id> longest;
    std::int64_t since = 0;
    for (const auto& [id, wait] : waits_) {
      if (wait.phase == Phase::Answer || (longest && wait.since >= since)) continue;
      longest = id;
      since = wait.since;
    }
    return longest;
  }

 private:
  struct Wait {
    Phase phase;
    std::int64_t since;
  };
  std::map<Id, Wait> waits_;
  Id next_id_ = 1;
};

}  // namespace launcher
