// SPDX-License-Identifier: LGPL-2.1-or-later
// Answers to name look-ups, kept for as long as they may be: addresses for their TTL, failures for
// some seconds, and addresses whose TTL is over for one minute more, for when the name servers
// fail. Bounded; what was not asked for the longest time goes first. Pure: times come from outside.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace launcher {

struct NameAnswer {
  enum class Kind {
    Found,
    NoSuchName,  ///< the name servers say so
    Temporary,   ///< asking again may help
    SourceBusy,  ///< not asked: limits.lookups-per-source
    AllBusy,     ///< not asked: limits.max-lookups
  };
  Kind kind = Kind::Found;
  std::vector<std::string> addresses;  ///< in the order in which they are to be tried
  std::string fault;                   ///< set when there are none
};

class NameCache {
 public:
  static constexpr std::int64_t kMinTtlUs = 1000000;
  static constexpr std::int64_t kMaxTtlUs = 3600 * std::int64_t{1000000};
  static constexpr std::int64_t kStaleUs = 60000000;
  static constexpr std::int64_t kNoSuchNameUs = 5000000;
  static constexpr std::int64_t kTemporaryUs = 1000000;

  explicit NameCache(std::size_t most) : most_(most) {}

  /// The answer that spares a look-up, if there is one. `askAgain`: a temporary failure is none.
  [[nodiscard]] std::optional<NameAnswer> find(const std::string& name, std::int64_t nowUs,
                                               bool askAgain);
  /// Whether there are addresses to fall back on when the name servers fail.
  [[nodiscard]] bool hasStale(const std::string& name, std::int64_t nowUs) const;
  /// Keeps the outcome of a look-up; returns what to answer: `outcome`, or after a temporary
  /// failure the addresses of before.
  NameAnswer store(const std::string& name, const NameAnswer& outcome, std::int64_t ttlUs,
                   std::int64_t nowUs);
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::vector<std::string> addresses;
    std::int64_t freshUntil = 0;
    std::int64_t staleUntil = 0;
    NameAnswer failure;
    std::int64_t failureUntil = 0;
    std::list<std::string>::iterator used;
  };

  [[nodiscard]] Entry& entryOf(const std::string& name);

  const std::size_t most_;
  std::unordered_map<std::string, Entry> entries_;
  std::list<std::string> order_;  ///< the one used last is in front
};

}  // namespace launcher
