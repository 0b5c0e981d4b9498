// SPDX-License-Identifier: LGPL-2.1-or-later
// The launch lines must stay whole.
// clang-format off
/**
 * SECTION:element-wsbridgertpenc
 * @title: wsbridgertpenc
 *
 * Raw mono audio of 8 to 48 kHz to RTP packets of G.711 or L16 in one step: what audioresample,
 * mulawenc and rtppcmupay (or alawenc and rtppcmapay, or rtpL16pay) do one after the other. It needs
 * a fraction of their time per packet, which matters with hundreds of streams. What the properties
 * leave open is chosen with the side behind. Properties and the treatment of gaps are described in
 * docs/elements.md.
 *
 * ## Example launch lines
 * |[
 * gst-launch-1.0 audiotestsrc is-live=true samplesperbuffer=320 ! audio/x-raw,format=S16LE,rate=16000 ! wsbridgertpenc encoding=pcmu ! udpsink host=127.0.0.1 port=5006
 * ]|
 * A tone to a phone that listens on port 5006.
 * |[
 * gst-launch-1.0 wsbridgesrc uri=ws://127.0.0.1:8080/echo content-type="audio/l16;rate=16000" ! wsbridgertpenc ! application/x-rtp,encoding-name=L16,clock-rate=16000,payload=97 ! udpsink host=127.0.0.1 port=5006 sync=false async=false
 * ]|
 * What an endpoint says; the caps behind the element decide on the format.
 */
// clang-format on
#include "rtpcodec/wsbridgertpenc.hpp"

#include "common/CodecInfo.hpp"
#include "common/DtmfDigit.hpp"
#include "rtpcodec/RtpEncoderStream.hpp"

GST_DEBUG_CATEGORY_STATIC(wsbridge_rtp_enc_debug);
#define GST_CAT_DEFAULT wsbridge_rtp_enc_debug

namespace {

using wsbridge::RtpCodec;
using wsbridge::RtpEncoderStream;

enum : guint {
  kPropEncoding = 1,
  kPropClockRate,
  kPropPt,
  kPropPtime,
  kPropSsrc,
  kPropSeqnumOffset,
  kPropTimestampOffset,
  kPropEventPt,
  kPropEventClockRate,
  kPropSeqnum,
  kPropTimestamp,
  kPropStats,
};

constexpr gint kDefaultPtime = 20;
constexpr guint kMinDigitMs = 40;  // ITU-T Q.24: what a receiver must notice
constexpr guint kMaxDigitMs = 6000;
/// As GStreamer's payloaders have it.
constexpr guint kRandom = G_MAXUINT32;

}  // namespace

struct _WsBridgeRtpEnc {
  GstElement parent;
  RtpEncoderStream* stream;
};

#define wsbridge_rtp_enc_parent_class parent_class
G_DEFINE_TYPE(WsBridgeRtpEnc, wsbridge_rtp_enc, GST_TYPE_ELEMENT)

namespace {

GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS,
                            GST_STATIC_CAPS("audio/x-raw, format=(string)S16LE, "
                                            "layout=(string)interleaved, channels=(int)1, "
                                            "rate=(int){ 8000, 16000, 24000, 32000, 48000 }"));
GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE(
    "src", GST_PAD_SRC, GST_PAD_ALWAYS,
    GST_STATIC_CAPS("application/x-rtp, media=(string)audio, "
                    "encoding-name=(string){ PCMU, PCMA }, clock-rate=(int)8000, "
                    "payload=(int)[ 0, 127 ]; "
                    "application/x-rtp, media=(string)audio, encoding-name=(string)L16, "
                    "clock-rate=(int){ 8000, 16000, 24000, 32000, 48000 }, channels=(int)1, "
                    "payload=(int)[ 0, 127 ]"));

GType encodingType() {
  static const GType type = [] {
    static std::array<GEnumValue, wsbridge::common::kCodecs.size() + 1> values{};
    for (size_t i = 0; i < wsbridge::common::kCodecs.size(); ++i) {
      const auto& row = wsbridge::common::kCodecs[i];
      values[i] = {static_cast<gint>(row.codec), row.summary, row.nick};
    }
    return g_enum_register_static("WsBridgeRtpEncoding", values.data());
  }();
  return type;
}

/// Spares the look-ups per packet.
RtpEncoderStream& streamOf(GstPad* pad) {
  return *static_cast<RtpEncoderStream*>(gst_pad_get_element_private(pad));
}

RtpEncoderStream& streamOfElement(gpointer object) {
  return *WSBRIDGE_RTP_ENC(object)->stream;
}

