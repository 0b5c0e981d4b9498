// SPDX-License-Identifier: LGPL-2.1-or-later
//
// RtpAudioFormat: what the caps of an RTP stream say about the audio in it, and how its payload
// becomes samples. Pure but for the caps; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include <gst/gst.h>

#include "audio/AudioEncoding.hpp"
#include "common/CodecInfo.hpp"

namespace wsbridge {

/// What can be decoded; for pad templates.
#define WSBRIDGE_RTP_AUDIO_CAPS                                                         \
  "application/x-rtp, media=(string)audio, encoding-name=(string){ PCMU, PCMA, L16 }, " \
  "clock-rate=(int)[ 8000, 48000 ]"

struct RtpAudioFormat {
  common::RtpCodec codec;
  int rate;          ///< Hz
  int payload_type;  ///< -1: any

  static std::optional<RtpAudioFormat> fromCaps(const GstCaps* caps);

  /// Of a payload of so many bytes; 0 when it does not hold whole samples.
  [[nodiscard]] size_t samples(size_t bytes) const;
  /// Writes samples(payload.size()) of them.
  void decode(std::span<const uint8_t> payload, int16_t* out) const;

  /// As an endpoint's; Linear for L16, whose bytes are in another order.
  [[nodiscard]] AudioEncoding encoding() const;

  bool operator==(const RtpAudioFormat&) const = default;
};

}  // namespace wsbridge
