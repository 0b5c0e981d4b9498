// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What wsbridgertpenc and the side behind it agree on: from the element's properties, the rate that
// comes in and the caps that the peer takes to one format. Nothing is kept; any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include <gst/gst.h>

#include "rtp/RtpPacketizer.hpp"

namespace wsbridge {

struct CapsUnref {
  void operator()(GstCaps* caps) const { gst_caps_unref(caps); }
};
using CapsPtr = std::unique_ptr<GstCaps, CapsUnref>;

/// What is not set is chosen with the peer.
struct RtpEncoderWishes {
  std::optional<RtpCodec> codec;
  std::optional<int> clock_rate;
  std::optional<int> payload_type;
  std::optional<int> ptime_ms;
  std::optional<uint32_t> ssrc;
};

struct RtpEncoderChoice {
  RtpPacketFormat format;
  /// What the peer asks for.
  std::optional<uint32_t> ssrc;
  std::optional<uint32_t> sequence_offset;
  std::optional<uint32_t> timestamp_offset;
  /// Fixed, but for ssrc, seqnum-offset and timestamp-offset.
  CapsPtr caps;
};

/// All that the wishes allow, the preferred first. Empty when they contradict each other.
CapsPtr offeredCaps(const RtpEncoderWishes& wishes, int input_rate);

/// `peer` answers a caps query. Nothing when there is no common format.
std::optional<RtpEncoderChoice> chooseFormat(const RtpEncoderWishes& wishes, int input_rate,
                                             const GstCaps* peer);

/// Writes the numbers of a stream into the caps of a choice.
void setStreamNumbers(GstCaps* caps, uint32_t ssrc, uint32_t timestamp_offset,
                      uint16_t sequence_offset);

}  // namespace wsbridge
