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
 * gst-launch-1.0 audiotestsrc is-live=true num-buffers=100 ! audioconvert ! audio/x-raw,rate=16000,channels=1 ! rtpL16pay min-ptime=20000000 max-ptime=20000000 ! netsim drop-probability=0.05 ! wsbridgejitterbuffer ! rtpL16depay ! audioresample ! audioconvert ! wsbridgesink uri=ws://127.0.0.1:8080/echo
 * ]|
 * Every twentieth packet is missing. (identity drops, too, but tells of it with a gap event of its own.)
 */
// clang-format on
#include "jitter/wsbridgejitterbuffer.hpp"

#include <mutex>
#include <string>
#include <utility>

#include "jitter/JitterStream.hpp"
#include "runtime/ContextProperties.hpp"

GST_DEBUG_CATEGORY_STATIC(wsbridge_jitter_buffer_debug);
#define GST_CAT_DEFAULT wsbridge_jitter_buffer_debug

namespace {

using wsbridge::JitterStream;
using wsbridge::MediaLoop;

enum : guint {
  kPropMaxWait = 1,
  kPropMaxPackets,
  kPropMaxLost,
  kPropContext,
  kPropContextWait,
  kPropStats,
};

struct JitterPrivate {
  JitterPrivate(GstElement* element, GstPad* sink, GstPad* src) : stream(element, sink, src) {}

  JitterStream stream;
  std::shared_ptr<MediaLoop> loop;  // of the thread that changes the state
  std::mutex mutex;
  std::string context;        // guarded by mutex
  guint context_wait_ms = 0;  // guarded by mutex
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

/// Spares the look-ups per packet.
JitterStream& streamOf(GstPad* pad) {
  return *static_cast<JitterStream*>(gst_pad_get_element_private(pad));
}

GstClockTime onTimer(GstElement* element, GstClockTime now) {
  return privOf(element).stream.onTimer(now);
}

GstFlowReturn chain(GstPad* pad, GstObject* /*parent*/, GstBuffer* buffer) noexcept {
  return streamOf(pad).take(buffer);
}

GstFlowReturn chainList(GstPad* pad, GstObject* /*parent*/, GstBufferList* list) noexcept {
  struct Run {
    JitterStream& stream;
    GstFlowReturn flow = GST_FLOW_OK;
  } run{streamOf(pad)};
  list = gst_buffer_list_make_writable(list);
  gst_buffer_list_foreach(
      list,
      [](GstBuffer** buffer, guint /*index*/, gpointer data) noexcept -> gboolean {
        auto& target = *static_cast<Run*>(data);
        target.flow = target.stream.take(std::exchange(*buffer, nullptr));
        return target.flow == GST_FLOW_OK;
      },
      &run);
  gst_buffer_list_unref(list);
  return run.flow;
}

gboolean sinkEvent(GstPad* pad, GstObject* parent, GstEvent* event) noexcept {
  JitterStream& stream = streamOf(pad);
  bool accepted = true;
  switch (GST_EVENT_TYPE(event)) {
    case GST_EVENT_CAPS:
      accepted = stream.takeCaps(event);
      break;
    case GST_EVENT_SEGMENT:
      accepted = stream.takeSegment(event);
      break;
    case GST_EVENT_EOS:
      stream.releaseAll();
      break;
    case GST_EVENT_FLUSH_STOP:
      stream.flush();
      break;
    case GST_EVENT_CUSTOM_DOWNSTREAM:
      if (stream.takeSkipped(event)) {
        gst_event_unref(event);
        return TRUE;
      }
      break;
    default:
      break;
  }
  if (accepted) return gst_pad_event_default(pad, parent, event);
  gst_event_unref(event);
  return FALSE;
}

gboolean srcQuery(GstPad* pad, GstObject* parent, GstQuery* query) noexcept {
  if (!gst_pad_query_default(pad, parent, query)) return FALSE;
  if (GST_QUERY_TYPE(query) != GST_QUERY_LATENCY) return TRUE;
  gboolean live = FALSE;
  GstClockTime min = 0;
  GstClockTime max = 0;
  gst_query_parse_latency(query, &live, &min, &max);
  if (GST_CLOCK_TIME_IS_VALID(max)) max += streamOf(pad).max_wait_ms * GST_MSECOND;
  gst_query_set_latency(query, live, min, max);
  return TRUE;
}

GstStateChangeReturn changeState(GstElement* element, GstStateChange transition) noexcept {
  JitterPrivate& priv = privOf(element);
  if (transition == GST_STATE_CHANGE_NULL_TO_READY) {
    const std::lock_guard lock(priv.mutex);
    if (!priv.context.empty()) priv.loop = MediaLoop::acquire(priv.context, priv.context_wait_ms);
  }
  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED) priv.stream.start(priv.loop, onTimer);
  const GstStateChangeReturn result =
      GST_ELEMENT_CLASS(parent_class)->change_state(element, transition);
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY ||
      (transition == GST_STATE_CHANGE_READY_TO_PAUSED && result == GST_STATE_CHANGE_FAILURE)) {
    priv.stream.stop();
  }
  if (transition == GST_STATE_CHANGE_READY_TO_NULL) priv.loop.reset();
  return result;
}

