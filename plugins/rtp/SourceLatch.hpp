// SPDX-License-Identifier: LGPL-2.1-or-later
//
// SourceLatch: symmetric RTP, RFC 4961, that nobody takes over: decides whose packets are taken.
//   * The announced address (SDP) wins at any time, with its first packet.
//   * The announced host on another port and the host that the signalling comes from latch at once,
//     while nobody is latched or only another host is.
//   * Any other host latches with kInSequence packets of one SSRC in sequence (RFC 3550 A.1).
//   * Somebody else is latched only after kSilentUs without a packet of the latched source.
//   * A source that was left never latches again, unless it is the announced address.
//   * Multicast, link-local and metadata addresses never latch where a signalling host is known.
// Where nothing is announced and no signalling host is known, the first source latches at once.
// An announcement of another address starts over. Pure: the caller brings the clock, monotonic µs,
// and packets that are valid. One thread at a time. A packet of the latched source costs one
// comparison; nothing allocates.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "rtp/RtpAddress.hpp"

namespace wsbridge {

class SourceLatch {
 public:
  enum class Verdict {
    Take,
    TakeAndLatch,  ///< from now on, this is where we send to
    Ignore,
  };
  enum class How { None, First, Announced, AnnouncedHost, SignallingHost, Other };
  /// What tells one stream from another.
  struct Stream {
    uint32_t ssrc = 0;
    uint16_t sequence = 0;
  };

  static constexpr int64_t kSilentUs = 2'000'000;
  static constexpr unsigned kInSequence = 5;
  static constexpr size_t kCandidates = 8;  ///< other hosts that are looked at side by side
  static constexpr size_t kLeft = 8;        ///< sources left that are remembered

  /// An RTP packet with an agreed payload type: whether it is of the latched source.
  bool hears(const RtpAddress& from, int64_t now_us) {
    if (!latched_ || from != *latched_) return false;
    heard_us_ = now_us;
    return true;
  }
  /// The same for one of any source.
  Verdict packet(const RtpAddress& from, const Stream& stream, int64_t now_us) {
    return hears(from, now_us) ? Verdict::Take : consider(from, stream, now_us);
  }
  /// An RTCP packet, which has no sequence: once audio is latched it comes from its host (`audio`)
  /// or from the announced address; before that, other hosts do not count.
  Verdict report(const RtpAddress& from, const std::optional<RtpAddress>& audio, int64_t now_us);

  [[nodiscard]] const std::optional<RtpAddress>& latched() const { return latched_; }
  [[nodiscard]] How how() const { return how_; }
  [[nodiscard]] const RtpAddress& announced() const { return announced_; }

  /// Another address than before: start over.
  void announce(const RtpAddress& announced);
  /// The host that the signalling comes from; its port does not count.
  void setSignalling(const RtpAddress& host) { signalling_ = host; }
  /// Nobody is latched any more.
  void release();

 private:
  struct Candidate {
    RtpAddress from;
    Stream stream;
    unsigned count = 0;
    int64_t seen_us = 0;
    int64_t silent_since_us = 0;  // the same silence of the latched source goes on
  };

  Verdict consider(const RtpAddress& from, const Stream& stream, int64_t now_us);
  [[nodiscard]] bool isAnnounced(const RtpAddress& from) const;
  /// AnnouncedHost, SignallingHost or Other.
  [[nodiscard]] How kindOf(const RtpAddress& from) const;
  [[nodiscard]] bool knowsNobody() const;
  [[nodiscard]] bool isForbidden(const RtpAddress& from) const;
  [[nodiscard]] bool wasLeft(const RtpAddress& from) const;
  bool isProven(const RtpAddress& from, const Stream& stream, int64_t now_us);
  Verdict latch(const RtpAddress& from, How how, int64_t now_us);

  RtpAddress announced_;
  RtpAddress signalling_;
  std::optional<RtpAddress> latched_;
  How how_ = How::None;
  int64_t heard_us_ = 0;
  std::array<Candidate, kCandidates> candidates_{};
  std::array<RtpAddress, kLeft> left_{};
  size_t left_count_ = 0;  // ever
};

/// The word for it in messages and statistics.
const char* latchName(SourceLatch::How how);

}  // namespace wsbridge
