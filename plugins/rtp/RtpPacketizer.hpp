// SPDX-License-Identifier: LGPL-2.1-or-later
//
// RtpPacketizer: mono samples in, RTP packets of one length out (RFC 3550, RFC 3551): rate
// conversion, encoding, header, sequence, time stamps, marker. It owns the samples that do not fill
// a packet yet. Pure and not synchronised; nothing is allocated between two calls of configure().
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/CodecInfo.hpp"
#include "rtp/DigitSender.hpp"

namespace wsbridge {

class RateConverter;

using common::RtpCodec;

struct RtpPacketFormat {
  RtpCodec codec = RtpCodec::Pcmu;
  int payload_type = 0;
  int clock_rate = 8000;
  int input_rate = 8000;
  int ptime_ms = 20;
  bool operator==(const RtpPacketFormat&) const = default;
};

class RtpPacketizer {
 public:
  static constexpr size_t kHeaderBytes = 12;
  /// A longer packet than this is halved, for it would leave in fragments.
  static constexpr size_t kMaxPacketBytes = 1400;
  static constexpr uint64_t kNoTime = UINT64_MAX;

  /// Of the first sample of a call, ns; kNoTime when it has none.
  struct Times {
    uint64_t pts = kNoTime;
    uint64_t running = kNoTime;
    bool discont = false;
  };
  struct Packet {
    size_t bytes;
    uint64_t pts;
    uint64_t duration;
    uint16_t sequence;
    uint32_t timestamp;
    bool marker;
    char digit = 0;  ///< the digit whose last packet this is, or 0
  };
  /// Where packets are written and go to.
  class Output {
   public:
    virtual ~Output() = default;
    /// Room for one packet; nullptr ends the call.
    virtual uint8_t* memory(size_t bytes) = 0;
    /// What was written there is a packet; false ends the call.
    virtual bool send(const Packet& packet) = 0;
  };

  /// The first packet has this sequence number; its time stamp is the offset plus its running time.
  RtpPacketizer(uint32_t ssrc, uint16_t sequence, uint32_t timestamp_offset);
  ~RtpPacketizer();
  RtpPacketizer(const RtpPacketizer&) = delete;
  RtpPacketizer& operator=(const RtpPacketizer&) = delete;

  /// Before the first take(), and again, after drain(), for another format: numbers and time go on.
  void configure(const RtpPacketFormat& format);
  void setSsrc(uint32_t ssrc) { ssrc_ = ssrc; }

  /// The digit is sent in packets of that type instead of the audio of its time (RFC 4733 2.2).
  void press(const DigitSender::Digit& digit, int payload_type, int event_rate);
  [[nodiscard]] size_t digitRoom() const { return digits_.room(); }

  /// False when the output ended the call; what was left of the samples is gone then.
  bool take(std::span<const int16_t> samples, const Times& times, Output& output);
  /// What does not fill a packet goes as a shorter one.
  bool drain(Output& output);
  /// Nothing comes for so long (0: not known).
  void gap(uint64_t duration);
  /// Forgets what is held and the time line; numbers go on.
  void restart();

  [[nodiscard]] const RtpPacketFormat& format() const { return format_; }
  [[nodiscard]] size_t packetSamples() const { return packet_samples_; }
  [[nodiscard]] size_t packetBytes() const {
    return kHeaderBytes + packet_samples_ * sample_bytes_;
  }
  [[nodiscard]] int64_t converterDelay() const;

 private:
  bool follow(const Times& times, Output& output);
  bool packetize(std::span<const int16_t> samples, Output& output);
  bool emit(std::span<const int16_t> samples, uint64_t pts, Output& output);
  bool emitDigit(Packet packet, Output& output);
  void writeHeader(uint8_t* to, const Packet& packet, int payload_type) const;
  void encode(std::span<const int16_t> samples, uint8_t* to) const;
  [[nodiscard]] uint64_t ptsOfNext() const;
  [[nodiscard]] uint64_t expectedRunning() const;

  RtpPacketFormat format_;
  size_t sample_bytes_ = 1;
  size_t packet_samples_ = 0;
  uint64_t tolerance_ns_ = 0;
  std::unique_ptr<RateConverter> converter_;  // none at equal rates
  std::vector<int16_t> scratch_;

  std::vector<int16_t> carry_;  // at the clock rate
  size_t carried_ = 0;
  uint64_t carry_pts_ = kNoTime;

  DigitSender digits_;
  int event_payload_type_ = -1;
  int event_rate_ = 8000;
  uint32_t digit_timestamp_ = 0;

  uint32_t ssrc_;
  uint16_t sequence_;   // of the next packet
  uint32_t timestamp_;  // of the next packet
  bool started_ = false;
  bool resync_ = true;  // the next samples are placed by their time, with the marker
  bool marker_ = true;
  uint64_t gap_ns_ = 0;
  // The running count: input samples since a running time.
  uint64_t anchor_ = kNoTime;
  uint64_t counted_ = 0;
  // The place of the next sample at the clock rate, from the last input that had a time.
  uint64_t pts_base_ = kNoTime;
  uint64_t pts_samples_ = 0;
};

}  // namespace wsbridge
