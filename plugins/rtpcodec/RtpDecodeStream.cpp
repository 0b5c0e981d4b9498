// SPDX-License-Identifier: LGPL-2.1-or-later
#include "rtpcodec/RtpDecodeStream.hpp"

#include <algorithm>
#include <array>

#include "audio/AudioCaps.hpp"
#include "common/RtpHeader.hpp"

namespace wsbridge {

namespace {

// Longer packets than the first are not in use; they get memory of their own. Longer ones than the
// second are no telephony.
constexpr gsize kBufferMs = 40;
constexpr gsize kMaxPacketMs = 200;
constexpr gsize kDefaultPacketMs = 20;
constexpr int kG711Rate = 8000;
constexpr int kHighestRate = 48000;

// A packet's samples between decoding and pushing: memory that all streams of a thread use stays in
// the processor's cache.
thread_local std::array<int16_t, kMaxPacketMs * kHighestRate / 1000> scratch;

gsize samplesOf(int rate, gsize ms) {
  return static_cast<gsize>(rate) * ms / 1000;
}

GstClockTime timeOf(gsize samples, int rate) {
  return gst_util_uint64_scale_int(samples, GST_SECOND, rate);
}

}  // namespace

RtpDecodeStream::RtpDecodeStream(GstElement* element, GstPad* src, guint other_payload)
    : element_(element), src_(src), other_payload_(other_payload) {}

void RtpDecodeStream::start() {
  for (Counter* counter : {&packets_, &lost_, &concealed_, &other_, &invalid_})
    counter->zero();
  format_.reset();
  out_rate_ = 0;
  flush();
}

void RtpDecodeStream::stop() {
  buffers_.clear();
  out_rate_ = 0;
}

void RtpDecodeStream::flush() {
  if (concealer_) concealer_->reset();
  passed_.clear();
  if (converter_) converter_->reset();
  first_ = true;
  packet_samples_ = 0;
  concealed_run_ = 0;
  next_pts_ = GST_CLOCK_TIME_NONE;
}

GstFlowReturn RtpDecodeStream::cannotDecode(const GstCaps* caps) {
  g_autofree gchar* text = caps != nullptr ? gst_caps_to_string(caps) : g_strdup("no caps");
  GST_ELEMENT_ERROR(element_, STREAM, FORMAT, ("wsbridgertpdec cannot decode this RTP stream"),
                    ("it decodes mono PCMU, PCMA and L16 of 8000 to 48000 Hz and got %s: put "
                     "encoding-name and clock-rate into the caps of the RTP source, or use the "
                     "depayloader and the decoder of that codec",
                     text));
  return GST_FLOW_NOT_NEGOTIATED;
}

bool RtpDecodeStream::takeCaps(const GstCaps* caps) {
  const auto format = RtpAudioFormat::fromCaps(caps);
  if (!format) {
    format_.reset();
    cannotDecode(caps);
    return false;
  }
  const bool same_audio =
      format_ && format_->codec == format->codec && format_->rate == format->rate;
  format_ = format;
  if (same_audio && out_rate_ != 0) return true;
  concealer_.emplace(format->rate);
  most_samples_ = std::min<gsize>(samplesOf(format->rate, kMaxPacketMs), scratch.size());
  packet_samples_ = 0;
  concealed_run_ = 0;
  out_rate_ = 0;
  return negotiate();
}

bool RtpDecodeStream::negotiate() {
  return negotiatePassing() || negotiateLinear();
}

/// True when downstream would rather have the payload as it is. One that takes anything would not.
bool RtpDecodeStream::negotiatePassing() {
  const AudioEncoding encoding = format_->encoding();
  if (encoding == AudioEncoding::Linear || format_->rate != kG711Rate) return false;
  g_autoptr(GstCaps) wanted = gst_pad_peer_query_caps(src_, nullptr);
  if (gst_caps_is_any(wanted) || gst_caps_is_empty(wanted) || encodingOf(wanted) != encoding)
    return false;
  g_autoptr(GstCaps) caps = gst_caps_from_string(
      encoding == AudioEncoding::Ulaw ? WSBRIDGE_ULAW_CAPS : WSBRIDGE_ALAW_CAPS);
  if (out_rate_ != kG711Rate || out_encoding_ != encoding) {
    gst_pad_push_event(src_, gst_event_new_caps(caps));
    setOutput(kG711Rate, encoding);
  }
  return true;
}

/// Settles the rate with downstream: the codec's own, when it may be.
bool RtpDecodeStream::negotiateLinear() {
  g_autoptr(GstCaps) ours = gst_caps_from_string(WSBRIDGE_AUDIO_CAPS);
  gst_caps_set_simple(ours, "format", G_TYPE_STRING, "S16LE", nullptr);
  GstCaps* allowed = gst_pad_peer_query_caps(src_, ours);
  if (gst_caps_is_empty(allowed)) {
    gst_caps_unref(allowed);
    GST_ELEMENT_ERROR(element_, STREAM, FORMAT,
                      ("The element behind wsbridgertpdec takes none of its formats"),
                      ("put audioconvert ! audioresample behind wsbridgertpdec"));
    return false;
  }
  allowed = gst_caps_truncate(gst_caps_make_writable(allowed));
  gst_structure_fixate_field_nearest_int(gst_caps_get_structure(allowed, 0), "rate", format_->rate);
  allowed = gst_caps_fixate(allowed);
  gint rate = 0;
  gst_structure_get_int(gst_caps_get_structure(allowed, 0), "rate", &rate);
  if (rate != out_rate_ || out_encoding_ != AudioEncoding::Linear) {
    gst_pad_push_event(src_, gst_event_new_caps(allowed));
    setOutput(rate, AudioEncoding::Linear);
  }
  gst_caps_unref(allowed);
  return true;
}

void RtpDecodeStream::setOutput(int rate, AudioEncoding encoding) {
  out_rate_ = rate;
  out_encoding_ = encoding;
  passed_.clear();
  passed_.reserve(LossConcealer::kHistoryMs * kG711Rate / 1000);
  converter_.emplace(format_->rate, rate);
  const auto delay = static_cast<GstClockTime>(converter_->delayNs());
  const bool other_delay = delay_.exchange(delay, std::memory_order_relaxed) != delay;
  if (other_delay)
    gst_element_post_message(element_, gst_message_new_latency(GST_OBJECT(element_)));

  buffers_.reset(samplesOf(rate, kBufferMs) * bytesPerSample(encoding));
}

GstFlowReturn RtpDecodeStream::take(GstBuffer* buffer) {
  if (!format_) return cannotDecode(nullptr);
  if (out_rate_ == 0 || (GST_PAD_NEEDS_RECONFIGURE(src_) && gst_pad_check_reconfigure(src_))) {
    if (!negotiate()) return GST_FLOW_NOT_NEGOTIATED;
  }
  GstMapInfo map;
  if (!gst_buffer_map(buffer, &map, GST_MAP_READ)) {
    ++invalid_;
    return GST_FLOW_OK;
  }
  const auto packet = common::parseRtpPacket({map.data, map.size});
  GstFlowReturn flow = GST_FLOW_OK;
  if (!packet) {
    ++invalid_;
  } else if (format_->payload_type >= 0 && packet->header.type != format_->payload_type) {
    tellOther(packet->header.type, buffer);
  } else {
    flow = decode(buffer, packet->payload);
  }
  gst_buffer_unmap(buffer, &map);
  return flow;
}

void RtpDecodeStream::tellOther(int payload_type, GstBuffer* packet) {
  ++other_;
  if (!g_signal_has_handler_pending(element_, other_payload_, 0, FALSE)) return;
  g_signal_emit(element_, other_payload_, 0, static_cast<guint>(payload_type), packet);
}

GstFlowReturn RtpDecodeStream::decode(GstBuffer* packet, std::span<const uint8_t> payload) {
  const gsize samples = format_->samples(payload.size());
  if (samples == 0 || samples > most_samples_) {
    ++invalid_;
    return GST_FLOW_OK;
  }
  ++packets_;
  packet_samples_ = samples;
  const bool behind_loss = concealed_run_ != 0;
  concealed_run_ = 0;
  const GstClockTime pts = GST_BUFFER_PTS(packet);
  const bool discont = GST_BUFFER_IS_DISCONT(packet);
  if (out_encoding_ != AudioEncoding::Linear && !behind_loss) return pass(payload, pts, discont);
  format_->decode(payload, scratch.data());
  concealer_->good({scratch.data(), samples});
  return finish(samples, pts, discont);
}

void RtpDecodeStream::recall() {
  concealer_->reset();
  format_->decode(passed_, scratch.data());
  concealer_->good({scratch.data(), passed_.size()});
}

GstFlowReturn RtpDecodeStream::concealPacket(GstClockTime pts) {
  if (out_encoding_ != AudioEncoding::Linear && concealed_run_ == 0) recall();
  concealer_->conceal({scratch.data(), packet_samples_});
  concealed_run_ += packet_samples_;
  ++concealed_;
  return finish(packet_samples_, pts, false);
}

GstFlowReturn RtpDecodeStream::finish(gsize samples, GstClockTime pts, bool discont) {
  if (out_encoding_ != AudioEncoding::Linear) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(scratch.data());
    encodeG711(out_encoding_, {bytes, samples * sizeof(int16_t)}, codes_);
    return pass(codes_, pts, discont);
  }
  const gsize out_samples = converter_->outputSize(samples);
  GstBuffer* out = buffers_.take(out_samples * sizeof(int16_t));
  GstMapInfo map;
  GstMemory* memory = gst_buffer_peek_memory(out, 0);
  if (!gst_memory_map(memory, &map, GST_MAP_WRITE)) {
    GST_ELEMENT_ERROR(element_, RESOURCE, WRITE, ("Cannot write to a buffer"), (nullptr));
    return GST_FLOW_ERROR;
  }
  converter_->convert({scratch.data(), samples}, reinterpret_cast<int16_t*>(map.data));
  gst_memory_unmap(memory, &map);
  return push(out, out_samples, pts, discont);
}

