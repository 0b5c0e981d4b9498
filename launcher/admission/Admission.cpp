// SPDX-License-Identifier: LGPL-2.1-or-later
#include "admission/Admission.hpp"

#include <algorithm>
#include <utility>

namespace launcher {

namespace {

// With fewer calls the average over them would mostly be what the house opens for itself.
constexpr std::size_t kCallsForAverage = 32;

constexpr AdmissionLimit kLimits[] = {
    {EndReason::TooManyCalls, "limits.max-calls"},
    {EndReason::TooFewDescriptors, "LimitNOFILE"},
    {EndReason::NoRtpPorts, "rtp.port-range"},
    {EndReason::LoopsLate, "limits.max-loop-delay"},
    {EndReason::LoopsBusy, "limits.max-loop-load"},
    {EndReason::SourceLookups, "limits.lookups-per-source"},
    {EndReason::TooManyLookups, "limits.max-lookups"},
};

}  // namespace

std::span<const AdmissionLimit> admissionLimits() {
  return kLimits;
}

std::string admissionKey(EndReason reason) {
  for (const AdmissionLimit& limit : kLimits) {
    if (limit.reason == reason) return limit.key;
  }
  return {};
}

std::optional<std::size_t> Capacity::calls() const {
  std::optional<std::size_t> least;
  for (const auto& bound : {byMaxCalls, byDescriptors, byPorts}) {
    if (bound) least = std::min(*bound, least.value_or(*bound));
  }
  return least;
}

const char* Capacity::limitedBy() const {
  const auto least = calls();
  if (!least) return "load";
  if (least == byMaxCalls) return callEnd(EndReason::TooManyCalls).label;
  if (least == byDescriptors) return callEnd(EndReason::TooFewDescriptors).label;
  return callEnd(EndReason::NoRtpPorts).label;
}

Admission::Admission(const House& house)
    : house_(house), loops_(house.loops), descriptors_(house.descriptorsAtStart) {}

std::vector<LoopTable::Change> Admission::sample(const HouseSample& sample, std::size_t calls,
                                                 const Config::Limits& limits) {
  if (sample.descriptors) {
    descriptors_ = *sample.descriptors;
    calls_then_ = calls;
    if (calls >= kCallsForAverage && descriptors_ > house_.descriptorsAtStart) {
      const std::size_t opened = descriptors_ - house_.descriptorsAtStart;
      per_call_ = std::max(kDescriptorsPerCall, (opened + calls - 1) / calls);
    }
  }
  return loops_.sample(sample.loops, {limits.maxLoopDelay, limits.maxLoopLoad});
}

std::size_t Admission::descriptorsWith(std::size_t calls) const {
  // The count lags behind: calls have come and gone since, or had not opened everything yet.
  const std::size_t reckoned = house_.descriptorsAtStart + calls * per_call_;
  const std::size_t grown = descriptors_ + calls * per_call_;
  const std::size_t gone = calls_then_ * per_call_;
  return std::max(reckoned, grown > gone ? grown - gone : 0);
}

std::optional<Refusal> Admission::check(std::size_t calls, const Config::Limits& limits) const {
  const auto most = static_cast<std::size_t>(std::max(0, limits.maxCalls));
  if (most > 0 && calls >= most) {
    return Refusal{EndReason::TooManyCalls, "all " + std::to_string(most) + " calls are up"};
  }
  if (house_.descriptorLimit > 0) {
    const std::size_t needed = descriptorsWith(calls) + per_call_ + kReserve;
    if (needed > house_.descriptorLimit) {
      return Refusal{EndReason::TooFewDescriptors,
                     "one more call could need " + std::to_string(needed) + " of " +
                         std::to_string(house_.descriptorLimit) + " file descriptors"};
    }
  }
  switch (loops_.overall()) {
    case LoopTable::State::Late:
      return Refusal{EndReason::LoopsLate, "every media loop is late: " + loops_.describe()};
    case LoopTable::State::Busy:
      return Refusal{EndReason::LoopsBusy, "every media loop is busy: " + loops_.describe()};
    case LoopTable::State::Fine:
      break;
  }
  return std::nullopt;
}

Capacity Admission::capacity(const Config::Limits& limits) const {
  Capacity capacity;
  if (limits.maxCalls > 0) capacity.byMaxCalls = static_cast<std::size_t>(limits.maxCalls);
  capacity.byPorts = house_.portPairs;
  if (house_.descriptorLimit > 0) {
    const std::size_t own = house_.descriptorsAtStart + kReserve;
    const std::size_t free = house_.descriptorLimit > own ? house_.descriptorLimit - own : 0;
    capacity.byDescriptors = free / per_call_;
  }
  return capacity;
}

std::size_t Admission::refused(EndReason reason, std::int64_t nowUs) {
  return tallies_[reason].note(nowUs);
}

std::vector<std::pair<EndReason, std::size_t>> Admission::due(std::int64_t nowUs) {
  std::vector<std::pair<EndReason, std::size_t>> reports;
  for (auto& [reason, tally] : tallies_) {
    if (const std::size_t count = tally.due(nowUs)) reports.emplace_back(reason, count);
  }
  return reports;
}

}  // namespace launcher
