// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ReceiveStatistics.hpp"

#include <algorithm>

#include "Statistics.hpp"

namespace bench {
namespace {

constexpr double kLateMs = 5;

}  // namespace

bool parseRtp(const uint8_t* data, size_t length, RtpHeader& header) {
  if (length < 12 || data[0] >> 6 != 2) return false;
  header.payloadType = data[1] & 0x7f;
  header.marker = (data[1] & 0x80) != 0;
  header.sequence = static_cast<uint16_t>(data[2] << 8 | data[3]);
  header.timestamp = static_cast<uint32_t>(data[4]) << 24 | static_cast<uint32_t>(data[5]) << 16 |
                     static_cast<uint32_t>(data[6]) << 8 | data[7];
  header.ssrc = static_cast<uint32_t>(data[8]) << 24 | static_cast<uint32_t>(data[9]) << 16 |
                static_cast<uint32_t>(data[10]) << 8 | data[11];
  header.size = 12 + 4u * (data[0] & 0x0f);
  if ((data[0] & 0x10) != 0) {
    if (length < header.size + 4) return false;
    header.size += 4 + 4u * static_cast<size_t>(data[header.size + 2] << 8 | data[header.size + 3]);
  }
  header.padding = (data[0] & 0x20) != 0 ? data[length - 1] : 0;
  return header.size + header.padding <= length;
}

bool ReceiveStatistics::add(const RtpHeader& header, Nanoseconds arrival) {
  if (packets_.empty()) {
    ssrc_ = header.ssrc;
    highest_ = header.sequence;
    lastRawTimestamp_ = header.timestamp;
  } else if (header.ssrc != ssrc_) {
    ++foreignSsrc_;
    return false;
  }
  const int64_t sequence =
      highest_ + static_cast<int16_t>(header.sequence - static_cast<uint16_t>(highest_));
  const int64_t timestamp =
      lastTimestamp_ + static_cast<int32_t>(header.timestamp - lastRawTimestamp_);
  if (!seen_.insert(sequence).second) {
    ++duplicates_;
    return false;
  }
  if (sequence < highest_) {
    ++reordered_;
  } else {
    highest_ = sequence;
    lastTimestamp_ = timestamp;
    lastRawTimestamp_ = header.timestamp;
  }
  packets_.push_back({sequence, timestamp, arrival});
  return true;
}

std::vector<double> ReceiveStatistics::deviations() const {
  std::vector<double> result;
  result.reserve(packets_.size());
  for (const Packet& packet : packets_)
    result.push_back(toMs(packet.arrival - packets_.front().arrival) -
                     1000.0 * static_cast<double>(packet.timestamp) / clockRate_);
  return result;
}

Nanoseconds ReceiveStatistics::fittedStart() const {
  if (packets_.empty()) return 0;
  std::vector<double> all = deviations();
  std::ranges::sort(all);
  return packets_.front().arrival + static_cast<Nanoseconds>(percentile(all, 50) * 1e6);
}

ReceiveStatistics::Result ReceiveStatistics::result(uint32_t samplesPerPacket,
                                                    Nanoseconds steadyFrom,
                                                    Nanoseconds steadyTo) const {
  Result result;
  result.received = packets_.size();
  result.duplicates = duplicates_;
  result.reordered = reordered_;
  result.foreignSsrc = foreignSsrc_;
  if (packets_.empty()) return result;
  const std::vector<double> all = deviations();
  std::vector<double> sorted = all;
  std::ranges::sort(sorted);
  const double start = percentile(sorted, 50);
  for (size_t i = 0; i < packets_.size(); ++i) {
    const double late = all[i] - start;
    const bool steady = packets_[i].arrival >= steadyFrom && packets_[i].arrival <= steadyTo;
    if (steady) result.worstLateMs = std::max(result.worstLateMs, late);
    if (late <= kLateMs) continue;
    ++result.late;
    if (steady) ++result.lateSteady;
  }
  std::vector<Packet> ordered = packets_;
  std::ranges::sort(ordered, {}, &Packet::sequence);
  const int64_t span = ordered.back().sequence - ordered.front().sequence + 1;
  result.lost = static_cast<uint64_t>(span) - packets_.size();
  for (size_t i = 1; i < ordered.size(); ++i)
    if (ordered[i].sequence == ordered[i - 1].sequence + 1 &&
        ordered[i].timestamp - ordered[i - 1].timestamp != samplesPerPacket)
      ++result.jumps;
  return result;
}

}  // namespace bench
