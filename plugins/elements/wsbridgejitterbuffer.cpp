// SPDX-License-Identifier: LGPL-2.1-or-later
// The launch lines must stay whole.
// clang-format off
/**
 * SECTION:element-wsbridgejitterbuffer
 * @title: wsbridgejitterbuffer
 *
 * Puts the packets of an RTP stream in order. A packet that comes in order goes on at once, in the
 * thread that pushes it; a gap is held at most #wsbridgejitterbuffer:max-wait for the missing packet
 * and then reported with the event GstRTPPacketLost, which depayloaders turn into gaps for decoders
 * to conceal. So there is no constant delay: to the latency query the element adds nothing to the
 * minimum and max-wait to the maximum, and a sink that plays in time has to bring its own margin for
 * the jitter of the network. Properties, events and statistics are described in docs/elements.md.
 *
 * ## Example launch lines
 * |[
 * gst-launch-1.0 udpsrc port=5004 caps="application/x-rtp,media=audio,clock-rate=8000,encoding-name=PCMU,payload=0" ! wsbridgejitterbuffer max-wait=60 ! rtppcmudepay ! mulawdec ! spanplc ! audioresample ! wsbridgesink uri=ws://127.0.0.1:8080/echo content-type="audio/l16;rate=16000"
 * ]|
 * A phone's audio to a WebSocket endpoint; what is lost is concealed.
 * |[
 * gst-launch-1.0 audiotestsrc is-live=true num-buffers=100 ! audioconvert ! audio/x-raw,rate=16000,channels=1 ! rtpL16pay min-ptime=20000000 max-ptime=20000000 ! identity drop-probability=0.05 ! wsbridgejitterbuffer ! rtpL16depay ! audioresample ! audioconvert ! wsbridgesink uri=ws://127.0.0.1:8080/echo
 * ]|
 * Every twentieth packet is missing.
 */
// clang-format on
#include "elements/wsbridgejitterbuffer.hpp"

#include <algorithm>
#include <mutex>
#include <string>
#include <utility>

#include "elements/HoldTimer.hpp"
#include "rtp/JitterBuffer.hpp"

GST_DEBUG_CATEGORY_STATIC(wsbridge_jitter_buffer_debug);
#define GST_CAT_DEFAULT wsbridge_jitter_buffer_debug

namespace {

using wsbridge::HoldTimer;
using wsbridge::JitterBuffer;
using wsbridge::MediaLoop;

enum : guint {
  kPropMaxWait = 1,
  kPropMaxPackets,
  kPropMaxLost,
  kPropContext,
  kPropContextWait,
  kPropStats,
};

constexpr guint kDefaultMaxWaitMs = 60;
constexpr guint kDefaultMaxPackets = 256;
constexpr guint kDefaultMaxLostMs = 1000;
// Stamps this far from the clock are of another time line: only their distances count.
constexpr GstClockTime kForeignLine = GST_SECOND;
constexpr gsize kRtpHeaderBytes = 12;

struct JitterPrivate {
  GstElement* element = nullptr;
  GstPad* sink = nullptr;
  GstPad* src = nullptr;

  std::atomic<guint> max_wait_ms{kDefaultMaxWaitMs};
  std::atomic<guint> max_packets{kDefaultMaxPackets};
  std::atomic<guint> max_lost_ms{kDefaultMaxLostMs};

  std::mutex settings_mutex;
  std::string context;                    // guarded by settings_mutex
  guint context_wait_ms = 0;              // guarded by settings_mutex
  std::shared_ptr<HoldTimer> live_timer;  // guarded by settings_mutex; for max-wait
  std::shared_ptr<MediaLoop> loop;        // of the thread that changes the state

  // Under the sink pad's stream lock.
  JitterBuffer buffer;
  std::shared_ptr<HoldTimer> timer;
  GstSegment segment{};
  bool has_caps = false;
  std::string encoding;
  gint payload = -1;
  GstFlowReturn flow = GST_FLOW_OK;
  GstClockTime last_arrival = 0;