GstFlowReturn RtpDecodeStream::pass(std::span<const uint8_t> payload, GstClockTime pts,
                                    bool discont) {
  const gsize most = passed_.capacity();
  const auto kept = payload.last(std::min(payload.size(), most));
  const gsize room = most - kept.size();
  if (passed_.size() > room)
    passed_.erase(passed_.begin(), passed_.end() - static_cast<std::ptrdiff_t>(room));
  passed_.insert(passed_.end(), kept.begin(), kept.end());
  GstBuffer* out = buffers_.take(payload.size());
  gst_buffer_fill(out, 0, payload.data(), payload.size());
  return push(out, payload.size(), pts, discont);
}

GstFlowReturn RtpDecodeStream::push(GstBuffer* out, gsize samples, GstClockTime pts, bool discont) {
  const GstClockTime duration = timeOf(samples, out_rate_);
  GST_BUFFER_PTS(out) = pts;
  GST_BUFFER_DURATION(out) = duration;
  next_pts_ = GST_CLOCK_TIME_IS_VALID(pts) ? pts + duration : GST_CLOCK_TIME_NONE;
  if (first_ || discont) GST_BUFFER_FLAG_SET(out, GST_BUFFER_FLAG_DISCONT | GST_BUFFER_FLAG_RESYNC);
  first_ = false;
  return gst_pad_push(src_, gst_buffer_ref(out));
}

