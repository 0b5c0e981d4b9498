// SPDX-License-Identifier: LGPL-2.1-or-later
//
// RtpDecodeStream: the streaming side of wsbridgertpdec, from RTP packets and their losses to audio
// at the rate that downstream takes. It owns the concealer, the converter and the buffers of a
// stream. Everything is called with the sink pad's stream lock, except where it says otherwise; it
// takes no lock of its own. The element owns it.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include <gst/gst.h>

#include "audio/LossConcealer.hpp"
#include "audio/RateConverter.hpp"
#include "rtpcodec/RtpAudioFormat.hpp"
#include "runtime/BufferCache.hpp"

namespace wsbridge {

class RtpDecodeStream {
 public:
  static constexpr guint kDefaultMaxConcealMs = 100;

  /// `other_payload` is the element's signal of the same name.
  RtpDecodeStream(GstElement* element, GstPad* src, guint other_payload);
  RtpDecodeStream(const RtpDecodeStream&) = delete;
  RtpDecodeStream& operator=(const RtpDecodeStream&) = delete;

  /// Without the lock, while the pads are not active.
  void start();
  void stop();

  /// Borrows the buffer.
  GstFlowReturn take(GstBuffer* buffer);
  /// False, and an error is posted, when the element cannot work with it.
  bool takeCaps(const GstCaps* caps);
  /// So much time is missing at `pts`; pushes what is made up for it. Either may be invalid.
  void takeLoss(GstClockTime pts, GstClockTime duration);
  void flush();

  /// Any thread.
  [[nodiscard]] GstStructure* stats() const;
  [[nodiscard]] GstClockTime delay() const { return delay_.load(std::memory_order_relaxed); }
  std::atomic<guint> max_conceal_ms{kDefaultMaxConcealMs};

 private:
  /// Written with the stream lock only, read by any thread.
  class Counter {
   public:
    void operator++() { value_.store(*this + 1, std::memory_order_relaxed); }
    operator guint64() const { return value_.load(std::memory_order_relaxed); }
    void zero() { value_.store(0, std::memory_order_relaxed); }

   private:
    std::atomic<guint64> value_{0};
  };

  bool negotiate();
  bool negotiatePassing();
  bool negotiateLinear();
  void setOutput(int rate, AudioEncoding encoding);
  GstFlowReturn decode(GstBuffer* packet, std::span<const uint8_t> payload);
  GstFlowReturn concealPacket(GstClockTime pts);
  /// Decodes what was passed on lately, for what is to be made up.
  void recall();
  /// Converts or encodes so many samples of the scratch memory, and pushes them.
  GstFlowReturn finish(gsize samples, GstClockTime pts, bool discont);
  /// Pushes the payload as it is.
  GstFlowReturn pass(std::span<const uint8_t> payload, GstClockTime pts, bool discont);
  GstFlowReturn push(GstBuffer* out, gsize samples, GstClockTime pts, bool discont);
  void tellOther(int payload_type, GstBuffer* packet);
  GstFlowReturn cannotDecode(const GstCaps* caps);

  GstElement* const element_;
  GstPad* const src_;
  const guint other_payload_;

  std::optional<RtpAudioFormat> format_;
  int out_rate_ = 0;                                    // 0: not negotiated
  AudioEncoding out_encoding_ = AudioEncoding::Linear;  // otherwise the payload passes
  std::optional<LossConcealer> concealer_;
  std::optional<RateConverter> converter_;
  gsize most_samples_ = 0;       // of a packet
  std::vector<uint8_t> codes_;   // of what is made up
  std::vector<uint8_t> passed_;  // of late, at most what the concealer remembers
  BufferCache buffers_;

  bool first_ = true;
  gsize packet_samples_ = 0;  // of the last packet; 0: none yet
  gsize concealed_run_ = 0;   // samples made up since the last packet
  GstClockTime next_pts_ = GST_CLOCK_TIME_NONE;

  std::atomic<GstClockTime> delay_{0};
  Counter packets_;
  Counter lost_;
  Counter concealed_;
  Counter other_;
  Counter invalid_;
};

}  // namespace wsbridge
