// SPDX-License-Identifier: LGPL-2.1-or-later
#include "jitter/JitterStream.hpp"

#include <algorithm>
#include <utility>

#include "common/RtpHeader.hpp"

namespace wsbridge {

namespace {

// Stamps this far from the clock are of another time line: only their distances count.
constexpr GstClockTime kForeignLine = GST_SECOND;
using common::kRtpHeaderBytes;

void unrefBuffer(void* buffer) noexcept {
  gst_buffer_unref(static_cast<GstBuffer*>(buffer));
}

/// Only the fixed header (RFC 3550 5.1): that is nearly always all in the buffer's first memory.
bool readHeader(GstBuffer* buffer, JitterBuffer::Packet& packet) {
  uint8_t copy[kRtpHeaderBytes];
  GstMapInfo map;
  const uint8_t* header = copy;
  GstMemory* memory = gst_buffer_n_memory(buffer) > 0 ? gst_buffer_peek_memory(buffer, 0) : nullptr;
  const bool mapped = memory != nullptr &&
                      gst_memory_get_sizes(memory, nullptr, nullptr) >= kRtpHeaderBytes &&
                      gst_memory_map(memory, &map, GST_MAP_READ);
  if (mapped) {
    header = map.data;
  } else if (gst_buffer_extract(buffer, 0, copy, sizeof copy) != sizeof copy) {
    return false;
  }
  const auto fixed = common::readRtpHeader({header, kRtpHeaderBytes});
  if (mapped) gst_memory_unmap(memory, &map);
  if (!fixed) return false;
  packet.type = static_cast<uint8_t>(fixed->type);
  packet.seq = fixed->sequence;
  packet.time = fixed->timestamp;
  packet.ssrc = fixed->ssrc;
  return true;
}

GstClockTime runningTime(GstElement* element) {
  g_autoptr(GstClock) clock = gst_element_get_clock(element);
  if (clock == nullptr) return GST_CLOCK_TIME_NONE;
  const GstClockTime now = gst_clock_get_time(clock);
  const GstClockTime base = gst_element_get_base_time(element);
  return now > base ? now - base : 0;
}

double toMs(int64_t ns) {
  return static_cast<double>(ns) / GST_MSECOND;
}

}  // namespace

JitterStream::JitterStream(GstElement* element, GstPad* sink, GstPad* src)
    : element_(element), sink_(sink), src_(src) {
  gst_segment_init(&segment_, GST_FORMAT_TIME);
}

void JitterStream::start(std::shared_ptr<MediaLoop> loop, HoldTimer::Handler handler) {
  flush();
  buffer_.stats().zero();
  invalid_ = 0;
  has_caps_ = false;
  encoding_.clear();
  payload_ = -1;
  last_arrival_ = 0;
  timer_ = HoldTimer::create(element_, sink_, std::move(loop), handler);
  const std::lock_guard lock(timer_mutex_);
  live_timer_ = timer_;
}

void JitterStream::stop() {
  std::shared_ptr<HoldTimer> timer;
  {
    const std::lock_guard lock(timer_mutex_);
    timer = std::move(live_timer_);
  }
  GST_PAD_STREAM_LOCK(sink_);
  timer_.reset();
  buffer_.clear(buffer_.clockRate());
  GST_PAD_STREAM_UNLOCK(sink_);
  if (timer) timer->stop();
}

void JitterStream::setMaxWait(guint ms) {
  max_wait_ms = ms;
  std::shared_ptr<HoldTimer> timer;
  {
    const std::lock_guard lock(timer_mutex_);
    timer = live_timer_;
  }
  if (timer) timer->kick();
}

void JitterStream::flush() {
  buffer_.clear(buffer_.clockRate());
  gst_segment_init(&segment_, GST_FORMAT_TIME);
  flow_ = GST_FLOW_OK;
}

GstClockTime JitterStream::arrivalOf(GstBuffer* buffer) {
  GstClockTime arrival = GST_BUFFER_DTS_OR_PTS(buffer);
  if (!GST_CLOCK_TIME_IS_VALID(arrival)) {
    arrival = runningTime(element_);
    if (!GST_CLOCK_TIME_IS_VALID(arrival)) arrival = last_arrival_;
  }
  last_arrival_ = arrival;
  return arrival;
}

GstFlowReturn JitterStream::deliver(JitterBuffer::Action& action) {
  auto* buffer = static_cast<GstBuffer*>(action.packet.payload.release());
  const auto pts = static_cast<GstClockTime>(action.pts_ns);
  const bool discont = GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_DISCONT) != FALSE;
  if (GST_BUFFER_PTS(buffer) != pts || GST_BUFFER_DTS(buffer) != GST_CLOCK_TIME_NONE ||
      discont != action.discont) {
    buffer = gst_buffer_make_writable(buffer);
    GST_BUFFER_PTS(buffer) = pts;
    GST_BUFFER_DTS(buffer) = GST_CLOCK_TIME_NONE;
    if (action.discont) {
      GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_DISCONT);
    } else {
      GST_BUFFER_FLAG_UNSET(buffer, GST_BUFFER_FLAG_DISCONT);
    }
  }
  return gst_pad_push(src_, buffer);
}