GstFlowReturn chain(GstPad* pad, GstObject* /*parent*/, GstBuffer* buffer) noexcept {
  return streamOf(pad).take(buffer);
}

gboolean sinkEvent(GstPad* pad, GstObject* parent, GstEvent* event) noexcept {
  RtpEncoderStream& stream = streamOf(pad);
  switch (GST_EVENT_TYPE(event)) {
    case GST_EVENT_CAPS: {
      GstCaps* caps = nullptr;
      gst_event_parse_caps(event, &caps);
      const bool taken = stream.takeCaps(caps);
      GST_DEBUG_OBJECT(parent, "%s %" GST_PTR_FORMAT, taken ? "takes" : "refuses", caps);
      gst_event_unref(event);
      return taken;
    }
    case GST_EVENT_SEGMENT:
      stream.takeSegment(event);
      break;
    case GST_EVENT_GAP:
      stream.takeGap(event);
      break;
    case GST_EVENT_EOS:
      stream.finish();
      break;
    case GST_EVENT_FLUSH_STOP:
      stream.flush();
      break;
    default:
      break;
  }
  return gst_pad_event_default(pad, parent, event);
}

bool isOurCollision(GstPad* pad, GstEvent* event) {
  const GstStructure* structure = gst_event_get_structure(event);
  guint ssrc = 0;
  if (structure == nullptr || !gst_structure_has_name(structure, "GstRTPCollision") ||
      !gst_structure_get_uint(structure, "ssrc", &ssrc)) {
    return false;
  }
  std::optional<uint32_t> suggested;
  guint value = 0;
  if (gst_structure_get_uint(structure, "suggested-ssrc", &value)) suggested = value;
  return streamOf(pad).collision(ssrc, suggested);
}

gboolean srcEvent(GstPad* pad, GstObject* parent, GstEvent* event) noexcept {
  if (GST_EVENT_TYPE(event) == GST_EVENT_CUSTOM_UPSTREAM && isOurCollision(pad, event)) {
    gst_event_unref(event);
    return TRUE;
  }
  return gst_pad_event_default(pad, parent, event);
}

gboolean srcQuery(GstPad* pad, GstObject* parent, GstQuery* query) noexcept {
  if (!gst_pad_query_default(pad, parent, query)) return FALSE;
  if (GST_QUERY_TYPE(query) != GST_QUERY_LATENCY) return TRUE;
  gboolean live = FALSE;
  GstClockTime min = 0;
  GstClockTime max = 0;
  gst_query_parse_latency(query, &live, &min, &max);
  const auto delay = static_cast<GstClockTime>(streamOf(pad).counters().delay_ns.load());
  min += delay;
  if (GST_CLOCK_TIME_IS_VALID(max)) max += delay;
  gst_query_set_latency(query, live, min, max);
  return TRUE;
}

GstStateChangeReturn changeState(GstElement* element, GstStateChange transition) noexcept {
  RtpEncoderStream& stream = streamOfElement(element);
  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED) stream.start();
  const GstStateChangeReturn result =
      GST_ELEMENT_CLASS(parent_class)->change_state(element, transition);
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY ||
      (transition == GST_STATE_CHANGE_READY_TO_PAUSED && result == GST_STATE_CHANGE_FAILURE)) {
    stream.stop();
  }
  return result;
}

void setProperty(GObject* object, guint id, const GValue* value, GParamSpec* spec) noexcept {
  streamOfElement(object).changeSettings([&](RtpEncoderStream::Settings& settings) {
    switch (id) {
      case kPropEncoding:
        settings.wishes.codec = static_cast<RtpCodec>(g_value_get_enum(value));
        break;
      case kPropClockRate: {
        const int rate = g_value_get_int(value);
        settings.wishes.clock_rate = rate != 0 ? std::optional(rate) : std::nullopt;
        break;
      }
      case kPropPt: {
        const int pt = g_value_get_int(value);
        settings.wishes.payload_type = pt >= 0 ? std::optional(pt) : std::nullopt;
        break;
      }
      case kPropPtime:
        settings.wishes.ptime_ms = g_value_get_int(value);
        break;
      case kPropSsrc: {
        const guint ssrc = g_value_get_uint(value);
        settings.wishes.ssrc = ssrc != kRandom ? std::optional<uint32_t>(ssrc) : std::nullopt;
        break;
      }
      case kPropSeqnumOffset: {
        const gint offset = g_value_get_int(value);
        settings.sequence_offset =
            offset >= 0 ? std::optional(static_cast<uint16_t>(offset)) : std::nullopt;
        break;
      }
      case kPropTimestampOffset: {
        const guint offset = g_value_get_uint(value);
        settings.timestamp_offset =
            offset != kRandom ? std::optional<uint32_t>(offset) : std::nullopt;
        break;
      }
      case kPropEventPt:
        settings.event_payload_type = g_value_get_int(value);
        break;
      case kPropEventClockRate:
        settings.event_rate = g_value_get_int(value);
        break;
      default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    }
  });
}

