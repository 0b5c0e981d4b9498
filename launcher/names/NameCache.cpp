// SPDX-License-Identifier: LGPL-2.1-or-later
#include "names/NameCache.hpp"

#include <algorithm>

namespace launcher {

std::optional<NameAnswer> NameCache::find(const std::string& name, std::int64_t nowUs,
                                          bool askAgain) {
  const auto found = entries_.find(name);
  if (found == entries_.end()) return std::nullopt;
  Entry& entry = found->second;
  order_.splice(order_.begin(), order_, entry.used);
  const NameAnswer addresses{NameAnswer::Kind::Found, entry.addresses, {}};
  if (nowUs < entry.freshUntil) return addresses;
  if (nowUs >= entry.failureUntil) return std::nullopt;
  if (nowUs < entry.staleUntil) return addresses;
  if (askAgain && entry.failure.kind == NameAnswer::Kind::Temporary) return std::nullopt;
  return entry.failure;
}

bool NameCache::hasStale(const std::string& name, std::int64_t nowUs) const {
  const auto found = entries_.find(name);
  return found != entries_.end() && nowUs < found->second.staleUntil;
}

NameAnswer NameCache::store(const std::string& name, const NameAnswer& outcome, std::int64_t ttlUs,
                            std::int64_t nowUs) {
  Entry& entry = entryOf(name);
  if (outcome.kind == NameAnswer::Kind::Found) {
    entry.addresses = outcome.addresses;
    entry.freshUntil = nowUs + std::clamp(ttlUs, kMinTtlUs, kMaxTtlUs);
    entry.staleUntil = entry.freshUntil + kStaleUs;
    entry.failureUntil = 0;
    return outcome;
  }
  entry.failure = outcome;
  if (outcome.kind == NameAnswer::Kind::Temporary) {
    entry.failureUntil = nowUs + kTemporaryUs;
    if (nowUs < entry.staleUntil) return {NameAnswer::Kind::Found, entry.addresses, {}};
  } else {
    // The name is gone, and with it what it once stood for.
    entry.failureUntil = nowUs + kNoSuchNameUs;
    entry.freshUntil = entry.staleUntil = 0;
    entry.addresses.clear();
  }
  return outcome;
}

NameCache::Entry& NameCache::entryOf(const std::string& name) {
  const auto found = entries_.find(name);
  if (found != entries_.end()) {
    order_.splice(order_.begin(), order_, found->second.used);
    return found->second;
  }
  if (entries_.size() >= most_) {
    entries_.erase(order_.back());
    order_.pop_back();
  }
  order_.push_front(name);
  Entry& entry = entries_[name];
  entry.used = order_.begin();
  return entry;
}

}  // namespace launcher
