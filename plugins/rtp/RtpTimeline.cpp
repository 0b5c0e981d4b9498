// SPDX-License-Identifier: LGPL-2.1-or-later
#include "rtp/RtpTimeline.hpp"

#include <algorithm>

namespace wsbridge {

void RtpTimeline::reset(uint32_t clock_rate) {
  *this = RtpTimeline();
  rate_ = clock_rate;
}

void RtpTimeline::restart() {
  if (based_) floor_ns_ = endPts();
  based_ = false;
}

void RtpTimeline::base(uint32_t time, int64_t pts_ns, int64_t arrival_ns) {
  based_ = true;
  offset_ns_ = pts_ns;
  last_ = 0;
  last_time_ = time;
  last_arrival_ns_ = arrival_ns;
  end_ = 0;
  bucket_start_ns_ = arrival_ns;
  bucket_ns_ = arrival_ns;
  previous_bucket_ns_ = kNone;
}

int64_t RtpTimeline::earliest(int64_t distance_ns, int64_t arrival_ns) {
  if (arrival_ns - bucket_start_ns_ >= kSecond) {
    previous_bucket_ns_ = bucket_ns_;
    bucket_ns_ = distance_ns;
    bucket_start_ns_ = arrival_ns;
  } else {
    bucket_ns_ = std::min(bucket_ns_, distance_ns);
  }
  return std::min(previous_bucket_ns_, bucket_ns_);
}

RtpTimeline::Stamp RtpTimeline::stamp(uint32_t time, int64_t arrival_ns, bool leading) {
  if (!based_) {
    base(time, std::max(arrival_ns, floor_ns_), arrival_ns);
    return {offset_ns_, false};
  }
  const int64_t ticks = extend(time);
  if (!leading) return {at(ticks), false};

  const int64_t media_ns = toNs(ticks);
  const int64_t advance_ns = toNs(ticks - last_);
  const bool ahead = advance_ns - (arrival_ns - last_arrival_ns_) > kStepLimit &&
                     offset_ns_ + media_ns - arrival_ns > kStepLimit;
  if (ahead || advance_ns < -kStepLimit) {
    base(time, std::max(arrival_ns, endPts()), arrival_ns);
    return {offset_ns_, true};
  }
  last_ = ticks;
  last_time_ = time;
  last_arrival_ns_ = arrival_ns;

  const int64_t error_ns = earliest(arrival_ns - media_ns, arrival_ns) - offset_ns_;
  // A sender that stood still with its clock, too: nothing later will come in time again.
  if (error_ns > kStepLimit) {
    offset_ns_ += error_ns;
    return {at(ticks), true};
  }
  const int64_t limit_ns = std::clamp<int64_t>(advance_ns, 0, kSecond) / kSlewDivisor;
  offset_ns_ += std::clamp(error_ns, -limit_ns, limit_ns);
  return {at(ticks), false};
}

}  // namespace wsbridge
