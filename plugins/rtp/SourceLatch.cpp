// SPDX-License-Identifier: LGPL-2.1-or-later
#include "rtp/SourceLatch.hpp"

#include <algorithm>

namespace wsbridge {

SourceLatch::Verdict SourceLatch::consider(const RtpAddress& from, const Stream& stream,
                                           int64_t now_us) {
  if (isForbidden(from)) return Verdict::Ignore;
  if (isAnnounced(from)) return latch(from, How::Announced, now_us);
  const How kind = kindOf(from);
  const bool known = kind != How::Other;
  if (latched_) {
    const bool better = known && (how_ == How::Other || how_ == How::First);
    if (!better && now_us - heard_us_ < kSilentUs) return Verdict::Ignore;
  }
  if (wasLeft(from)) return Verdict::Ignore;
  if (known) return latch(from, kind, now_us);
  if (knowsNobody() && !latched_) return latch(from, How::First, now_us);
  return isProven(from, stream, now_us) ? latch(from, kind, now_us) : Verdict::Ignore;
}

SourceLatch::Verdict SourceLatch::report(const RtpAddress& from,
                                         const std::optional<RtpAddress>& audio, int64_t now_us) {
  if (isForbidden(from)) return Verdict::Ignore;
  if (isAnnounced(from)) {
    if (hears(from, now_us)) return Verdict::Take;
    return latch(from, How::Announced, now_us);
  }
  const auto isOfAudio = [&audio](const RtpAddress& it) { return !audio || audio->sameHost(it); };
  if (!isOfAudio(from)) return Verdict::Ignore;
  if (hears(from, now_us)) return Verdict::Take;
  const bool guarded = !knowsNobody();
  const How kind = kindOf(from);
  if (!audio && guarded && kind == How::Other) return Verdict::Ignore;
  const bool fits = latched_ && (isAnnounced(*latched_) || isOfAudio(*latched_));
  if (fits && now_us - heard_us_ < kSilentUs) return Verdict::Ignore;
  if (wasLeft(from) || (fits && !guarded && !audio)) return Verdict::Ignore;
  return latch(from, guarded ? kind : How::First, now_us);
}

bool SourceLatch::isAnnounced(const RtpAddress& from) const {
  return from == announced_ && !announced_.isNowhere();
}

SourceLatch::How SourceLatch::kindOf(const RtpAddress& from) const {
  if (announced_.port != 0 && from.sameHost(announced_)) return How::AnnouncedHost;
  if (from.sameHost(signalling_)) return How::SignallingHost;
  return How::Other;
}

bool SourceLatch::knowsNobody() const {
  return announced_ == RtpAddress{} && signalling_ == RtpAddress{};
}

bool SourceLatch::isForbidden(const RtpAddress& from) const {
  return signalling_ != RtpAddress{} && !from.mayBeSentTo();
}

bool SourceLatch::wasLeft(const RtpAddress& from) const {
  const auto end = left_.begin() + static_cast<std::ptrdiff_t>(std::min(left_count_, kLeft));
  return std::find(left_.begin(), end, from) != end;
}

bool SourceLatch::isProven(const RtpAddress& from, const Stream& stream, int64_t now_us) {
  auto at = std::find_if(candidates_.begin(), candidates_.end(),
                         [&from](const Candidate& it) { return it.count > 0 && it.from == from; });
  if (at == candidates_.end()) {
    // In the place of the one that has been silent for longest.
    at = std::min_element(candidates_.begin(), candidates_.end(),
                          [](const auto& a, const auto& b) { return a.seen_us < b.seen_us; });
    *at = Candidate{.from = from};
  }
  const bool goes_on = at->stream.ssrc == stream.ssrc &&
                       static_cast<uint16_t>(at->stream.sequence + 1) == stream.sequence &&
                       at->silent_since_us == heard_us_;
  at->count = goes_on ? at->count + 1 : 1;
  at->stream = stream;
  at->seen_us = now_us;
  at->silent_since_us = heard_us_;
  return at->count >= kInSequence;
}

SourceLatch::Verdict SourceLatch::latch(const RtpAddress& from, How how, int64_t now_us) {
  if (latched_ && !isAnnounced(*latched_)) left_[left_count_++ % kLeft] = *latched_;
  latched_ = from;
  how_ = how;
  heard_us_ = now_us;
  candidates_.fill({});
  return Verdict::TakeAndLatch;
}

void SourceLatch::announce(const RtpAddress& announced) {
  if (announced == announced_) return;
  announced_ = announced;
  left_count_ = 0;
  release();
}

void SourceLatch::release() {
  latched_.reset();
  how_ = How::None;
  heard_us_ = 0;
  candidates_.fill({});
}

const char* latchName(SourceLatch::How how) {
  switch (how) {
    case SourceLatch::How::None:
      break;
    case SourceLatch::How::First:
      return "first";
    case SourceLatch::How::Announced:
      return "announced";
    case SourceLatch::How::AnnouncedHost:
      return "announced-host";
    case SourceLatch::How::SignallingHost:
      return "signalling-host";
    case SourceLatch::How::Other:
      return "other";
  }
  return "none";
}

}  // namespace wsbridge
