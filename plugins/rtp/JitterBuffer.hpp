// SPDX-License-Identifier: LGPL-2.1-or-later
//
// JitterBuffer: puts RTP packets in order. What comes in order goes on at once; a gap is held for a
// bounded time for the missing packet, then reported lost. Pure: no thread, no clock, no GStreamer;
// the caller says when a packet came and what time it is. It owns the packets that it holds. One
// thread at a time, but the statistics may be read from any thread.
//
// After each push() and drain() the caller takes what is due with pull() until there is no more,
// and again when deadline() has come.
#pragma once

#include <array>
#include <atomic>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "rtp/RtpTimeline.hpp"

namespace wsbridge {

class JitterBuffer {
 public:
  using Payload = std::unique_ptr<void, void (*)(void*)>;

  struct Packet {
    uint16_t seq = 0;
    uint8_t type = 0;
    uint32_t time = 0;
    uint32_t ssrc = 0;
    int64_t arrival_ns = 0;
    bool skipped = false;  ///< came, and there is nothing in it for anybody behind
    Payload payload{nullptr, nullptr};
  };

  struct Action {
    enum class Kind { None, Deliver, Lost, Skip };
    Kind kind = Kind::None;
    Packet packet;  ///< to deliver
    int64_t pts_ns = 0;
    bool discont = false;     ///< to deliver: does not go on where the last one ended
    uint16_t seq = 0;         ///< lost
    int64_t duration_ns = 0;  ///< lost; 0 when the packet took no time of its own
  };

  /// Written by the thread that pushes, read by any.
  template <typename T>
  class Gauge {
   public:
    void operator=(T value) { value_.store(value, std::memory_order_relaxed); }
    void operator+=(T value) { *this = *this + value; }
    void operator++() { *this += 1; }
    operator T() const { return value_.load(std::memory_order_relaxed); }

   private:
    std::atomic<T> value_{0};
  };

  /// received = delivered + skipped + late + duplicates + stale + flushed + held
  struct Stats {
    Gauge<uint64_t> received;
    Gauge<uint64_t> delivered;
    Gauge<uint64_t> skipped;     ///< came in a payload type that nobody wants
    Gauge<uint64_t> lost;        ///< given up, reported or not
    Gauge<uint64_t> late;        ///< came after they had been given up
    Gauge<uint64_t> reordered;   ///< came behind a later one, but in time
    Gauge<uint64_t> duplicates;  ///< came before
    Gauge<uint64_t> stale;       ///< of the SSRC before, or single ones far off the sequence
    Gauge<uint64_t> flushed;     ///< thrown away by clear()
    Gauge<uint64_t> ssrc_changes;
    Gauge<uint64_t> resyncs;   ///< new sequence or new time stamps in the same SSRC
    Gauge<uint64_t> held;      ///< now
    Gauge<int64_t> jitter_ns;  ///< RFC 3550 A.8
    Gauge<int64_t> longest_hold_ns;
    void zero();
  };

  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
  static constexpr int64_t kMs = 1'000'000;
  /// For this long after a change of the SSRC packets of the old one are stragglers, no way back.
  static constexpr int64_t kStragglerNs = 500 * kMs;
  /// RFC 3550 A.1: a packet this far ahead or behind begins a new sequence, if the next one agrees.
  static constexpr int64_t kMaxDropout = 3000;
  static constexpr int64_t kMaxMisorder = 128;
  /// Late packets in sequence for so long, and none in order: the new sequence of a sender that
  /// fell on numbers just used.
  static constexpr int64_t kLateRunNs = 500 * kMs;
  static constexpr unsigned kLateRunPackets = 5;
  /// No packet of sound is longer; a longer step of the time stamp is a pause.
  static constexpr int64_t kLongestPacketNs = 120 * kMs;
  static constexpr int64_t kDefaultPacketNs = 20 * kMs;
  /// A gap of more packets is given up without a report for each, whatever time it took.
  static constexpr int64_t kMostReports = 500;

  struct Limits {
    int64_t max_wait_ns = 60 * kMs;
    size_t max_packets = 256;
    int64_t max_lost_ns = 1000 * kMs;
  };

