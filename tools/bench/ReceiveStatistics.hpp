// SPDX-License-Identifier: LGPL-2.1-or-later
// What the returned RTP stream looks like: loss, order, and lateness against its own schedule. Pure
// values; one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "Clock.hpp"
#include "StallWatch.hpp"
#include "wire/Rtp.hpp"

namespace bench {

using namespace wire;

class ReceiveStatistics {
 public:
  explicit ReceiveStatistics(uint32_t clockRate) : clock_rate_(clockRate) {}

  // False for a duplicate or a packet of another source; true also for one out of order.
  bool add(const RtpHeader& header, Nanoseconds arrival);

  struct Result {
    uint64_t received = 0, lost = 0, duplicates = 0, reordered = 0, foreignSsrc = 0;
    uint64_t late = 0;        // by more than 5 ms, all of the call
    uint64_t lateSteady = 0;  // the same between the two times given
    double worstLateMs = 0;
    uint64_t lateByMachine = 0;       // those of lateSteady that are the machine's
    uint64_t lateByBacklog = 0;       // and those that waited behind what piled up meanwhile
    uint64_t lateByOthers = 0;        // and those that waited because other programs had the cores
    double worstBeyondStallsMs = 0;   // the worst, without the time that the machine stood still
    double worstBeyondBacklogMs = 0;  // and without the backlog either
    double worstLateOwnMs = 0;        // and without the others
    uint64_t lateBeyondStalls() const { return lateSteady - lateByMachine; }
    uint64_t lateOwn() const { return lateSteady - lateByMachine - lateByBacklog - lateByOthers; }
    struct Late {
      Nanoseconds due;
      double ms;  // its own share
    };
    std::vector<Late> lateOnes;  // by themselves
    double movedLaterMs = 0;     // the schedule, at its most
    double movedEarlierMs = 0;
    uint64_t jumps = 0;  // neighbours by number whose time stamps are not one packet apart
  };
  // A packet's schedule is what its time stamp and the second before it say (the median; for those
  // of the first second that second itself). How far the schedule itself moves is told apart. A
  // packet is late by the machine when without the time that the machine stood still, between
  // schedule and arrival, it would have been in time; by the backlog, when without that; by others,
  // when without their backlog, which has that of the machine in it.
  Result result(uint32_t samplesPerPacket, Nanoseconds steadyFrom, Nanoseconds steadyTo,
                const Backlog& machine = {}, const Backlog& others = {}) const;

  uint64_t received() const { return packets_.size(); }
  Nanoseconds firstArrival() const { return first_arrival_; }
  // When sample 0 of the stream was due to arrive: the fitted start of the schedule.
  Nanoseconds fittedStart() const;

 private:
  // Eight bytes each, because a long run keeps millions of them.
  struct Packet {
    uint32_t timestamp;  // samples since the first packet
    int32_t deviation;   // of its arrival against that, in units of 10 µs
  };
  double start() const;  // median deviation in ms
  // Of each packet what it is compared with, in the units of deviation.
  std::vector<int32_t> schedules(uint32_t samplesPerPacket) const;

  uint32_t clock_rate_;
  uint32_t ssrc_ = 0;
  int64_t first_ = 0, lowest_ = 0, highest_ = 0;  // extended sequence numbers
  int64_t last_timestamp_ = 0;
  uint32_t last_raw_timestamp_ = 0;
  Nanoseconds first_arrival_ = 0;
  std::vector<Packet> packets_;
  std::vector<bool> seen_, seen_before_;  // from the first packet on, and before it
  std::map<int64_t, uint64_t> steps_;     // of the time stamp between neighbours by number
  uint64_t duplicates_ = 0, reordered_ = 0, foreign_ssrc_ = 0;
};

}  // namespace bench
