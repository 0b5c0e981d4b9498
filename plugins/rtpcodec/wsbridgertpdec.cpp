// SPDX-License-Identifier: LGPL-2.1-or-later
// The launch lines must stay whole.
// clang-format off
/**
 * SECTION:element-wsbridgertpdec
 * @title: wsbridgertpdec
 *
 * Decodes RTP audio of telephony (PCMU, PCMA and L16, mono) to samples at the rate that downstream
 * takes (or passes the payload of PCMU and PCMA as it is, when downstream prefers that): what a depayloader, a decoder, spanplc and audioresample do in a row, in one call per packet.
 * Lost packets, reported with the event GstRTPPacketLost or a gap event, are made up, so that the time
 * line stays whole. Packets of other payload types, such as telephone events, go to the signal
 * #wsbridgertpdec::other-payload. Properties, the signal and statistics are described in
 * docs/elements.md.
 *
 * ## Example launch lines
 * |[
 * gst-launch-1.0 udpsrc port=5004 caps="application/x-rtp,media=audio,clock-rate=8000,encoding-name=PCMU,payload=0" ! wsbridgejitterbuffer max-wait=60 ! wsbridgertpdec ! wsbridgesink uri=ws://127.0.0.1:8080/echo content-type="audio/l16;rate=16000"
 * ]|
 * A phone's audio to a WebSocket endpoint that wants 16 kHz.
 * |[
 * gst-launch-1.0 audiotestsrc is-live=true num-buffers=100 ! audio/x-raw,rate=8000,channels=1 ! mulawenc ! rtppcmupay min-ptime=20000000 max-ptime=20000000 ! netsim drop-probability=0.05 ! wsbridgejitterbuffer ! wsbridgertpdec ! wsbridgesink uri=ws://127.0.0.1:8080/echo
 * ]|
 * Every twentieth packet is made up.
 */
// clang-format on
#include "rtpcodec/wsbridgertpdec.hpp"

#include "audio/AudioCaps.hpp"
#include "rtpcodec/RtpDecodeStream.hpp"

GST_DEBUG_CATEGORY_STATIC(wsbridge_rtp_dec_debug);
#define GST_CAT_DEFAULT wsbridge_rtp_dec_debug

namespace {

using wsbridge::RtpDecodeStream;

enum : guint {
  kPropMaxConceal = 1,
  kPropStats,
};

guint other_payload_signal = 0;

}  // namespace

struct _WsBridgeRtpDec {
  GstElement parent;
  RtpDecodeStream* stream;
};

#define wsbridge_rtp_dec_parent_class parent_class
G_DEFINE_TYPE(WsBridgeRtpDec, wsbridge_rtp_dec, GST_TYPE_ELEMENT)

namespace {

GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE(
    "sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS(WSBRIDGE_RTP_AUDIO_CAPS));
GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE(
    "src", GST_PAD_SRC, GST_PAD_ALWAYS,
    GST_STATIC_CAPS("audio/x-raw, format=(string)S16LE, layout=(string)interleaved, "
                    "channels=(int)1, rate=(int){ 8000, 16000, 24000, 32000, 48000 }"
                    "; " WSBRIDGE_ULAW_CAPS "; " WSBRIDGE_ALAW_CAPS));

RtpDecodeStream& streamOf(gpointer object) {
  return *WSBRIDGE_RTP_DEC(object)->stream;
}

/// Spares the look-ups per packet.
RtpDecodeStream& streamOf(GstPad* pad) {
  return *static_cast<RtpDecodeStream*>(gst_pad_get_element_private(pad));
}

GstFlowReturn chain(GstPad* pad, GstObject* /*parent*/, GstBuffer* buffer) noexcept {
  const GstFlowReturn flow = streamOf(pad).take(buffer);
  gst_buffer_unref(buffer);
  return flow;
}

/// True when that was a loss with a duration.
bool takeLoss(RtpDecodeStream& stream, GstEvent* event) {
  GstClockTime pts = GST_CLOCK_TIME_NONE;
  GstClockTime duration = GST_CLOCK_TIME_NONE;
  if (GST_EVENT_TYPE(event) == GST_EVENT_GAP) {
    gst_event_parse_gap(event, &pts, &duration);
  } else if (gst_event_has_name(event, "GstRTPPacketLost")) {
    const GstStructure* lost = gst_event_get_structure(event);
    gst_structure_get_uint64(lost, "timestamp", &pts);
    if (!gst_structure_get_uint64(lost, "duration", &duration)) duration = 0;
  }
  if (!GST_CLOCK_TIME_IS_VALID(duration)) return false;
  stream.takeLoss(pts, duration);
  return true;
}

gboolean sinkEvent(GstPad* pad, GstObject* parent, GstEvent* event) noexcept {
  RtpDecodeStream& stream = streamOf(pad);
  gboolean accepted = TRUE;
  switch (GST_EVENT_TYPE(event)) {
    case GST_EVENT_CAPS: {
      GstCaps* caps = nullptr;
      gst_event_parse_caps(event, &caps);
      accepted = stream.takeCaps(caps);
      GST_DEBUG_OBJECT(parent, "%s %" GST_PTR_FORMAT, accepted ? "takes" : "refuses", caps);
      break;
    }
    case GST_EVENT_GAP:
    case GST_EVENT_CUSTOM_DOWNSTREAM:
      if (!takeLoss(stream, event)) return gst_pad_event_default(pad, parent, event);
      break;
    case GST_EVENT_FLUSH_STOP:
      stream.flush();
      return gst_pad_event_default(pad, parent, event);
    default:
      return gst_pad_event_default(pad, parent, event);
  }
  gst_event_unref(event);
  return accepted;
}

gboolean srcQuery(GstPad* pad, GstObject* parent, GstQuery* query) noexcept {
  if (!gst_pad_query_default(pad, parent, query)) return FALSE;
  if (GST_QUERY_TYPE(query) != GST_QUERY_LATENCY) return TRUE;
  gboolean live = FALSE;
  GstClockTime min = 0;
  GstClockTime max = 0;
  gst_query_parse_latency(query, &live, &min, &max);
  const GstClockTime delay = streamOf(pad).delay();
  min += delay;
  if (GST_CLOCK_TIME_IS_VALID(max)) max += delay;
  gst_query_set_latency(query, live, min, max);
  return TRUE;
}

GstStateChangeReturn changeState(GstElement* element, GstStateChange transition) noexcept {
  RtpDecodeStream& stream = streamOf(element);
  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED) stream.start();
  const GstStateChangeReturn result =
      GST_ELEMENT_CLASS(parent_class)->change_state(element, transition);
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY) stream.stop();
  return result;
}