gboolean onSendDtmf(GstElement* element, const char* digit, guint duration_ms) noexcept {
  if (digit == nullptr || digit[0] == '\0' || digit[1] != '\0') return FALSE;
  const char one = g_ascii_toupper(digit[0]);
  RtpEncoderStream& stream = streamOfElement(element);
  const auto settings = stream.settings();
  if (!wsbridge::common::isDtmfDigit(one) || settings.event_payload_type < 0 ||
      duration_ms < kMinDigitMs || duration_ms > kMaxDigitMs)
    return FALSE;
  return stream.press({{one, duration_ms}, settings.event_payload_type, settings.event_rate});
}

GstStructure* statsOf(const RtpEncoderStream::Counters& counters) {
  return gst_structure_new("wsbridge-rtp-enc-stats", "packets", G_TYPE_UINT64,
                           counters.packets.load(), "bytes", G_TYPE_UINT64, counters.bytes.load(),
                           "ssrc", G_TYPE_UINT, counters.ssrc.load(), "pt", G_TYPE_INT,
                           counters.payload_type.load(), "clock-rate", G_TYPE_INT,
                           counters.clock_rate.load(), nullptr);
}

void getProperty(GObject* object, guint id, GValue* value, GParamSpec* spec) noexcept {
  const RtpEncoderStream& stream = streamOfElement(object);
  const RtpEncoderStream::Settings settings = stream.settings();
  switch (id) {
    case kPropEncoding:
      g_value_set_enum(value, static_cast<gint>(settings.wishes.codec.value_or(RtpCodec::Pcmu)));
      break;
    case kPropClockRate:
      g_value_set_int(value, settings.wishes.clock_rate.value_or(0));
      break;
    case kPropPt:
      g_value_set_int(value, settings.wishes.payload_type.value_or(-1));
      break;
    case kPropPtime:
      g_value_set_int(value, settings.wishes.ptime_ms.value_or(kDefaultPtime));
      break;
    case kPropSsrc:
      g_value_set_uint(value, settings.wishes.ssrc.value_or(kRandom));
      break;
    case kPropSeqnumOffset:
      g_value_set_int(value, settings.sequence_offset ? *settings.sequence_offset : -1);
      break;
    case kPropTimestampOffset:
      g_value_set_uint(value, settings.timestamp_offset.value_or(kRandom));
      break;
    case kPropEventPt:
      g_value_set_int(value, settings.event_payload_type);
      break;
    case kPropEventClockRate:
      g_value_set_int(value, settings.event_rate);
      break;
    case kPropSeqnum:
      g_value_set_uint(value, stream.counters().sequence);
      break;
    case kPropTimestamp:
      g_value_set_uint(value, stream.counters().timestamp);
      break;
    case kPropStats:
      g_value_take_boxed(value, statsOf(stream.counters()));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  }
}

void finalize(GObject* object) noexcept {
  delete WSBRIDGE_RTP_ENC(object)->stream;
  G_OBJECT_CLASS(parent_class)->finalize(object);
}

void installFormat(GObjectClass* klass, GParamFlags flags) {
  g_object_class_install_property(
      klass, kPropEncoding,
      g_param_spec_enum("encoding", "Encoding",
                        "Encoding of the packets; never set, it may follow the side behind",
                        encodingType(), static_cast<gint>(RtpCodec::Pcmu), flags));
  g_object_class_install_property(
      klass, kPropClockRate,
      g_param_spec_int("clock-rate", "Clock rate",
                       "RTP clock rate, Hz; 0: 8000 for G.711, for L16 that of the side behind or "
                       "of the input",
                       0, 48000, 0, flags));
  g_object_class_install_property(
      klass, kPropPt,
      g_param_spec_int("pt", "Payload type",
                       "Payload type; -1: that of the side behind, or 0 for PCMU, 8 for PCMA, 96 "
                       "for L16",
                       -1, 127, -1, flags));
  g_object_class_install_property(klass, kPropPtime,
                                  g_param_spec_int("ptime", "Packet time", "Length of a packet, ms",
                                                   10, 60, kDefaultPtime, flags));
}