void RtpDecodeStream::takeLoss(GstClockTime pts, GstClockTime duration) {
  // A lost telephone event has no duration of its own.
  if (!format_ || !GST_CLOCK_TIME_IS_VALID(duration)) return;
  if (duration == 0) {
    ++lost_;
    return;
  }
  if (out_rate_ == 0 && !negotiate()) return;
  const int rate = format_->rate;
  if (packet_samples_ == 0) {
    const gsize samples = gst_util_uint64_scale_round(duration, rate, GST_SECOND);
    packet_samples_ =
        samples != 0 && samples <= most_samples_ ? samples : samplesOf(rate, kDefaultPacketMs);
  }
  const GstClockTime packet_time = timeOf(packet_samples_, rate);
  const guint64 packets = std::max<guint64>(1, (duration + packet_time / 2) / packet_time);
  const gsize limit = samplesOf(rate, max_conceal_ms.load(std::memory_order_relaxed));
  if (!GST_CLOCK_TIME_IS_VALID(pts)) pts = next_pts_;
  for (guint64 i = 0; i < packets; ++i) {
    ++lost_;
    if (concealed_run_ + packet_samples_ > limit) continue;
    const GstFlowReturn flow =
        concealPacket(GST_CLOCK_TIME_IS_VALID(pts) ? pts + i * packet_time : pts);
    if (flow != GST_FLOW_OK) return;
  }
}

GstStructure* RtpDecodeStream::stats() const {
  const auto number = [](const Counter& counter) { return static_cast<guint64>(counter); };
  return gst_structure_new("wsbridge-rtpdec-stats",                         //
                           "packets", G_TYPE_UINT64, number(packets_),      //
                           "lost", G_TYPE_UINT64, number(lost_),            //
                           "concealed", G_TYPE_UINT64, number(concealed_),  //
                           "other-payload", G_TYPE_UINT64, number(other_),  //
                           "invalid", G_TYPE_UINT64, number(invalid_), nullptr);
}

}  // namespace wsbridge
