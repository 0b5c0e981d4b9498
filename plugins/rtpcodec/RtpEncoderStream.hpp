// SPDX-License-Identifier: LGPL-2.1-or-later
//
// RtpEncoderStream: the streaming side of wsbridgertpenc, from GstBuffers and events to the pure
// RtpPacketizer and on to the source pad. It owns the packets' buffers and the numbers of a run.
// Everything is called with the sink pad's stream lock except where it says otherwise; no other
// lock is taken per packet. The element owns it.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include <gst/gst.h>

#include "rtp/RtpPacketizer.hpp"
#include "rtpcodec/RtpEncoderCaps.hpp"
#include "runtime/BufferCache.hpp"

namespace wsbridge {

class RtpEncoderStream : private RtpPacketizer::Output {
 public:
  struct Settings {
    RtpEncoderWishes wishes;
    std::optional<uint16_t> sequence_offset;
    std::optional<uint32_t> timestamp_offset;
    int event_payload_type = -1;
    int event_rate = 0;  // 0: that of the audio
  };
  struct Digit {
    DigitSender::Digit digit;
    int payload_type;
    int event_rate;
  };
  struct Counters {
    std::atomic<uint64_t> packets{0};
    std::atomic<uint64_t> bytes{0};  // with headers
    std::atomic<uint32_t> sequence{0};
    std::atomic<uint32_t> timestamp{0};
    std::atomic<uint32_t> ssrc{0};
    std::atomic<int> payload_type{-1};
    std::atomic<int> clock_rate{0};
    std::atomic<int64_t> delay_ns{0};
  };

  RtpEncoderStream(GstElement* element, GstPad* src);
  RtpEncoderStream(const RtpEncoderStream&) = delete;
  RtpEncoderStream& operator=(const RtpEncoderStream&) = delete;

  /// Without the lock, while the pads are not active.
  void start();
  void stop();

  /// Takes the buffer.
  GstFlowReturn take(GstBuffer* buffer);
  /// False, and an error is posted, when there is no format that the peer takes.
  bool takeCaps(const GstCaps* caps);
  void takeSegment(GstEvent* event);
  void takeGap(GstEvent* event);
  /// What is held goes out as a shorter packet.
  void finish();
  void flush();

  /// Any thread; read at start() and when caps come.
  void changeSettings(const auto& change) {
    const std::lock_guard lock(settings_mutex_);
    change(settings_);
  }
  [[nodiscard]] Settings settings() const;
  [[nodiscard]] const Counters& counters() const { return counters_; }
  /// Any thread: a digit to be sent as soon as audio comes. False: too many wait.
  bool press(const Digit& digit);
  /// The session found somebody else with this SSRC. True when it is ours: the next packet has
  /// another.
  bool collision(uint32_t ssrc, std::optional<uint32_t> suggested);

 private:
  uint8_t* memory(size_t bytes) override;
  bool send(const RtpPacketizer::Packet& packet) override;

  bool negotiate();
  void adopt(const RtpEncoderChoice& choice, const Settings& settings);
  bool pushCaps(CapsPtr caps);
  void applyNewSsrc();
  void takeDigits();
  [[nodiscard]] RtpPacketizer::Times timesOf(GstBuffer* buffer) const;
  GstFlowReturn noFormat();

  GstElement* const element_;
  GstPad* const src_;
  mutable std::mutex settings_mutex_;
  Settings settings_;  // guarded by settings_mutex_

  std::unique_ptr<RtpPacketizer> packetizer_;
  BufferCache buffers_;
  GstBuffer* open_ = nullptr;  // the packet that is being written; the cache's
  GstMapInfo open_map_{};
  GstSegment segment_{};
  int input_rate_ = 0;
  uint32_t ssrc_ = 0;
  uint16_t sequence_offset_ = 0;
  uint32_t timestamp_offset_ = 0;
  GstFlowReturn flow_ = GST_FLOW_OK;
  bool negotiated_ = false;

  Counters counters_;  // written by the streaming thread
  /// 1 << 32 with the SSRC to take; 0: none.
  std::atomic<uint64_t> next_ssrc_{0};
  std::vector<Digit> digits_;  // guarded by settings_mutex_
  std::atomic<bool> digits_waiting_{false};
};

}  // namespace wsbridge