  JitterBuffer() { clear(8000); }
  JitterBuffer(const JitterBuffer&) = delete;
  JitterBuffer& operator=(const JitterBuffer&) = delete;

  void setLimits(const Limits& limits) { limits_ = limits; }
  [[nodiscard]] uint32_t clockRate() const { return clock_rate_; }

  void push(Packet packet) {
    ++stats_.received;
    if (started_ && packet.ssrc == ssrc_ && packet.seq == static_cast<uint16_t>(next_) &&
        !doubtful_ && holdsNothing()) [[likely]] {
      noteJitter(packet);
      ready_ = std::move(packet);
      has_ready_ = true;
      return;
    }
    place(std::move(packet));
  }

  /// What is due at `now_ns`, one at a time.
  [[nodiscard]] Action pull(int64_t now_ns);

  /// All that is held is due now.
  void drain() { draining_ = true; }
  /// When something that is held becomes due; kNever when nothing is held.
  [[nodiscard]] int64_t deadline() const;

  /// Throws away what is held and begins anew; the statistics stay.
  void clear(uint32_t clock_rate);

  [[nodiscard]] const Stats& stats() const { return stats_; }
  Stats& stats() { return stats_; }

 private:
  struct Held {
    int64_t seq;  ///< without wrap
    Packet packet;
  };

  [[nodiscard]] bool holdsNothing() const { return first_ == held_.size(); }
  [[nodiscard]] size_t holds() const { return held_.size() - first_; }
  [[nodiscard]] const Held& front() const { return held_[first_]; }

  void place(Packet packet);
  void placeSkipped(Packet packet);
  [[nodiscard]] int64_t extended(const Packet& packet) const;
  [[nodiscard]] bool goesBack(const Packet& packet, int64_t seq) const;
  void placeBehind(Packet packet, int64_t seq);
  void placeAhead(Packet packet, int64_t seq);
  void suspect(Packet packet);
  void dropSuspect();
  void clearDoubts();
  void replaceStream(Packet first, Packet second);
  void begin(Packet packet);
  void hold(Packet packet, int64_t seq);
  Packet release(int64_t now_ns);
  Action deliver(Packet packet);
  /// The first packet of the gap in front of what is held; none when the gap is not reported.
  Action giveUp();
  [[nodiscard]] const Packet& behindGap() const;
  bool noteType(const Packet& packet);
  void noteJitter(const Packet& packet);

  Limits limits_;
  Stats stats_;
  uint32_t clock_rate_ = 8000;
  RtpTimeline timeline_;

  bool started_ = false;
  uint32_t ssrc_ = 0;
  int64_t next_ = 0;  ///< sequence number expected, without wrap
  bool discont_ = true;
  std::bitset<kMaxMisorder> delivered_;  ///< of the last ones before next_, by number modulo size

  bool has_ready_ = false;
  Packet ready_;
  std::vector<Held> held_;  ///< by sequence number, from first_ on
  size_t first_ = 0;
  int64_t oldest_arrival_ns_ = kNever;
  bool draining_ = false;
  std::array<Packet, 2> pending_;  ///< begin the next stream once this one is drained

  bool has_previous_ = false;
  uint32_t previous_ssrc_ = 0;
  int64_t changed_ns_ = 0;

  bool doubtful_ = false;  ///< one of the two below
  bool has_suspect_ = false;
  Packet suspect_;  ///< may be without payload: what its successor would have to be is kept
  bool has_late_run_ = false;
  uint16_t late_run_next_ = 0;
  unsigned late_run_length_ = 0;
  int64_t late_run_start_ns_ = 0;

  // The type whose time stamps move on, and how far with each packet.
  uint8_t main_type_ = 0;
  uint32_t newest_time_ = 0;  ///< of that type, delivered last
  uint8_t last_type_ = 0;
  uint32_t last_time_ = 0;
  bool has_last_ = false;  ///< the packet just before in sequence was delivered
  unsigned advances_ = 0;
  int64_t packet_ticks_ = 160;
  int64_t candidate_ticks_ = 0;
  bool ticks_known_ = false;

  bool has_transit_ = false;
  uint32_t transit_time_ = 0;
  int64_t transit_arrival_ns_ = 0;
};

}  // namespace wsbridge
