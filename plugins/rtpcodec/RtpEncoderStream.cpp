// SPDX-License-Identifier: LGPL-2.1-or-later
#include "rtpcodec/RtpEncoderStream.hpp"

#include <algorithm>
#include <utility>

#include "audio/AudioCaps.hpp"

namespace wsbridge {

namespace {

constexpr uint64_t kNewSsrc = uint64_t{1} << 32;

}  // namespace

RtpEncoderStream::RtpEncoderStream(GstElement* element, GstPad* src)
    : element_(element), src_(src) {}

RtpEncoderStream::Settings RtpEncoderStream::settings() const {
  const std::lock_guard lock(settings_mutex_);
  return settings_;
}

void RtpEncoderStream::start() {
  const Settings now = settings();
  ssrc_ = now.wishes.ssrc.value_or(g_random_int());
  // RFC 3550 5.1 wants both unpredictable; the upper half is left out as GStreamer does, so that
  // the first wrap-around is some minutes away.
  sequence_offset_ =
      now.sequence_offset.value_or(static_cast<uint16_t>(g_random_int_range(0, G_MAXINT16)));
  timestamp_offset_ = now.timestamp_offset.value_or(g_random_int());
  gst_segment_init(&segment_, GST_FORMAT_UNDEFINED);
  input_rate_ = 0;
  negotiated_ = false;
  next_ssrc_ = 0;
  {
    const std::lock_guard lock(settings_mutex_);
    digits_.clear();
    digits_waiting_ = false;
  }
  counters_.packets = 0;
  counters_.bytes = 0;
  counters_.sequence = sequence_offset_;
  counters_.timestamp = timestamp_offset_;
  counters_.ssrc = ssrc_;
  counters_.payload_type = -1;
  counters_.clock_rate = 0;
  counters_.delay_ns = 0;
}

void RtpEncoderStream::stop() {
  packetizer_.reset();
  buffers_.clear();
  negotiated_ = false;
}

RtpPacketizer::Times RtpEncoderStream::timesOf(GstBuffer* buffer) const {
  RtpPacketizer::Times times;
  times.discont = GST_BUFFER_IS_DISCONT(buffer);
  if (!GST_BUFFER_PTS_IS_VALID(buffer)) return times;
  times.pts = GST_BUFFER_PTS(buffer);
  if (segment_.format == GST_FORMAT_TIME) {
    times.running = gst_segment_to_running_time(&segment_, GST_FORMAT_TIME, times.pts);
  }
  return times;
}

GstFlowReturn RtpEncoderStream::take(GstBuffer* buffer) {
  const bool again = GST_PAD_NEEDS_RECONFIGURE(src_) && input_rate_ != 0;
  if ((!negotiated_ || again) && !negotiate()) {
    gst_buffer_unref(buffer);
    return noFormat();
  }
  if (next_ssrc_.load(std::memory_order_relaxed) != 0) applyNewSsrc();
  if (digits_waiting_.load(std::memory_order_relaxed)) takeDigits();
  flow_ = GST_FLOW_OK;
  GstMapInfo map;
  if (gst_buffer_map(buffer, &map, GST_MAP_READ) == FALSE) {
    gst_buffer_unref(buffer);
    return GST_FLOW_ERROR;
  }
  // S16LE of a buffer begins on an even address, as everywhere in GStreamer.
  packetizer_->take({reinterpret_cast<const int16_t*>(map.data), map.size / sizeof(int16_t)},
                    timesOf(buffer), *this);
  gst_buffer_unmap(buffer, &map);
  gst_buffer_unref(buffer);
  return flow_;
}

GstFlowReturn RtpEncoderStream::noFormat() {
  if (GST_PAD_IS_FLUSHING(src_)) return GST_FLOW_FLUSHING;
  if (input_rate_ == 0) {
    GST_ELEMENT_ERROR(element_, STREAM, FORMAT, ("The audio has no caps"),
                      ("put a capsfilter audio/x-raw,rate=... before the element"));
  }
  return GST_FLOW_NOT_NEGOTIATED;
}

uint8_t* RtpEncoderStream::memory(size_t bytes) {
  open_ = buffers_.take(bytes);
  if (gst_buffer_map(open_, &open_map_, GST_MAP_WRITE) == FALSE) {
    flow_ = GST_FLOW_ERROR;
    return nullptr;
  }
  return open_map_.data;
}

bool RtpEncoderStream::send(const RtpPacketizer::Packet& packet) {
  gst_buffer_unmap(open_, &open_map_);
  GST_BUFFER_PTS(open_) = packet.pts;
  GST_BUFFER_DURATION(open_) = packet.duration;
  if (packet.marker) GST_BUFFER_FLAG_SET(open_, GST_BUFFER_FLAG_MARKER | GST_BUFFER_FLAG_DISCONT);
  // One writer.
  constexpr auto relaxed = std::memory_order_relaxed;
  counters_.packets.store(counters_.packets.load(relaxed) + 1, relaxed);
  counters_.bytes.store(counters_.bytes.load(relaxed) + packet.bytes, relaxed);
  counters_.sequence.store(packet.sequence, relaxed);
  counters_.timestamp.store(packet.timestamp, relaxed);
  flow_ = gst_pad_push(src_, gst_buffer_ref(open_));
  if (packet.digit != 0) {
    const char digit[2] = {packet.digit, '\0'};
    gst_element_post_message(
        element_, gst_message_new_element(GST_OBJECT(element_),
                                          gst_structure_new("wsbridge-dtmf-sent", "digit",
                                                            G_TYPE_STRING, digit, nullptr)));
  }
  return flow_ == GST_FLOW_OK;
}

bool RtpEncoderStream::takeCaps(const GstCaps* caps) {
  const int rate = rateOf(caps);
  if (rate != input_rate_) finish();
  input_rate_ = rate;
  // While the pads are being shut, nobody is to be told of an error.
  return negotiate() || GST_PAD_IS_FLUSHING(src_);
}

bool RtpEncoderStream::negotiate() {
  gst_pad_check_reconfigure(src_);
  if (input_rate_ == 0) return false;
  Settings now = settings();
  if (packetizer_) now.wishes.ssrc = ssrc_;  // a stream keeps its own
  const CapsPtr offered = offeredCaps(now.wishes, input_rate_);
  const CapsPtr peer(gst_pad_peer_query_caps(src_, nullptr));
  auto choice = chooseFormat(now.wishes, input_rate_, peer.get());
  if (!choice) {
    gst_pad_mark_reconfigure(src_);
    if (GST_PAD_IS_FLUSHING(src_)) return false;
    gchar* can = gst_caps_to_string(offered.get());
    gchar* wanted = gst_caps_to_string(peer.get());
    GST_ELEMENT_ERROR(element_, STREAM, FORMAT,
                      ("The side behind does not take the RTP that the properties ask for"),
                      ("set encoding, clock-rate and pt to what it takes, or leave them unset; "
                       "G.711 has the clock rate 8000. Possible here: %s; taken there: %s",
                       can, wanted));
    g_free(can);
    g_free(wanted);
    return false;
  }
  adopt(*choice, now);
  buffers_.reset(packetizer_->packetBytes());
  // Caps that are not taken stay on the pad, and the next packet finds out why. Only a pad that is
  // shut does not keep them.
  negotiated_ = pushCaps(std::move(choice->caps)) || !GST_PAD_IS_FLUSHING(src_);
  return negotiated_;
}

void RtpEncoderStream::adopt(const RtpEncoderChoice& choice, const Settings& settings) {
  ssrc_ = choice.ssrc.value_or(ssrc_);
  if (!packetizer_) {
    if (!settings.sequence_offset && choice.sequence_offset)
      sequence_offset_ = static_cast<uint16_t>(*choice.sequence_offset);
    if (!settings.timestamp_offset && choice.timestamp_offset)
      timestamp_offset_ = *choice.timestamp_offset;
    packetizer_ = std::make_unique<RtpPacketizer>(ssrc_, sequence_offset_, timestamp_offset_);
    packetizer_->configure(choice.format);
  } else if (packetizer_->format() != choice.format) {
    packetizer_->drain(*this);
    packetizer_->configure(choice.format);
  }
  packetizer_->setSsrc(ssrc_);
  const RtpPacketFormat& format = choice.format;
  const int64_t longer = std::max(0, format.ptime_ms - 20) * int64_t{1'000'000};
  counters_.ssrc = ssrc_;
  counters_.payload_type = format.payload_type;
  counters_.clock_rate = format.clock_rate;
  const int64_t delay = packetizer_->converterDelay() + longer;
  if (counters_.delay_ns.exchange(delay) != delay) {
    gst_element_post_message(element_, gst_message_new_latency(GST_OBJECT(element_)));
  }
}

bool RtpEncoderStream::pushCaps(CapsPtr caps) {
  caps.reset(gst_caps_make_writable(caps.release()));
  setStreamNumbers(caps.get(), ssrc_, timestamp_offset_, sequence_offset_);
  const CapsPtr present(gst_pad_get_current_caps(src_));
  if (present && gst_caps_is_equal(present.get(), caps.get())) return true;
  return gst_pad_push_event(src_, gst_event_new_caps(caps.get())) != FALSE;
}

bool RtpEncoderStream::collision(uint32_t ssrc, std::optional<uint32_t> suggested) {
  if (ssrc != counters_.ssrc) return false;
  uint32_t next = suggested.value_or(ssrc);
  while (next == ssrc)
    next = g_random_int();
  next_ssrc_ = kNewSsrc | next;
  return true;
}

void RtpEncoderStream::applyNewSsrc() {
  ssrc_ = static_cast<uint32_t>(next_ssrc_.exchange(0));
  counters_.ssrc = ssrc_;
  packetizer_->setSsrc(ssrc_);
  CapsPtr caps(gst_pad_get_current_caps(src_));
  if (caps) pushCaps(std::move(caps));
}

bool RtpEncoderStream::press(const Digit& digit) {
  const std::lock_guard lock(settings_mutex_);
  if (digits_.size() >= DigitSender::kMaxDigits) return false;
  digits_.push_back(digit);
  digits_waiting_ = true;
  return true;
}

void RtpEncoderStream::takeDigits() {
  std::vector<Digit> digits;
  {
    const std::lock_guard lock(settings_mutex_);
    const auto count = std::min(packetizer_->digitRoom(), digits_.size());
    const auto end = digits_.begin() + static_cast<std::ptrdiff_t>(count);
    digits.assign(digits_.begin(), end);
    digits_.erase(digits_.begin(), end);
    digits_waiting_ = !digits_.empty();
  }
  for (const Digit& one : digits) {
    const int rate = one.event_rate > 0 ? one.event_rate : packetizer_->format().clock_rate;
    packetizer_->press(one.digit, one.payload_type, rate);
  }
}

void RtpEncoderStream::takeSegment(GstEvent* event) {
  gst_event_copy_segment(event, &segment_);
}

void RtpEncoderStream::takeGap(GstEvent* event) {
  finish();
  if (!packetizer_) return;
  GstClockTime duration = 0;
  gst_event_parse_gap(event, nullptr, &duration);
  packetizer_->gap(GST_CLOCK_TIME_IS_VALID(duration) ? duration : 0);
}

void RtpEncoderStream::finish() {
  if (packetizer_ && negotiated_) packetizer_->drain(*this);
}

void RtpEncoderStream::flush() {
  if (packetizer_) packetizer_->restart();
  gst_segment_init(&segment_, GST_FORMAT_UNDEFINED);
}

}  // namespace wsbridge