  JitterBuffer::Gauge<uint64_t> invalid;
};

}  // namespace

struct _WsBridgeJitterBuffer {
  GstElement parent;
  JitterPrivate* priv;
};

#define wsbridge_jitter_buffer_parent_class parent_class
G_DEFINE_TYPE(WsBridgeJitterBuffer, wsbridge_jitter_buffer, GST_TYPE_ELEMENT)

namespace {

GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS,
                                                             GST_STATIC_CAPS("application/x-rtp"));
GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS,
                                                            GST_STATIC_CAPS("application/x-rtp"));

JitterPrivate& privOf(gpointer object) {
  return *WSBRIDGE_JITTER_BUFFER(object)->priv;
}

JitterPrivate& privOf(GstPad* pad) {
  return *static_cast<JitterPrivate*>(gst_pad_get_element_private(pad));
}

void unrefBuffer(void* buffer) {
  gst_buffer_unref(static_cast<GstBuffer*>(buffer));
}

uint16_t read16(const uint8_t* p) {
  return static_cast<uint16_t>(p[0] << 8 | p[1]);
}

uint32_t read32(const uint8_t* p) {
  return static_cast<uint32_t>(read16(p)) << 16 | read16(p + 2);
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
  const bool valid = header[0] >> 6 == 2;
  packet.type = header[1] & 0x7f;
  packet.seq = read16(header + 2);
  packet.time = read32(header + 4);
  packet.ssrc = read32(header + 8);
  if (mapped) gst_memory_unmap(memory, &map);
  return valid;
}

GstClockTime runningTime(GstElement* element) {
  g_autoptr(GstClock) clock = gst_element_get_clock(element);
  if (clock == nullptr) return GST_CLOCK_TIME_NONE;
  const GstClockTime now = gst_clock_get_time(clock);
  const GstClockTime base = gst_element_get_base_time(element);
  return now > base ? now - base : 0;
}

GstClockTime arrivalOf(JitterPrivate& priv, GstBuffer* buffer) {
  GstClockTime arrival = GST_BUFFER_DTS_OR_PTS(buffer);
  if (!GST_CLOCK_TIME_IS_VALID(arrival)) {
    arrival = runningTime(priv.element);
    if (!GST_CLOCK_TIME_IS_VALID(arrival)) arrival = priv.last_arrival;
  }
  priv.last_arrival = arrival;
  return arrival;
}

GstFlowReturn deliver(JitterPrivate& priv, JitterBuffer::Action& action) {
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
  return gst_pad_push(priv.src, buffer);
}

/// As rtpjitterbuffer with do-lost=true.
void reportLost(JitterPrivate& priv, const JitterBuffer::Action& action) {
  GstStructure* lost = gst_structure_new(
      "GstRTPPacketLost", "seqnum", G_TYPE_UINT, static_cast<guint>(action.seq), "timestamp",
      G_TYPE_UINT64, static_cast<guint64>(action.pts_ns), "duration", G_TYPE_UINT64,
      static_cast<guint64>(action.duration_ns), "retry", G_TYPE_UINT, 0U, nullptr);
  gst_pad_push_event(priv.src, gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM, lost));
}

/// Pushes what is due.
void release(JitterPrivate& priv, GstClockTime now) {
  for (;;) {
    JitterBuffer::Action action = priv.buffer.pull(static_cast<int64_t>(now));
    if (action.kind == JitterBuffer::Action::Kind::None) return;
    if (action.kind == JitterBuffer::Action::Kind::Lost) {
      reportLost(priv, action);
      continue;
    }
    priv.flow = deliver(priv, action);
    if (priv.flow == GST_FLOW_OK) continue;
    // Nobody takes what is behind it either.
    priv.buffer.clear(priv.buffer.clockRate());
    return;
  }
}

void releaseAll(JitterPrivate& priv) {
  priv.buffer.drain();
  release(priv, priv.last_arrival);
}

GstClockTime deadlineOf(const JitterPrivate& priv) {
  const int64_t deadline = priv.buffer.deadline();
  return deadline == JitterBuffer::kNever ? GST_CLOCK_TIME_NONE
                                          : static_cast<GstClockTime>(deadline);
}

