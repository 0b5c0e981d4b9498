// SPDX-License-Identifier: LGPL-2.1-or-later
#include "websocket/ControlBudget.hpp"

#include <algorithm>

namespace wsbridge {

namespace {

constexpr int64_t kSecondUs = 1'000'000;
constexpr int64_t kRefillUs = 1'000;
constexpr int64_t kMessage = 1000;
/// A kilobyte of text costs about as much as one more message.
constexpr int64_t kPerByte = 1;
constexpr int64_t kTextFragment = 100;
/// Base64 with each character escaped, and some more; and the message around it, where that carries
/// audio worth a message.
constexpr size_t kTextPerAudio = 4;
constexpr size_t kEnvelopePerAudio = 32;
constexpr size_t kMaxEnvelope = 256;
/// After a pause there is something to be read for, so that the loop is not woken for each message:
/// a share of a second.
constexpr int64_t kRestShare = 10;

}  // namespace

ControlBudget::ControlBudget(unsigned rate)
    : rate_(int64_t{rate} * kMessage),
      burst_(rate_ * kBurstSeconds),
      left_(burst_),
      counts_(rate > 0) {}

void ControlBudget::message(int64_t now_us, size_t bytes) {
  refill(now_us);
  left_ -= kMessage + static_cast<int64_t>(bytes) * kPerByte;
}

void ControlBudget::mediaMessage(int64_t now_us, size_t bytes, size_t audio_bytes) {
  const size_t explained =
      audio_bytes * kTextPerAudio + std::min(audio_bytes * kEnvelopePerAudio, kMaxEnvelope);
  if (bytes <= explained) return;
  refill(now_us);
  left_ -= static_cast<int64_t>(bytes - explained) * kPerByte;
}

void ControlBudget::frames(int64_t now_us, uint64_t pings, uint64_t text_fragments) {
  refill(now_us);
  left_ -= static_cast<int64_t>(pings) * kMessage;
  left_ -= static_cast<int64_t>(text_fragments) * kTextFragment;
}

void ControlBudget::work(int64_t now_us, int64_t us) {
  refill(now_us);
  work_ -= us;
}

void ControlBudget::refill(int64_t now_us) {
  if (refilled_us_ == 0) refilled_us_ = now_us;
  // In steps, so that nothing is lost by rounding.
  const int64_t elapsed_us = now_us - refilled_us_;
  if (elapsed_us < kRefillUs) return;
  refilled_us_ = now_us;
  // A long silence fills both, whatever was owed, and the products below stay small.
  const int64_t counted_us = std::min(elapsed_us, 3600 * kSecondUs);
  left_ = std::min(burst_, left_ + rate_ * counted_us / kSecondUs);
  work_ = std::min(kWorkBurstUs, work_ + kWorkRate * counted_us / kSecondUs);
  // A second's worth has been left unused: it has stopped.
  if (left_ >= rate_) over_since_us_ = 0;
}

int64_t ControlBudget::readableAt(int64_t now_us) {
  refill(now_us);
  if (counts_ && left_ <= 0 && over_since_us_ == 0) over_since_us_ = now_us;
  const int64_t wanted = rate_ / kRestShare;
  const bool short_of_messages = counts_ && left_ < (resting_ ? wanted : 1);
  const bool short_of_work = work_ < (resting_ ? kSliceUs : 1);
  resting_ = short_of_messages || short_of_work;
  int64_t at_us = now_us;
  if (short_of_messages) at_us = std::max(at_us, now_us + (wanted - left_) * kSecondUs / rate_ + 1);
  if (short_of_work)
    at_us = std::max(at_us, now_us + (kSliceUs - work_) * kSecondUs / kWorkRate + 1);
  return at_us;
}

}  // namespace wsbridge
