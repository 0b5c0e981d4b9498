// SPDX-License-Identifier: LGPL-2.1-or-later
#include "rtp/RtpPacketizer.hpp"

#include <algorithm>
#include <cstring>

#include "audio/G711.hpp"
#include "audio/RateConverter.hpp"

namespace wsbridge {

namespace {

constexpr uint64_t kSecond = 1'000'000'000;
// Longer buffers are converted in parts, so that the scratch memory never has to grow.
constexpr size_t kPartMs = 60;

uint64_t nsOf(uint64_t samples, int rate) {
  const auto hz = static_cast<uint64_t>(rate);
  return samples / hz * kSecond + samples % hz * kSecond / hz;
}

uint64_t samplesOf(uint64_t ns, int rate) {
  const auto hz = static_cast<uint64_t>(rate);
  return ns / kSecond * hz + (ns % kSecond * hz + kSecond / 2) / kSecond;
}

void put16(uint8_t* to, uint16_t value) {
  to[0] = static_cast<uint8_t>(value >> 8);
  to[1] = static_cast<uint8_t>(value);
}

void put32(uint8_t* to, uint32_t value) {
  put16(to, static_cast<uint16_t>(value >> 16));
  put16(to + 2, static_cast<uint16_t>(value));
}

/// RFC 3551 4.5.11: network byte order.
void encodeL16(std::span<const int16_t> samples, uint8_t* to) {
  for (const int16_t sample : samples) {
    put16(to, static_cast<uint16_t>(sample));
    to += 2;
  }
}

}  // namespace

RtpPacketizer::RtpPacketizer(uint32_t ssrc, uint16_t sequence, uint32_t timestamp_offset)
    : ssrc_(ssrc), sequence_(sequence), timestamp_(timestamp_offset) {}

RtpPacketizer::~RtpPacketizer() = default;

void RtpPacketizer::configure(const RtpPacketFormat& format) {
  if (anchor_ != kNoTime) anchor_ = expectedRunning();
  counted_ = 0;
  if (pts_base_ != kNoTime) pts_base_ = ptsOfNext();
  pts_samples_ = 0;

  format_ = format;
  sample_bytes_ = static_cast<size_t>(common::codecInfo(format.codec).bytes_per_sample);
  packet_samples_ =
      static_cast<size_t>(format.clock_rate) * static_cast<size_t>(format.ptime_ms) / 1000;
  while (packetBytes() > kMaxPacketBytes)
    packet_samples_ /= 2;
  tolerance_ns_ = static_cast<uint64_t>(format.ptime_ms) * 1'000'000;
  carry_.resize(packet_samples_);
  carried_ = 0;
  converter_.reset();
  if (format.input_rate == format.clock_rate) return;
  converter_ = std::make_unique<RateConverter>(format.input_rate, format.clock_rate);
  scratch_.resize(static_cast<size_t>(format.clock_rate) * (kPartMs + 20) / 1000);
}

int64_t RtpPacketizer::converterDelay() const {
  return converter_ ? converter_->delayNs() : 0;
}

uint64_t RtpPacketizer::ptsOfNext() const {
  return pts_base_ == kNoTime ? kNoTime : pts_base_ + nsOf(pts_samples_, format_.clock_rate);
}

uint64_t RtpPacketizer::expectedRunning() const {
  return anchor_ + nsOf(counted_, format_.input_rate);
}

bool RtpPacketizer::follow(const Times& times, Output& output) {
  // The time by which the samples come later than the count says; none when they come earlier.
  uint64_t late = 0;
  bool resync = resync_ || times.discont;
  if (times.running == kNoTime) {
    late = gap_ns_;
  } else if (anchor_ != kNoTime) {
    const uint64_t expected = expectedRunning();
    if (times.running > expected) late = times.running - expected;
    const uint64_t off = times.running > expected ? late : expected - times.running;
    resync = resync || off > tolerance_ns_;
  } else if (!started_) {
    late = times.running;
  }
  if (resync) {
    if (!drain(output)) return false;
    // A receiver would take time stamps that go back for another stream.
    const uint64_t jump = samplesOf(late, format_.clock_rate);
    timestamp_ += static_cast<uint32_t>(jump);
    if (jump != 0 && started_ && converter_) converter_->reset();
    marker_ = true;
    resync_ = false;
  }
  if (times.running == kNoTime) {
    if (resync && anchor_ != kNoTime) anchor_ += gap_ns_;
    if (resync && pts_base_ != kNoTime) pts_base_ += gap_ns_;
  } else if (resync || anchor_ == kNoTime) {
    anchor_ = times.running;
    counted_ = 0;
  }
  gap_ns_ = 0;
  started_ = true;
  return true;
}

bool RtpPacketizer::take(std::span<const int16_t> samples, const Times& times, Output& output) {
  if (!follow(times, output)) return false;
  counted_ += samples.size();
  if (times.pts != kNoTime) {
    pts_base_ = times.pts;
    pts_samples_ = 0;
  }
  if (!converter_) return packetize(samples, output);
  const size_t part = static_cast<size_t>(format_.input_rate) * kPartMs / 1000;
  while (!samples.empty()) {
    const auto input = samples.first(std::min(samples.size(), part));
    const size_t room = converter_->outputSize(input.size());
    if (room > scratch_.size()) scratch_.resize(room);
    const size_t count = converter_->convert(input, scratch_.data());
    if (!packetize({scratch_.data(), count}, output)) return false;
    samples = samples.subspan(input.size());
  }
  return true;
}

bool RtpPacketizer::packetize(std::span<const int16_t> samples, Output& output) {
  while (!samples.empty()) {
    if (carried_ == 0 && samples.size() >= packet_samples_) {
      const uint64_t pts = ptsOfNext();
      pts_samples_ += packet_samples_;
      if (!emit(samples.first(packet_samples_), pts, output)) return false;
      samples = samples.subspan(packet_samples_);
      continue;
    }
    if (carried_ == 0) carry_pts_ = ptsOfNext();
    const size_t count = std::min(samples.size(), packet_samples_ - carried_);
    std::memcpy(carry_.data() + carried_, samples.data(), count * sizeof(int16_t));
    carried_ += count;
    pts_samples_ += count;
    samples = samples.subspan(count);
    if (carried_ == packet_samples_ && !drain(output)) return false;
  }
  return true;
}

bool RtpPacketizer::drain(Output& output) {
  if (carried_ == 0) return true;
  const size_t count = carried_;
  carried_ = 0;
  return emit({carry_.data(), count}, carry_pts_, output);
}

bool RtpPacketizer::emit(std::span<const int16_t> samples, uint64_t pts, Output& output) {
  Packet packet{.bytes = kHeaderBytes + samples.size() * sample_bytes_,
                .pts = pts,
                .duration = nsOf(samples.size(), format_.clock_rate),
                .sequence = sequence_,
                .timestamp = timestamp_,
                .marker = marker_};
  ++sequence_;
  timestamp_ += static_cast<uint32_t>(samples.size());
  marker_ = false;
  if (digits_.active()) return emitDigit(packet, output);
  uint8_t* to = output.memory(packet.bytes);
  if (to == nullptr) return false;
  writeHeader(to, packet, format_.payload_type);
  encode(samples, to + kHeaderBytes);
  return output.send(packet);
}

void RtpPacketizer::press(const DigitSender::Digit& digit, int payload_type, int event_rate) {
  event_payload_type_ = payload_type;
  event_rate_ = event_rate;
  digits_.press(digit);
}

/// In the place of the audio packet that `packet` describes.
bool RtpPacketizer::emitDigit(Packet packet, Output& output) {
  const size_t samples = (packet.bytes - kHeaderBytes) / sample_bytes_;
  const auto payload = digits_.next(samples, format_.clock_rate, event_rate_);
  if (payload.first) digit_timestamp_ = packet.timestamp;
  packet.bytes = kHeaderBytes + DigitSender::kPayloadBytes;
  packet.timestamp = digit_timestamp_;
  packet.marker = payload.first;
  packet.digit = payload.completed;
  uint8_t* to = output.memory(packet.bytes);
  if (to == nullptr) return false;
  writeHeader(to, packet, event_payload_type_);
  std::memcpy(to + kHeaderBytes, payload.bytes.data(), payload.bytes.size());
  return output.send(packet);
}

void RtpPacketizer::writeHeader(uint8_t* to, const Packet& packet, int payload_type) const {
  to[0] = 0x80;
  to[1] = static_cast<uint8_t>((packet.marker ? 0x80 : 0) | payload_type);
  put16(to + 2, packet.sequence);
  put32(to + 4, packet.timestamp);
  put32(to + 8, ssrc_);
}

void RtpPacketizer::encode(std::span<const int16_t> samples, uint8_t* to) const {
  switch (format_.codec) {
    case RtpCodec::Pcmu:
      g711::encodeUlaw(samples.data(), to, samples.size());
      break;
    case RtpCodec::Pcma:
      g711::encodeAlaw(samples.data(), to, samples.size());
      break;
    case RtpCodec::L16:
      encodeL16(samples, to);
      break;
  }
}

void RtpPacketizer::gap(uint64_t duration) {
  gap_ns_ += duration;
  resync_ = true;
}

void RtpPacketizer::restart() {
  carried_ = 0;
  resync_ = true;
  gap_ns_ = 0;
  anchor_ = kNoTime;
  counted_ = 0;
  pts_base_ = kNoTime;
  pts_samples_ = 0;
  if (converter_) converter_->reset();
}

}  // namespace wsbridge