void applyLimits(JitterPrivate& priv) {
  priv.buffer.setLimits({int64_t{priv.max_wait_ms.load(std::memory_order_relaxed)} * GST_MSECOND,
                         priv.max_packets.load(std::memory_order_relaxed),
                         int64_t{priv.max_lost_ms.load(std::memory_order_relaxed)} * GST_MSECOND});
}

GstClockTime onTimer(GstElement* element, GstClockTime now) {
  JitterPrivate& priv = privOf(element);
  applyLimits(priv);
  release(priv, now);
  return deadlineOf(priv);
}

/// The packets' own time line, moved on to this moment.
GstClockTime arrivalLineNow(const JitterPrivate& priv, GstClockTime arrival) {
  const GstClockTime now = runningTime(priv.element);
  const GstClockTime stamp = gst_segment_to_running_time(&priv.segment, GST_FORMAT_TIME, arrival);
  if (!GST_CLOCK_TIME_IS_VALID(now) || !GST_CLOCK_TIME_IS_VALID(stamp) || now < stamp ||
      now - stamp > kForeignLine) {
    return arrival;
  }
  return arrival + (now - stamp);
}

GstFlowReturn noClockRate(JitterPrivate& priv) {
  GST_ELEMENT_ERROR(priv.element, STREAM, FORMAT,
                    ("wsbridgejitterbuffer does not know the RTP clock rate"),
                    ("put the field clock-rate into the caps of the RTP source, such as udpsrc "
                     "caps=\"application/x-rtp,media=audio,clock-rate=8000,encoding-name=PCMU\""));
  return GST_FLOW_NOT_NEGOTIATED;
}

GstFlowReturn take(JitterPrivate& priv, GstBuffer* buffer) {
  JitterBuffer::Packet packet;
  packet.payload = JitterBuffer::Payload(buffer, unrefBuffer);
  if (!priv.has_caps) return noClockRate(priv);
  if (!readHeader(buffer, packet)) {
    ++priv.invalid;
    return GST_FLOW_OK;
  }
  const GstClockTime arrival = arrivalOf(priv, buffer);
  packet.arrival_ns = static_cast<int64_t>(arrival);
  applyLimits(priv);
  priv.flow = GST_FLOW_OK;
  priv.buffer.push(std::move(packet));
  release(priv, arrival);
  const GstClockTime deadline = deadlineOf(priv);
  if (GST_CLOCK_TIME_IS_VALID(deadline) && priv.timer)
    priv.timer->arm(arrivalLineNow(priv, arrival), deadline);
  return priv.flow;
}

GstFlowReturn chain(GstPad* pad, GstObject* /*parent*/, GstBuffer* buffer) {
  return take(privOf(pad), buffer);
}

GstFlowReturn chainList(GstPad* pad, GstObject* /*parent*/, GstBufferList* list) {
  struct Run {
    JitterPrivate& priv;
    GstFlowReturn flow = GST_FLOW_OK;
  } run{privOf(pad)};
  list = gst_buffer_list_make_writable(list);
  gst_buffer_list_foreach(
      list,
      [](GstBuffer** buffer, guint /*index*/, gpointer data) -> gboolean {
        auto& target = *static_cast<Run*>(data);
        target.flow = take(target.priv, std::exchange(*buffer, nullptr));
        return target.flow == GST_FLOW_OK;
      },
      &run);
  gst_buffer_list_unref(list);
  return run.flow;
}

