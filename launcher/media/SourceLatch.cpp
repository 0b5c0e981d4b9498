// SPDX-License-Identifier: LGPL-2.1-or-later
#include "media/SourceLatch.hpp"

namespace launcher {

namespace {
constexpr std::size_t kHeader = 12;
}

SourceLatch::Verdict SourceLatch::packet(const RtpSource& from, std::uint64_t nowMs) {
  if (!latched_) {
    latched_ = from;
    latchedAt_ = nowMs;
    return Verdict::TakeAndLatch;
  }
  if (from == *latched_) return Verdict::Take;
  if (from == announced_ && nowMs - latchedAt_ < kPreferMs) {
    latched_ = from;
    return Verdict::TakeAndLatch;
  }
  return Verdict::Ignore;
}

void SourceLatch::announce(RtpSource announced) {
  if (announced == announced_) return;
  announced_ = std::move(announced);
  latched_.reset();
}

bool isValidRtp(const std::uint8_t* data, std::size_t size, int payloadType, int eventPayloadType) {
  if (size < kHeader || (data[0] >> 6) != 2) return false;
  std::size_t header = kHeader + 4 * static_cast<std::size_t>(data[0] & 0x0f);
  if ((data[0] & 0x10) != 0) {
    if (size < header + 4) return false;
    header += 4 + 4 * static_cast<std::size_t>(data[header + 2] << 8 | data[header + 3]);
  }
  if ((data[0] & 0x20) != 0) header += data[size - 1];
  if (size < header) return false;
  const int type = data[1] & 0x7f;
  return type == payloadType || (eventPayloadType >= 0 && type == eventPayloadType);
}

}  // namespace launcher
