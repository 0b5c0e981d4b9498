// SPDX-License-Identifier: LGPL-2.1-or-later
#include "media/StreamSplice.hpp"

#include <algorithm>

namespace launcher {

namespace {

std::uint16_t read16(const std::uint8_t* p) {
  return static_cast<std::uint16_t>(p[0] << 8 | p[1]);
}

std::uint32_t read32(const std::uint8_t* p) {
  return static_cast<std::uint32_t>(read16(p)) << 16 | read16(p + 2);
}

void write16(std::uint8_t* p, std::uint16_t value) {
  p[0] = static_cast<std::uint8_t>(value >> 8);
  p[1] = static_cast<std::uint8_t>(value);
}

void write32(std::uint8_t* p, std::uint32_t value) {
  write16(p, static_cast<std::uint16_t>(value >> 16));
  write16(p + 2, static_cast<std::uint16_t>(value));
}

}  // namespace

StreamSplice::Verdict StreamSplice::packet(std::uint8_t* header, std::uint64_t nowMs) {
  const std::uint32_t ssrc = read32(header + 8);
  const std::uint16_t sequence = read16(header + 2);
  const std::uint32_t time = read32(header + 4);
  if (!started_) {
    started_ = true;
    first_ = current_ = previous_ = ssrc;
    lastSequence_ = sequence;
    lastTime_ = time;
    lastAt_ = nowMs;
    return Verdict::Same;
  }
  if (ssrc != current_) {
    if (ssrc == previous_ && nowMs - changedAt_ < kStragglerMs) return Verdict::Stale;
    previous_ = current_;
    current_ = ssrc;
    changedAt_ = nowMs;
    const std::uint64_t gapMs = std::max<std::uint64_t>(nowMs - lastAt_, 1);
    const auto gap = static_cast<std::uint32_t>(gapMs * clockRate_ / 1000);
    sequenceShift_ = static_cast<std::uint16_t>(lastSequence_ + 1 - sequence);
    timeShift_ = lastTime_ + gap - time;
  }
  const auto newSequence = static_cast<std::uint16_t>(sequence + sequenceShift_);
  const std::uint32_t newTime = time + timeShift_;
  if (static_cast<std::int16_t>(newSequence - lastSequence_) > 0) {
    lastSequence_ = newSequence;
    lastTime_ = newTime;
    lastAt_ = nowMs;
  }
  if (current_ == first_ && sequenceShift_ == 0 && timeShift_ == 0) return Verdict::Same;
  write16(header + 2, newSequence);
  write32(header + 4, newTime);
  write32(header + 8, first_);
  return Verdict::Rewritten;
}

}  // namespace launcher