void setProperty(GObject* object, guint id, const GValue* value, GParamSpec* spec) noexcept {
  JitterPrivate& priv = privOf(object);
  const std::lock_guard lock(priv.mutex);
  switch (id) {
    case kPropMaxWait:
      priv.stream.setMaxWait(g_value_get_uint(value));
      break;
    case kPropMaxPackets:
      priv.stream.max_packets = g_value_get_uint(value);
      break;
    case kPropMaxLost:
      priv.stream.max_lost_ms = g_value_get_uint(value);
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

void getProperty(GObject* object, guint id, GValue* value, GParamSpec* spec) noexcept {
  JitterPrivate& priv = privOf(object);
  const std::lock_guard lock(priv.mutex);
  switch (id) {
    case kPropMaxWait:
      g_value_set_uint(value, priv.stream.max_wait_ms);
      break;
    case kPropMaxPackets:
      g_value_set_uint(value, priv.stream.max_packets);
      break;
    case kPropMaxLost:
      g_value_set_uint(value, priv.stream.max_lost_ms);
      break;
    case kPropContext:
      g_value_set_string(value, priv.context.empty() ? nullptr : priv.context.c_str());
      break;
    case kPropContextWait:
      g_value_set_uint(value, priv.context_wait_ms);
      break;
    case kPropStats:
      g_value_take_boxed(value, priv.stream.stats());
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  }
}

void finalize(GObject* object) noexcept {
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
                        10000, JitterStream::kDefaultMaxWaitMs, any_time));
  g_object_class_install_property(
      klass, kPropMaxPackets,
      g_param_spec_uint("max-packets", "Max packets",
                        "Packets held behind a gap; with more the oldest gap is given up at once",
                        1, 3000, JitterStream::kDefaultMaxPackets, any_time));
  g_object_class_install_property(
      klass, kPropMaxLost,
      g_param_spec_uint("max-lost", "Max lost",
                        "A gap of more lost time, ms, is not reported packet by packet: the next "
                        "buffer is a discontinuity",
                        0, 60000, JitterStream::kDefaultMaxLostMs, any_time));
  wsbridge::installContextProperties(
      klass, kPropContext, kPropContextWait,
      "Name of the media loop whose timer ends a wait; without it the pipeline clock does", before);
  g_object_class_install_property(
      klass, kPropStats,
      g_param_spec_boxed("stats", "Statistics", "Counters of this run", GST_TYPE_STRUCTURE,
                         static_cast<GParamFlags>(G_PARAM_READABLE | G_PARAM_STATIC_STRINGS)));
}

}  // namespace

static void wsbridge_jitter_buffer_init(WsBridgeJitterBuffer* self) {
  auto* element = GST_ELEMENT(self);
  GstPad* sink = gst_pad_new_from_static_template(&sink_template, "sink");
  GstPad* src = gst_pad_new_from_static_template(&src_template, "src");
  self->priv = new JitterPrivate(element, sink, src);
  for (GstPad* pad : {sink, src})
    gst_pad_set_element_private(pad, &self->priv->stream);
  gst_pad_set_chain_function(sink, chain);
  gst_pad_set_chain_list_function(sink, chainList);
  gst_pad_set_event_function(sink, sinkEvent);
  gst_pad_set_query_function(src, srcQuery);
  GST_PAD_SET_PROXY_CAPS(sink);
  GST_PAD_SET_PROXY_ALLOCATION(sink);
  gst_element_add_pad(element, sink);
  gst_element_add_pad(element, src);
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
