// SPDX-License-Identifier: LGPL-2.1-or-later
// Makes one RTP stream of a call out of several: when the sender starts a new SSRC (a transfer,
// music on hold), its sequence numbers and time stamps are shifted to go on where the last ones
// ended, so that the jitter buffer behind sees neither a loss of thousands nor a late packet. Pure:
// the caller brings the clock. One streaming thread.
#pragma once

#include <cstdint>

namespace launcher {

class StreamSplice {
 public:
  explicit StreamSplice(std::uint32_t clockRate) : clockRate_(clockRate) {}

  enum class Verdict {
    Same,
    Rewritten,  ///< the header was changed
    Stale,      ///< of the stream before, to be dropped
  };

  /// `header` is the fixed RTP header, 12 bytes, which may be changed.
  Verdict packet(std::uint8_t* header, std::uint64_t nowMs);

  /// For this long after a change, packets of the old SSRC are stragglers and not a way back.
  static constexpr std::uint64_t kStragglerMs = 500;

 private:
  std::uint32_t clockRate_;
  bool started_ = false;
  std::uint32_t first_ = 0;  ///< SSRC that the jitter buffer knows
  std::uint32_t current_ = 0;
  std::uint32_t previous_ = 0;
  std::uint64_t changedAt_ = 0;
  std::uint16_t sequenceShift_ = 0;
  std::uint32_t timeShift_ = 0;
  std::uint16_t lastSequence_ = 0;
  std::uint32_t lastTime_ = 0;
  std::uint64_t lastAt_ = 0;
};

}  // namespace launcher
