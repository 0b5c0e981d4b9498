// SPDX-License-Identifier: LGPL-2.1-or-later
// What the returned RTP stream looks like: loss, order, and lateness against its own schedule. Pure
// values; one thread at a time.
#pragma once

#include <cstdint>
#include <unordered_set>
#include <vector>

#include "Clock.hpp"

namespace bench {

struct RtpHeader {
  uint8_t payloadType = 0;
  bool marker = false;
  uint16_t sequence = 0;
  uint32_t timestamp = 0;
  uint32_t ssrc = 0;
  size_t size = 0;     // header with CSRCs and extension
  size_t padding = 0;  // at the end
};

// False when it is no RTP packet of version 2.
bool parseRtp(const uint8_t* data, size_t length, RtpHeader& header);

class ReceiveStatistics {
 public:
  explicit ReceiveStatistics(uint32_t clockRate) : clockRate_(clockRate) {}

  // False for a duplicate or a packet of another source; true also for one out of order.
  bool add(const RtpHeader& header, Nanoseconds arrival);

  struct Result {
    uint64_t received = 0, lost = 0, duplicates = 0, reordered = 0, foreignSsrc = 0;
    uint64_t late = 0;        // by more than 5 ms, all of the call
    uint64_t lateSteady = 0;  // the same between the two times given
    double worstLateMs = 0;
    uint64_t jumps = 0;  // neighbours by number whose time stamps are not one packet apart
  };
  // The schedule is first packet + time stamp, its start the median over all packets: it cannot
  // drift along with the stream.
  Result result(uint32_t samplesPerPacket, Nanoseconds steadyFrom, Nanoseconds steadyTo) const;

  uint64_t received() const { return packets_.size(); }
  Nanoseconds firstArrival() const { return packets_.empty() ? 0 : packets_.front().arrival; }
  // When sample 0 of the stream was due to arrive: the fitted start of the schedule.
  Nanoseconds fittedStart() const;

 private:
  struct Packet {
    int64_t sequence;   // extended
    int64_t timestamp;  // extended, in samples since the first packet
    Nanoseconds arrival;
  };
  std::vector<double> deviations() const;  // of arrival against the time stamp, in ms

  uint32_t clockRate_;
  uint32_t ssrc_ = 0;
  int64_t highest_ = 0;
  int64_t lastTimestamp_ = 0;
  uint32_t lastRawTimestamp_ = 0;
  std::vector<Packet> packets_;
  std::unordered_set<int64_t> seen_;
  uint64_t duplicates_ = 0, reordered_ = 0, foreignSsrc_ = 0;
};

}  // namespace bench
