// SPDX-License-Identifier: LGPL-2.1-or-later
// Which TLS handshakes of the HTTP server are under way. GIO blocks a thread of a few for each, for
// as long as the client likes, so only so many begin at once, none before the client has said what
// it begins with, and one that stands still gives way when others wait. Pure: the caller brings
// the clock, monotonic µs. One thread at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "admin/HttpConnections.hpp"

namespace launcher {

/// How long the record is that a client begins TLS with: of the bytes that have come so far, or of
/// its header while that is not whole. 0: this is no TLS.
[[nodiscard]] inline std::size_t helloSize(std::span<const std::uint8_t> bytes) {
  constexpr std::size_t kHeader = 5;
  constexpr std::uint8_t kHandshake = 22;
  constexpr std::size_t kMostInRecord = 1U << 14U;
  if (!bytes.empty() && bytes[0] != kHandshake) return 0;
  if (bytes.size() > 1 && bytes[1] != 3) return 0;
  if (bytes.size() < kHeader) return kHeader;
  const std::size_t length = bytes[3] * 256U + bytes[4];
  return length == 0 || length > kMostInRecord ? 0 : kHeader + length;
}

class HttpHandshakes {
 public:
  using Id = HttpConnections::Id;
  static constexpr std::size_t kMost = 8;
  static constexpr std::int64_t kPatienceUs = 500'000;

  /// Whether this one may begin now; otherwise it waits.
  [[nodiscard]] bool ask(Id id, std::int64_t nowUs) {
    waiting_.push_back(id);
    return next(nowUs) == id;
  }
  /// Who is to begin now. The last one goes first: those before it have had their time already
  /// when there is no room, and whoever comes after many that stand still is not behind them.
  [[nodiscard]] std::optional<Id> next(std::int64_t nowUs) {
    if (waiting_.empty() || under_way_.size() >= kMost) return std::nullopt;
    const Id id = waiting_.back();
    waiting_.pop_back();
    under_way_.emplace(id, nowUs);
    return id;
  }
  /// The thread has come back.
  void ended(Id id) { under_way_.erase(id); }
  /// The connection was cut. One that is under way has its place until it has ended.
  void cut(Id id) { std::erase(waiting_, id); }
  [[nodiscard]] bool anybodyWaits() const { return !waiting_.empty(); }
  /// Those that are to give way.
  [[nodiscard]] std::vector<Id> overdue(std::int64_t nowUs) const {
    std::vector<Id> late;
    if (waiting_.empty()) return late;
    for (const auto& [id, since] : under_way_) {
      if (nowUs - since >= kPatienceUs) late.push_back(id);
    }
    return late;
  }

 private:
  std::map<Id, std::int64_t> under_way_;
  std::vector<Id> waiting_;
};

}  // namespace launcher