bool takeCaps(JitterPrivate& priv, GstEvent* event) {
  GstCaps* caps = nullptr;
  gst_event_parse_caps(event, &caps);
  const GstStructure* structure = gst_caps_get_structure(caps, 0);
  gint rate = 0;
  if (!gst_structure_get_int(structure, "clock-rate", &rate) || rate <= 0) {
    noClockRate(priv);
    return false;
  }
  const char* name = gst_structure_get_string(structure, "encoding-name");
  const std::string encoding = name != nullptr ? name : "";
  gint payload = -1;
  gst_structure_get_int(structure, "payload", &payload);
  const bool same_rate = priv.has_caps && static_cast<uint32_t>(rate) == priv.buffer.clockRate();
  // What is held came under the caps before.
  if (!same_rate || encoding != priv.encoding || payload != priv.payload) releaseAll(priv);
  if (!same_rate) priv.buffer.clear(static_cast<uint32_t>(rate));
  priv.has_caps = true;
  priv.encoding = encoding;
  priv.payload = payload;
  return true;
}

bool takeSegment(JitterPrivate& priv, GstEvent* event) {
  const GstSegment* segment = nullptr;
  gst_event_parse_segment(event, &segment);
  if (segment->format != GST_FORMAT_TIME) {
    GST_ELEMENT_ERROR(priv.element, STREAM, FORMAT,
                      ("wsbridgejitterbuffer needs buffers with times"),
                      ("put a live source such as udpsrc in front of it"));
    return false;
  }
  releaseAll(priv);
  priv.buffer.clear(priv.buffer.clockRate());
  gst_segment_copy_into(segment, &priv.segment);
  return true;
}

gboolean sinkEvent(GstPad* pad, GstObject* parent, GstEvent* event) {
  JitterPrivate& priv = privOf(pad);
  bool accepted = true;
  switch (GST_EVENT_TYPE(event)) {
    case GST_EVENT_CAPS:
      accepted = takeCaps(priv, event);
      break;
    case GST_EVENT_SEGMENT:
      accepted = takeSegment(priv, event);
      break;
    case GST_EVENT_EOS:
      releaseAll(priv);
      break;
    case GST_EVENT_FLUSH_STOP:
      priv.buffer.clear(priv.buffer.clockRate());
      gst_segment_init(&priv.segment, GST_FORMAT_TIME);
      priv.flow = GST_FLOW_OK;
      break;
    default:
      break;
  }
  if (accepted) return gst_pad_event_default(pad, parent, event);
  gst_event_unref(event);
  return FALSE;
}

gboolean srcQuery(GstPad* pad, GstObject* parent, GstQuery* query) {
  if (!gst_pad_query_default(pad, parent, query)) return FALSE;
  if (GST_QUERY_TYPE(query) != GST_QUERY_LATENCY) return TRUE;
  gboolean live = FALSE;
  GstClockTime min = 0;
  GstClockTime max = 0;
  gst_query_parse_latency(query, &live, &min, &max);
  if (GST_CLOCK_TIME_IS_VALID(max)) max += privOf(pad).max_wait_ms * GST_MSECOND;
  gst_query_set_latency(query, live, min, max);
  return TRUE;
}

void start(JitterPrivate& priv) {
  priv.buffer.clear(priv.buffer.clockRate());
  priv.buffer.stats().zero();
  priv.invalid = 0;
  priv.has_caps = false;
  priv.encoding.clear();
  priv.payload = -1;
  priv.flow = GST_FLOW_OK;
  priv.last_arrival = 0;
  gst_segment_init(&priv.segment, GST_FORMAT_TIME);
  priv.timer = HoldTimer::create(priv.element, priv.sink, priv.loop, onTimer);
  const std::lock_guard lock(priv.settings_mutex);
  priv.live_timer = priv.timer;
}

void stop(JitterPrivate& priv) {
  std::shared_ptr<HoldTimer> timer;
  {
    const std::lock_guard lock(priv.settings_mutex);
    timer = std::move(priv.live_timer);
  }
  GST_PAD_STREAM_LOCK(priv.sink);
  priv.timer.reset();
  priv.buffer.clear(priv.buffer.clockRate());
  GST_PAD_STREAM_UNLOCK(priv.sink);
  if (timer) timer->stop();
}