void setProperty(GObject* object, guint id, const GValue* value, GParamSpec* spec) noexcept {
  if (id == kPropMaxConceal) {
    streamOf(object).max_conceal_ms = g_value_get_uint(value);
  } else {
    G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  }
}

void getProperty(GObject* object, guint id, GValue* value, GParamSpec* spec) noexcept {
  switch (id) {
    case kPropMaxConceal:
      g_value_set_uint(value, streamOf(object).max_conceal_ms);
      break;
    case kPropStats:
      g_value_take_boxed(value, streamOf(object).stats());
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  }
}

void finalize(GObject* object) noexcept {
  delete WSBRIDGE_RTP_DEC(object)->stream;
  G_OBJECT_CLASS(parent_class)->finalize(object);
}

}  // namespace

static void wsbridge_rtp_dec_init(WsBridgeRtpDec* self) {
  auto* element = GST_ELEMENT(self);
  GstPad* sink = gst_pad_new_from_static_template(&sink_template, "sink");
  GstPad* src = gst_pad_new_from_static_template(&src_template, "src");
  self->stream = new RtpDecodeStream(element, src, other_payload_signal);
  for (GstPad* pad : {sink, src})
    gst_pad_set_element_private(pad, self->stream);
  gst_pad_set_chain_function(sink, chain);
  gst_pad_set_event_function(sink, sinkEvent);
  gst_pad_set_query_function(src, srcQuery);
  gst_element_add_pad(element, sink);
  gst_element_add_pad(element, src);
}

static void wsbridge_rtp_dec_class_init(WsBridgeRtpDecClass* klass) {
  GST_DEBUG_CATEGORY_INIT(wsbridge_rtp_dec_debug, "wsbridgertpdec", 0, "RTP audio decoder");
  auto* object_class = G_OBJECT_CLASS(klass);
  object_class->set_property = setProperty;
  object_class->get_property = getProperty;
  object_class->finalize = finalize;
  g_object_class_install_property(
      object_class, kPropMaxConceal,
      g_param_spec_uint("max-conceal", "Max conceal",
                        "Lost time in a row that is made up, ms; 0 makes nothing up", 0, 10000,
                        RtpDecodeStream::kDefaultMaxConcealMs,
                        static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                 GST_PARAM_MUTABLE_PLAYING)));
  g_object_class_install_property(
      object_class, kPropStats,
      g_param_spec_boxed("stats", "Statistics", "Counters of this run", GST_TYPE_STRUCTURE,
                         static_cast<GParamFlags>(G_PARAM_READABLE | G_PARAM_STATIC_STRINGS)));
  /**
   * WsBridgeRtpDec::other-payload:
   * @payload_type: that of the packet
   * @packet: a whole RTP packet; to be kept only with a reference
   *
   * A packet came that is not of the payload type of the caps. In the streaming thread.
   */
  other_payload_signal = g_signal_new("other-payload", G_TYPE_FROM_CLASS(klass), G_SIGNAL_RUN_LAST,
                                      0, nullptr, nullptr, nullptr, G_TYPE_NONE, 2, G_TYPE_UINT,
                                      GST_TYPE_BUFFER | G_SIGNAL_TYPE_STATIC_SCOPE);

  auto* element_class = GST_ELEMENT_CLASS(klass);
  element_class->change_state = changeState;
  gst_element_class_add_static_pad_template(element_class, &sink_template);
  gst_element_class_add_static_pad_template(element_class, &src_template);
  gst_element_class_set_static_metadata(
      element_class, "RTP telephony decoder", "Codec/Decoder/Network/RTP",
      "Decodes PCMU, PCMA and L16 from RTP, makes up what is lost and converts the rate",
      "The gst-wsbridge authors");
}
