// SPDX-License-Identifier: LGPL-2.1-or-later
#include "rtp/SourceLatch.hpp"

namespace wsbridge {

SourceLatch::Verdict SourceLatch::packet(const RtpAddress& from, int64_t now_us) {
  if (!latched_) {
    latched_ = from;
    latched_at_us_ = now_us;
    return Verdict::TakeAndLatch;
  }
  if (from == *latched_) return Verdict::Take;
  if (from == announced_ && now_us - latched_at_us_ < kPreferUs) {
    latched_ = from;
    return Verdict::TakeAndLatch;
  }
  return Verdict::Ignore;
}

void SourceLatch::announce(const RtpAddress& announced) {
  if (announced == announced_) return;
  announced_ = announced;
  latched_.reset();
}

}  // namespace wsbridge