void installDigits(GObjectClass* klass, GParamFlags flags) {
  g_object_class_install_property(
      klass, kPropEventPt,
      g_param_spec_int("event-pt", "Event payload type",
                       "Payload type of telephone-event (RFC 4733); -1: send-dtmf is refused", -1,
                       127, -1, flags));
  g_object_class_install_property(
      klass, kPropEventClockRate,
      g_param_spec_int("event-clock-rate", "Event clock rate",
                       "Clock rate of the durations of telephone-event, Hz; 0: that of the audio",
                       0, 48000, 0, flags));
  g_signal_new_class_handler("send-dtmf", G_TYPE_FROM_CLASS(klass),
                             static_cast<GSignalFlags>(G_SIGNAL_RUN_LAST | G_SIGNAL_ACTION),
                             G_CALLBACK(onSendDtmf), nullptr, nullptr, nullptr, G_TYPE_BOOLEAN, 2,
                             G_TYPE_STRING, G_TYPE_UINT);
}

void installNumbers(GObjectClass* klass, GParamFlags flags) {
  const auto readable = static_cast<GParamFlags>(G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_property(
      klass, kPropSsrc,
      g_param_spec_uint("ssrc", "SSRC",
                        "SSRC of the packets; default random, stats have the present one", 0,
                        G_MAXUINT32, kRandom, flags));
  g_object_class_install_property(
      klass, kPropSeqnumOffset,
      g_param_spec_int("seqnum-offset", "Sequence number offset",
                       "Sequence number of the first packet; -1: random", -1, G_MAXUINT16, -1,
                       flags));
  g_object_class_install_property(
      klass, kPropTimestampOffset,
      g_param_spec_uint("timestamp-offset", "Time stamp offset",
                        "RTP time stamp at running time 0; default random", 0, G_MAXUINT32, kRandom,
                        flags));
  g_object_class_install_property(
      klass, kPropSeqnum,
      g_param_spec_uint("seqnum", "Sequence number", "Sequence number of the last packet", 0,
                        G_MAXUINT16, 0, readable));
  g_object_class_install_property(
      klass, kPropTimestamp,
      g_param_spec_uint("timestamp", "Time stamp", "RTP time stamp of the last packet", 0,
                        G_MAXUINT32, 0, readable));
  g_object_class_install_property(klass, kPropStats,
                                  g_param_spec_boxed("stats", "Statistics", "Counters of this run",
                                                     GST_TYPE_STRUCTURE, readable));
}

}  // namespace

static void wsbridge_rtp_enc_init(WsBridgeRtpEnc* self) {
  auto* element = GST_ELEMENT(self);
  GstPad* sink = gst_pad_new_from_static_template(&sink_template, "sink");
  GstPad* src = gst_pad_new_from_static_template(&src_template, "src");
  self->stream = new RtpEncoderStream(element, src);
  for (GstPad* pad : {sink, src})
    gst_pad_set_element_private(pad, self->stream);
  gst_pad_set_chain_function(sink, chain);
  gst_pad_set_event_function(sink, sinkEvent);
  gst_pad_set_event_function(src, srcEvent);
  gst_pad_set_query_function(src, srcQuery);
  gst_element_add_pad(element, sink);
  gst_element_add_pad(element, src);
}

static void wsbridge_rtp_enc_class_init(WsBridgeRtpEncClass* klass) {
  GST_DEBUG_CATEGORY_INIT(wsbridge_rtp_enc_debug, "wsbridgertpenc", 0, "Audio to RTP in one step");
  auto* object_class = G_OBJECT_CLASS(klass);
  object_class->set_property = setProperty;
  object_class->get_property = getProperty;
  object_class->finalize = finalize;
  const auto flags = static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                              GST_PARAM_MUTABLE_READY);
  installFormat(object_class, flags);
  installDigits(object_class, flags);
  installNumbers(object_class, flags);

  auto* element_class = GST_ELEMENT_CLASS(klass);
  element_class->change_state = changeState;
  gst_element_class_add_static_pad_template(element_class, &sink_template);
  gst_element_class_add_static_pad_template(element_class, &src_template);
  gst_element_class_set_static_metadata(
      element_class, "Audio to RTP in one step", "Codec/Encoder/Payloader/Network/RTP",
      "Converts the rate, encodes G.711 or L16 and makes RTP packets", "The gst-wsbridge authors");
  gst_type_mark_as_plugin_api(encodingType(), static_cast<GstPluginAPIFlags>(0));
}
