// SPDX-License-Identifier: LGPL-2.1-or-later
//
// RtpTimeline: gives the packets of one RTP stream presentation times. They follow the RTP time
// stamps; the distance to the arrival times is measured by the earliest packets of the last one to
// two seconds and slewed, so that a sender's clock that runs fast or slow shows as a rate and never
// as a step. Pure. One thread.
#pragma once

#include <cstdint>
#include <limits>

namespace wsbridge {

class RtpTimeline {
 public:
  static constexpr int64_t kSecond = 1'000'000'000;
  /// Beyond this it is no jitter and no drift: the sender has set its clock.
  static constexpr int64_t kStepLimit = kSecond;
  /// The slew is at most one part in this many of the time that passes.
  static constexpr int64_t kSlewDivisor = 200;

  struct Stamp {
    int64_t pts;
    bool stepped;  ///< not continuous with the packet before
  };

  /// Forgets everything that was given out.
  void reset(uint32_t clock_rate);
  /// The next packet begins a new base: at its arrival, but not before the end of what was given
  /// out.
  void restart();

  /// Presentation time of the next packet in order. `leading`: it moves the time line; others, such
  /// as telephone events that repeat the time of their start, are only placed on it.
  Stamp stamp(uint32_t time, int64_t arrival_ns, bool leading);

  [[nodiscard]] bool based() const { return based_; }
  /// RTP time stamp without wrap, near the last one.
  [[nodiscard]] int64_t extend(uint32_t time) const {
    return last_ + static_cast<int32_t>(time - last_time_);
  }
  [[nodiscard]] int64_t toNs(int64_t ticks) const {
    return ticks / rate_ * kSecond + ticks % rate_ * kSecond / rate_;
  }
  [[nodiscard]] int64_t toTicks(int64_t ns) const { return ns * rate_ / kSecond; }

  /// Where the audio given out or concealed so far ends, in ticks and as presentation time.
  [[nodiscard]] int64_t end() const { return end_; }
  [[nodiscard]] int64_t endPts() const { return at(end_); }
  void extendEnd(int64_t ticks) { end_ += ticks; }
  void setEnd(uint32_t time, int64_t ticks) { end_ = extend(time) + ticks; }

 private:
  [[nodiscard]] int64_t at(int64_t ticks) const {
    const int64_t pts = offset_ns_ + toNs(ticks);
    return pts < 0 ? 0 : pts;
  }
  void base(uint32_t time, int64_t pts_ns, int64_t arrival_ns);
  int64_t earliest(int64_t distance_ns, int64_t arrival_ns);

  static constexpr int64_t kNone = std::numeric_limits<int64_t>::max();

  int64_t rate_ = 8000;
  bool based_ = false;
  int64_t offset_ns_ = 0;  ///< presentation time of tick 0
  int64_t last_ = 0;       ///< ticks of the last leading packet; the first packet of a base is 0
  uint32_t last_time_ = 0;
  int64_t last_arrival_ns_ = 0;
  int64_t end_ = 0;
  int64_t floor_ns_ = 0;

  // Least distance of arrival and media time in this second and in the one before.
  int64_t bucket_start_ns_ = 0;
  int64_t bucket_ns_ = kNone;
  int64_t previous_bucket_ns_ = kNone;
};

}  // namespace wsbridge