GstStateChangeReturn changeState(GstElement* element, GstStateChange transition) {
  JitterPrivate& priv = privOf(element);
  if (transition == GST_STATE_CHANGE_NULL_TO_READY) {
    const std::lock_guard lock(priv.settings_mutex);
    if (!priv.context.empty()) priv.loop = MediaLoop::acquire(priv.context, priv.context_wait_ms);
  }
  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED) start(priv);
  const GstStateChangeReturn result =
      GST_ELEMENT_CLASS(parent_class)->change_state(element, transition);
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY ||
      (transition == GST_STATE_CHANGE_READY_TO_PAUSED && result == GST_STATE_CHANGE_FAILURE)) {
    stop(priv);
  }
  if (transition == GST_STATE_CHANGE_READY_TO_NULL) priv.loop.reset();
  return result;
}

double toMs(int64_t ns) {
  return static_cast<double>(ns) / GST_MSECOND;
}

GstStructure* statsOf(const JitterPrivate& priv) {
  const JitterBuffer::Stats& stats = priv.buffer.stats();
  const auto number = [](const JitterBuffer::Gauge<uint64_t>& gauge) {
    return static_cast<guint64>(gauge);
  };
  return gst_structure_new("wsbridge-jitterbuffer-stats",                              //
                           "received", G_TYPE_UINT64, number(stats.received),          //
                           "delivered", G_TYPE_UINT64, number(stats.delivered),        //
                           "lost", G_TYPE_UINT64, number(stats.lost),                  //
                           "late", G_TYPE_UINT64, number(stats.late),                  //
                           "reordered", G_TYPE_UINT64, number(stats.reordered),        //
                           "duplicates", G_TYPE_UINT64, number(stats.duplicates),      //
                           "stale", G_TYPE_UINT64, number(stats.stale),                //
                           "flushed", G_TYPE_UINT64, number(stats.flushed),            //
                           "invalid", G_TYPE_UINT64, number(priv.invalid),             //
                           "ssrc-changes", G_TYPE_UINT64, number(stats.ssrc_changes),  //
                           "resyncs", G_TYPE_UINT64, number(stats.resyncs),            //
                           "held", G_TYPE_UINT64, number(stats.held),                  //
                           "jitter-ms", G_TYPE_DOUBLE, toMs(stats.jitter_ns),          //
                           "longest-hold-ms", G_TYPE_DOUBLE, toMs(stats.longest_hold_ns), nullptr);
}

