// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ReceiveStatistics.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>
#include <utility>

namespace bench {
namespace {

constexpr double kLateMs = 5;
constexpr double kUnitsPerMs = 100;
constexpr size_t kStepsKept = 1000;

}  // namespace

bool ReceiveStatistics::add(const RtpHeader& header, Nanoseconds arrival) {
  if (packets_.empty()) {
    ssrc_ = header.ssrc;
    first_ = lowest_ = highest_ = header.sequence;
    last_raw_timestamp_ = header.timestamp;
    first_arrival_ = arrival;
  } else if (header.ssrc != ssrc_) {
    ++foreign_ssrc_;
    return false;
  }
  const int64_t sequence =
      highest_ + static_cast<int16_t>(header.sequence - static_cast<uint16_t>(highest_));
  const int64_t timestamp =
      last_timestamp_ + static_cast<int32_t>(header.timestamp - last_raw_timestamp_);
  std::vector<bool>& seen = sequence >= first_ ? seen_ : seen_before_;
  const auto place =
      static_cast<size_t>(sequence >= first_ ? sequence - first_ : first_ - sequence);
  if (seen.size() <= place) seen.resize(place + 1);
  if (seen[place]) {
    ++duplicates_;
    return false;
  }
  seen[place] = true;
  lowest_ = std::min(lowest_, sequence);
  if (sequence < highest_) {
    ++reordered_;
  } else {
    if (sequence == highest_ + 1 && steps_.size() < kStepsKept)
      ++steps_[timestamp - last_timestamp_];
    highest_ = sequence;
    last_timestamp_ = timestamp;
    last_raw_timestamp_ = header.timestamp;
  }
  const double due = 1000.0 * static_cast<double>(timestamp) / clock_rate_;
  packets_.push_back(
      {static_cast<uint32_t>(timestamp),
       static_cast<int32_t>(std::lround((toMs(arrival - first_arrival_) - due) * kUnitsPerMs))});
  return true;
}

double ReceiveStatistics::start() const {
  std::vector<int32_t> all(packets_.size());
  std::ranges::transform(packets_, all.begin(), &Packet::deviation);
  const auto middle = all.begin() + static_cast<std::ptrdiff_t>((all.size() - 1) / 2);
  std::ranges::nth_element(all, middle);
  return *middle / kUnitsPerMs;
}

std::vector<int32_t> ReceiveStatistics::schedules(uint32_t samplesPerPacket) const {
  const size_t window = std::clamp<size_t>(clock_rate_ / samplesPerPacket, 1, packets_.size());
  std::vector<int32_t> sorted(window);
  std::ranges::transform(std::span(packets_).first(window), sorted.begin(), &Packet::deviation);
  std::ranges::sort(sorted);
  std::vector<int32_t> all(packets_.size(), sorted[(window - 1) / 2]);
  for (size_t i = window; i < packets_.size(); ++i) {
    all[i] = sorted[(window - 1) / 2];
    sorted.erase(std::ranges::lower_bound(sorted, packets_[i - window].deviation));
    sorted.insert(std::ranges::upper_bound(sorted, packets_[i].deviation), packets_[i].deviation);
  }
  return all;
}

Nanoseconds ReceiveStatistics::fittedStart() const {
  if (packets_.empty()) return 0;
  return first_arrival_ + static_cast<Nanoseconds>(start() * 1e6);
}

ReceiveStatistics::Result ReceiveStatistics::result(uint32_t samplesPerPacket,
                                                    Nanoseconds steadyFrom, Nanoseconds steadyTo,
                                                    const Backlog& machine,
                                                    const Backlog& others) const {
  Result result;
  result.received = packets_.size();
  result.duplicates = duplicates_;
  result.reordered = reordered_;
  result.foreignSsrc = foreign_ssrc_;
  if (packets_.empty()) return result;
  const std::vector<int32_t> schedule = schedules(samplesPerPacket);
  std::optional<std::pair<double, double>> extremes;  // of the steady schedule so far
  for (size_t i = 0; i < packets_.size(); ++i) {
    const Packet& packet = packets_[i];
    const double deviation = packet.deviation / kUnitsPerMs;
    const double expected = schedule[i] / kUnitsPerMs;
    const double late = deviation - expected;
    const double offset =
        deviation +
        1000.0 * static_cast<double>(static_cast<int32_t>(packet.timestamp)) / clock_rate_;
    const Nanoseconds arrival = first_arrival_ + static_cast<Nanoseconds>(offset * 1e6);
    const bool steady = arrival >= steadyFrom && arrival <= steadyTo;
    const bool isLate = late > kLateMs;
    if (isLate) ++result.late;
    if (!steady) continue;
    auto& [earliest, latest] = extremes ? *extremes : extremes.emplace(expected, expected);
    earliest = std::min(earliest, expected);
    latest = std::max(latest, expected);
    result.movedLaterMs = std::max(result.movedLaterMs, expected - earliest);
    result.movedEarlierMs = std::max(result.movedEarlierMs, latest - expected);
    result.worstLateMs = std::max(result.worstLateMs, late);
    if (isLate) ++result.lateSteady;
    double beyond = late;
    double behind = late;
    double own = late;
    if (isLate) {
      const Nanoseconds due = arrival - static_cast<Nanoseconds>(late * 1e6);
      beyond -= toMs(stillBetween(machine.stalls(), due, arrival));
      behind -= toMs(machine.owed(due, arrival));
      own = std::min(behind, late - toMs(others.owed(due, arrival)));
      if (beyond <= kLateMs)
        ++result.lateByMachine;
      else if (behind <= kLateMs)
        ++result.lateByBacklog;
      else if (own <= kLateMs)
        ++result.lateByOthers;
      else
        result.lateOnes.push_back({due, own});
    }
    result.worstBeyondStallsMs = std::max(result.worstBeyondStallsMs, beyond);
    result.worstBeyondBacklogMs = std::max(result.worstBeyondBacklogMs, behind);
    result.worstLateOwnMs = std::max(result.worstLateOwnMs, own);
  }
  result.lost = static_cast<uint64_t>(highest_ - lowest_ + 1) - packets_.size();
  for (const auto& [step, count] : steps_)
    if (step != samplesPerPacket) result.jumps += count;
  return result;
}

}  // namespace bench