/// As rtpjitterbuffer with do-lost=true.
void JitterStream::reportLost(const JitterBuffer::Action& action) {
  GstStructure* lost = gst_structure_new(
      "GstRTPPacketLost", "seqnum", G_TYPE_UINT, static_cast<guint>(action.seq), "timestamp",
      G_TYPE_UINT64, static_cast<guint64>(action.pts_ns), "duration", G_TYPE_UINT64,
      static_cast<guint64>(action.duration_ns), "retry", G_TYPE_UINT, 0U, nullptr);
  gst_pad_push_event(src_, gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM, lost));
}

/// Pushes what is due.
void JitterStream::release(GstClockTime now) {
  for (;;) {
    JitterBuffer::Action action = buffer_.pull(static_cast<int64_t>(now));
    if (action.kind == JitterBuffer::Action::Kind::None) return;
    if (action.kind == JitterBuffer::Action::Kind::Skip) continue;
    if (action.kind == JitterBuffer::Action::Kind::Lost) {
      reportLost(action);
      continue;
    }
    flow_ = deliver(action);
    if (flow_ == GST_FLOW_OK) continue;
    // Nobody takes what is behind it either.
    buffer_.clear(buffer_.clockRate());
    return;
  }
}

void JitterStream::releaseAll() {
  buffer_.drain();
  release(last_arrival_);
}

GstClockTime JitterStream::deadline() const {
  const int64_t deadline = buffer_.deadline();
  return deadline == JitterBuffer::kNever ? GST_CLOCK_TIME_NONE
                                          : static_cast<GstClockTime>(deadline);
}

void JitterStream::applyLimits() {
  buffer_.setLimits({int64_t{max_wait_ms.load(std::memory_order_relaxed)} * GST_MSECOND,
                     max_packets.load(std::memory_order_relaxed),
                     int64_t{max_lost_ms.load(std::memory_order_relaxed)} * GST_MSECOND});
}

GstClockTime JitterStream::onTimer(GstClockTime now) {
  applyLimits();
  release(now);
  return deadline();
}

/// The packets' own time line, moved on to this moment.
GstClockTime JitterStream::arrivalLineNow(GstClockTime arrival) const {
  const GstClockTime now = runningTime(element_);
  const GstClockTime stamp = gst_segment_to_running_time(&segment_, GST_FORMAT_TIME, arrival);
  if (!GST_CLOCK_TIME_IS_VALID(now) || !GST_CLOCK_TIME_IS_VALID(stamp) || now < stamp ||
      now - stamp > kForeignLine) {
    return arrival;
  }
  return arrival + (now - stamp);
}

GstFlowReturn JitterStream::noClockRate() {
  GST_ELEMENT_ERROR(element_, STREAM, FORMAT,
                    ("wsbridgejitterbuffer does not know the RTP clock rate"),
                    ("put the field clock-rate into the caps of the RTP source, such as udpsrc "
                     "caps=\"application/x-rtp,media=audio,clock-rate=8000,encoding-name=PCMU\""));
  return GST_FLOW_NOT_NEGOTIATED;
}

GstFlowReturn JitterStream::take(GstBuffer* buffer) {
  JitterBuffer::Packet packet;
  packet.payload = JitterBuffer::Payload(buffer, unrefBuffer);
  if (!has_caps_) return noClockRate();
  if (!readHeader(buffer, packet)) {
    ++invalid_;
    return GST_FLOW_OK;
  }
  const GstClockTime arrival = arrivalOf(buffer);
  packet.arrival_ns = static_cast<int64_t>(arrival);
  applyLimits();
  flow_ = GST_FLOW_OK;
  buffer_.push(std::move(packet));
  release(arrival);
  const GstClockTime due = deadline();
  if (GST_CLOCK_TIME_IS_VALID(due) && timer_) timer_->arm(arrivalLineNow(arrival), due);
  return flow_;
}