void setProperty(GObject* object, guint id, const GValue* value, GParamSpec* spec) {
  JitterPrivate& priv = privOf(object);
  std::unique_lock lock(priv.settings_mutex);
  switch (id) {
    case kPropMaxWait: {
      priv.max_wait_ms = g_value_get_uint(value);
      const std::shared_ptr<HoldTimer> timer = priv.live_timer;
      lock.unlock();
      if (timer) timer->kick();
      break;
    }
    case kPropMaxPackets:
      priv.max_packets = g_value_get_uint(value);
      break;
    case kPropMaxLost:
      priv.max_lost_ms = g_value_get_uint(value);
      break;
    case kPropContext: {
      const char* name = g_value_get_string(value);
      priv.context = name != nullptr ? name : "";
      break;
    }
    case kPropContextWait:
      priv.context_wait_ms = g_value_get_uint(value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  }
}

void getProperty(GObject* object, guint id, GValue* value, GParamSpec* spec) {
  JitterPrivate& priv = privOf(object);
  const std::lock_guard lock(priv.settings_mutex);
  switch (id) {
    case kPropMaxWait:
      g_value_set_uint(value, priv.max_wait_ms);
      break;
    case kPropMaxPackets:
      g_value_set_uint(value, priv.max_packets);
      break;
    case kPropMaxLost:
      g_value_set_uint(value, priv.max_lost_ms);
      break;
    case kPropContext:
      g_value_set_string(value, priv.context.empty() ? nullptr : priv.context.c_str());
      break;
    case kPropContextWait:
      g_value_set_uint(value, priv.context_wait_ms);
      break;
    case kPropStats:
      g_value_take_boxed(value, statsOf(priv));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  }
}

void finalize(GObject* object) {
  delete WSBRIDGE_JITTER_BUFFER(object)->priv;
  G_OBJECT_CLASS(parent_class)->finalize(object);
}

void installProperties(GObjectClass* klass) {
  const auto flags = static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS);
  const auto any_time = static_cast<GParamFlags>(flags | GST_PARAM_MUTABLE_PLAYING);
  const auto before = static_cast<GParamFlags>(flags | GST_PARAM_MUTABLE_READY);
  g_object_class_install_property(
      klass, kPropMaxWait,
      g_param_spec_uint("max-wait", "Max wait",
                        "How long a gap is held for the missing packet, ms; 0 never waits", 0,
                        10000, kDefaultMaxWaitMs, any_time));
  g_object_class_install_property(
      klass, kPropMaxPackets,
      g_param_spec_uint("max-packets", "Max packets",
                        "Packets held behind a gap; with more the oldest gap is given up at once",
                        1, 3000, kDefaultMaxPackets, any_time));
  g_object_class_install_property(
      klass, kPropMaxLost,
      g_param_spec_uint("max-lost", "Max lost",
                        "A gap of more lost time, ms, is not reported packet by packet: the next "
                        "buffer is a discontinuity",
                        0, 60000, kDefaultMaxLostMs, any_time));
  g_object_class_install_property(
      klass, kPropContext,
      g_param_spec_string("context", "Context",
                          "Name of the media loop whose timer ends a wait; without it the "
                          "pipeline clock does",
                          nullptr, before));
  g_object_class_install_property(
      klass, kPropContextWait,
      g_param_spec_uint("context-wait", "Context wait",
                        "How long that loop may gather work before it wakes up, ms", 0, 1000, 0,
                        before));
  g_object_class_install_property(
      klass, kPropStats,
      g_param_spec_boxed("stats", "Statistics", "Counters of this run", GST_TYPE_STRUCTURE,
                         static_cast<GParamFlags>(G_PARAM_READABLE | G_PARAM_STATIC_STRINGS)));
}

}  // namespace

static void wsbridge_jitter_buffer_init(WsBridgeJitterBuffer* self) {
  self->priv = new JitterPrivate;
  JitterPrivate& priv = *self->priv;
  priv.element = GST_ELEMENT(self);
  gst_segment_init(&priv.segment, GST_FORMAT_TIME);
  priv.sink = gst_pad_new_from_static_template(&sink_template, "sink");
  priv.src = gst_pad_new_from_static_template(&src_template, "src");
  for (GstPad* pad : {priv.sink, priv.src})
    gst_pad_set_element_private(pad, self->priv);
  gst_pad_set_chain_function(priv.sink, chain);
  gst_pad_set_chain_list_function(priv.sink, chainList);
  gst_pad_set_event_function(priv.sink, sinkEvent);
  gst_pad_set_query_function(priv.src, srcQuery);
  GST_PAD_SET_PROXY_CAPS(priv.sink);
  GST_PAD_SET_PROXY_ALLOCATION(priv.sink);
  gst_element_add_pad(priv.element, priv.sink);
  gst_element_add_pad(priv.element, priv.src);
}

static void wsbridge_jitter_buffer_class_init(WsBridgeJitterBufferClass* klass) {
  GST_DEBUG_CATEGORY_INIT(wsbridge_jitter_buffer_debug, "wsbridgejitterbuffer", 0,
                          "Jitter buffer without delay");
  auto* object_class = G_OBJECT_CLASS(klass);
  object_class->set_property = setProperty;
  object_class->get_property = getProperty;
  object_class->finalize = finalize;
  installProperties(object_class);

  auto* element_class = GST_ELEMENT_CLASS(klass);
  element_class->change_state = changeState;
  gst_element_class_add_static_pad_template(element_class, &sink_template);
  gst_element_class_add_static_pad_template(element_class, &src_template);
  gst_element_class_set_static_metadata(
      element_class, "RTP jitter buffer without delay", "Filter/Network/RTP",
      "Puts RTP packets in order and reports lost ones; those in order pass at once",
      "The gst-wsbridge authors");
}