bool JitterStream::takeSkipped(GstEvent* event) {
  const GstStructure* fields = gst_event_get_structure(event);
  if (fields == nullptr || !gst_structure_has_name(fields, "wsbridge-rtp-skipped")) return false;
  guint type = 0;
  guint seq = 0;
  guint64 arrival = 0;
  JitterBuffer::Packet packet;
  if (!has_caps_ ||
      !gst_structure_get(fields, "payload", G_TYPE_UINT, &type, "seqnum", G_TYPE_UINT, &seq,
                         "rtptime", G_TYPE_UINT, &packet.time, "ssrc", G_TYPE_UINT, &packet.ssrc,
                         "arrival", G_TYPE_UINT64, &arrival, nullptr)) {
    return true;
  }
  packet.type = static_cast<uint8_t>(type);
  packet.seq = static_cast<uint16_t>(seq);
  packet.arrival_ns = static_cast<int64_t>(arrival);
  packet.skipped = true;
  buffer_.push(std::move(packet));
  release(arrival);
  return true;
}

bool JitterStream::takeCaps(GstEvent* event) {
  GstCaps* caps = nullptr;
  gst_event_parse_caps(event, &caps);
  const GstStructure* structure = gst_caps_get_structure(caps, 0);
  gint rate = 0;
  if (!gst_structure_get_int(structure, "clock-rate", &rate) || rate <= 0) {
    noClockRate();
    return false;
  }
  const char* name = gst_structure_get_string(structure, "encoding-name");
  const std::string encoding = name != nullptr ? name : "";
  gint payload = -1;
  gst_structure_get_int(structure, "payload", &payload);
  const bool same_rate = has_caps_ && static_cast<uint32_t>(rate) == buffer_.clockRate();
  // What is held came under the caps before.
  if (!same_rate || encoding != encoding_ || payload != payload_) releaseAll();
  if (!same_rate) buffer_.clear(static_cast<uint32_t>(rate));
  has_caps_ = true;
  encoding_ = encoding;
  payload_ = payload;
  return true;
}

bool JitterStream::takeSegment(GstEvent* event) {
  const GstSegment* segment = nullptr;
  gst_event_parse_segment(event, &segment);
  if (segment->format != GST_FORMAT_TIME) {
    GST_ELEMENT_ERROR(element_, STREAM, FORMAT, ("wsbridgejitterbuffer needs buffers with times"),
                      ("put a live source such as udpsrc in front of it"));
    return false;
  }
  releaseAll();
  buffer_.clear(buffer_.clockRate());
  gst_segment_copy_into(segment, &segment_);
  return true;
}

GstStructure* JitterStream::stats() const {
  const JitterBuffer::Stats& counts = buffer_.stats();
  const auto number = [](const JitterBuffer::Gauge<uint64_t>& gauge) {
    return static_cast<guint64>(gauge);
  };
  return gst_structure_new("wsbridge-jitterbuffer-stats",                               //
                           "received", G_TYPE_UINT64, number(counts.received),          //
                           "delivered", G_TYPE_UINT64, number(counts.delivered),        //
                           "skipped", G_TYPE_UINT64, number(counts.skipped),            //
                           "lost", G_TYPE_UINT64, number(counts.lost),                  //
                           "late", G_TYPE_UINT64, number(counts.late),                  //
                           "reordered", G_TYPE_UINT64, number(counts.reordered),        //
                           "duplicates", G_TYPE_UINT64, number(counts.duplicates),      //
                           "stale", G_TYPE_UINT64, number(counts.stale),                //
                           "flushed", G_TYPE_UINT64, number(counts.flushed),            //
                           "invalid", G_TYPE_UINT64, number(invalid_),                  //
                           "ssrc-changes", G_TYPE_UINT64, number(counts.ssrc_changes),  //
                           "resyncs", G_TYPE_UINT64, number(counts.resyncs),            //
                           "held", G_TYPE_UINT64, number(counts.held),                  //
                           "jitter-ms", G_TYPE_DOUBLE, toMs(counts.jitter_ns),          //
                           "longest-hold-ms", G_TYPE_DOUBLE, toMs(counts.longest_hold_ns), nullptr);
}

}  // namespace wsbridge
