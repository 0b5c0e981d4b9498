// SPDX-License-Identifier: LGPL-2.1-or-later
// The launch lines must stay whole.
// clang-format off
/**
 * SECTION:element-wsbridgertpsrc
 * @title: wsbridgertpsrc
 *
 * Receives RTP, and RTCP on the request pad, from UDP sockets that a media loop owns: one epoll set
 * and one thread for all calls of a `context`, the kernel's receive times as timestamps, symmetric
 * RTP. wsbridgertpsink with the same `transport` sends from the same sockets. Properties, messages
 * and statistics are described in docs/elements.md.
 *
 * With `context` what is behind the pads must not block.
 *
 * ## Example launch lines
 * |[
 * gst-launch-1.0 wsbridgertpsrc port=5004 caps="application/x-rtp,media=audio,clock-rate=8000,encoding-name=PCMU,payload=0" ! wsbridgejitterbuffer ! rtppcmudepay ! mulawdec ! audioconvert ! audioresample ! autoaudiosink
 * ]|
 * Plays what a phone sends.
 * |[
 * gst-launch-1.0 wsbridgertpsrc transport=call port=5004 ! fakesink wsbridgesrc uri=ws://127.0.0.1:8080/tone ! audioresample ! mulawenc ! rtppcmupay ! wsbridgertpsink transport=call
 * ]|
 * An endpoint's audio to whoever sends RTP here.
 */
// clang-format on
#include "rtpio/wsbridgertpsrc.hpp"

#include <algorithm>

#include "rtp/RtpReceiver.hpp"
#include "rtp/RtpSockets.hpp"
#include "rtpio/RtpSrcProperties.hpp"

GST_DEBUG_CATEGORY_STATIC(wsbridge_rtp_src_debug);
#define GST_CAT_DEFAULT wsbridge_rtp_src_debug

namespace {

using wsbridge::GObjectPtr;
using wsbridge::MediaLoop;
using wsbridge::RtpAddress;
using wsbridge::RtpReceiver;
using wsbridge::RtpSrcSettings;
using wsbridge::RtpTransport;

struct RtpSrcPrivate {
  GstPad* rtp_pad = nullptr;
  std::mutex mutex;  // guards all that follows
  GstPad* rtcp_pad = nullptr;
  RtpSrcSettings settings;
  std::shared_ptr<MediaLoop> loop;
  std::pair<std::string, std::string> attached;  // names of the transport and of the context
  std::shared_ptr<RtpTransport> transport;
  std::shared_ptr<RtpReceiver> receiver;
  GObjectPtr<GSocket> rtp;
  GObjectPtr<GSocket> rtcp;
};

}  // namespace

struct _WsBridgeRtpSrc {
  GstElement parent;
  RtpSrcPrivate* priv;
};

#define wsbridge_rtp_src_parent_class parent_class
G_DEFINE_TYPE(WsBridgeRtpSrc, wsbridge_rtp_src, GST_TYPE_ELEMENT)

namespace {

GstStaticPadTemplate rtp_template = GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS,
                                                            GST_STATIC_CAPS("application/x-rtp"));
GstStaticPadTemplate rtcp_template = GST_STATIC_PAD_TEMPLATE(
    "rtcp_src", GST_PAD_SRC, GST_PAD_REQUEST, GST_STATIC_CAPS("application/x-rtcp"));

RtpSrcPrivate& privOf(gpointer object) {
  return *WSBRIDGE_RTP_SRC(object)->priv;
}

/// False: not a list of numbers from 0 to 127. Empty: all of them.
bool parsePayloadTypes(const std::string& text, RtpReceiver::PayloadTypes& types) {
  types.reset();
  if (text.empty()) {
    types.set();
    return true;
  }
  g_auto(GStrv) parts = g_strsplit(text.c_str(), ",", -1);
  for (char** part = parts; *part != nullptr; ++part) {
    guint64 number = 0;
    if (g_ascii_string_to_unsigned(g_strstrip(*part), 10, 0, 127, &number, nullptr) == FALSE) {
      return false;
    }
    types.set(number);
  }
  return true;
}

/// What the other side is said to be reaches the transport at once, also in mid-call.
void announce(RtpSrcPrivate& priv) {
  if (!priv.transport) return;
  const RtpSrcSettings& s = priv.settings;
  const auto at = [&s](guint port) {
    return RtpAddress::parse(s.remote_address, static_cast<uint16_t>(port)).value_or(RtpAddress{});
  };
  const guint next = s.remote_port != 0 ? s.remote_port + 1 : 0;
  priv.transport->announce(at(s.remote_port), at(s.remote_rtcp_port != 0 ? s.remote_rtcp_port
                                                 : s.rtcp_mux            ? s.remote_port
                                                                         : next));
}

/// How sources are judged and where ours go; in mid-call too.
void applyGuard(RtpSrcPrivate& priv) {
  if (!priv.transport) return;
  const RtpSrcSettings& s = priv.settings;
  priv.transport->setSignalling(RtpAddress::parse(s.signalling_address, 0).value_or(RtpAddress{}));
  priv.transport->setAimAtAnnounced(s.aim_at_announced);
  priv.transport->setLatching(s.latch);
}

void setProperty(GObject* object, guint id, const GValue* value, GParamSpec* spec) noexcept {
  RtpSrcPrivate& priv = privOf(object);
  const std::lock_guard lock(priv.mutex);
  const RtpSrcSettings& s = priv.settings;
  if (!setRtpSrcProperty(priv.settings, id, value)) {
    G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  }
  // These work in mid-call.
  switch (id) {
    case wsbridge::kPropRemoteAddress:
    case wsbridge::kPropRemotePort:
    case wsbridge::kPropRemoteRtcpPort:
      announce(priv);
      break;
    case wsbridge::kPropSignallingAddress:
    case wsbridge::kPropAimAtAnnounced:
    case wsbridge::kPropLatch:
      applyGuard(priv);
      break;
    case wsbridge::kPropAwaitSource:
      if (priv.transport) priv.transport->setAwaitSource(s.await_source);
      break;
    case wsbridge::kPropPayloadTypes:
      // A list that is none is told at the next start.
      if (RtpReceiver::PayloadTypes types;
          priv.receiver && parsePayloadTypes(s.payload_types, types))
        priv.receiver->setPayloadTypes(types);
      break;
    case wsbridge::kPropOpen:
      if (priv.receiver) priv.receiver->setOpen(s.open);
      break;
    default:
      break;
  }
}

GstStructure* makeStats(RtpSrcPrivate& priv) {
  static const RtpTransport::Counters none;
  const RtpTransport::Counters& c = priv.transport ? priv.transport->counters() : none;
  const auto source = priv.transport ? priv.transport->source() : std::nullopt;
  const auto load = priv.loop ? priv.loop->load() : wsbridge::LoopLoad::Figures{};
  const auto late = priv.loop ? priv.loop->lateness() : wsbridge::LoopLateness::Figures{};
  GstStructure* stats = gst_structure_new(
      "wsbridge-rtp-src-stats", "packets-received", G_TYPE_UINT64, c.rtp_received.load(),
      "bytes-received", G_TYPE_UINT64, c.rtp_bytes_received.load(), "packets-ignored",
      G_TYPE_UINT64, c.rtp_ignored.load(), "rtcp-received", G_TYPE_UINT64, c.rtcp_received.load(),
      "last-arrival", G_TYPE_INT64, c.last_rtp_us.load(), "source-address", G_TYPE_STRING,
      source ? source->address.ipText().c_str() : "", "source-port", G_TYPE_UINT,
      source ? guint{source->address.port} : 0U, "latch", G_TYPE_STRING,
      wsbridge::latchName(source ? source->how : wsbridge::SourceLatch::How::None), "loop-busy",
      G_TYPE_DOUBLE, load.busy, "loop-delay", G_TYPE_UINT64,
      static_cast<guint64>(load.delay_us) * 1000, "loop-missed", G_TYPE_UINT64, late.missed,
      "loop-missed-own", G_TYPE_UINT64, late.missed_own, "loop-worst-delay", G_TYPE_UINT64,
      static_cast<guint64>(late.worst_us) * 1000, "loop-worst-own-delay", G_TYPE_UINT64,
      static_cast<guint64>(late.worst_own_us) * 1000, nullptr);
  if (const auto remote = priv.transport ? priv.transport->remote() : std::nullopt) {
    gst_structure_set(stats, "remote-lost", G_TYPE_INT, remote->lost, "remote-jitter",
                      G_TYPE_UINT64, static_cast<guint64>(remote->jitter_us) * 1000, nullptr);
    if (remote->round_trip_us >= 0) {
      gst_structure_set(stats, "round-trip-time", G_TYPE_UINT64,
                        static_cast<guint64>(remote->round_trip_us) * 1000, nullptr);
    }
  }
  return stats;
}

void getProperty(GObject* object, guint id, GValue* value, GParamSpec* spec) noexcept {
  RtpSrcPrivate& priv = privOf(object);
  const std::lock_guard lock(priv.mutex);
  if (id == wsbridge::kPropStats) {
    g_value_take_boxed(value, makeStats(priv));
  } else if (id == wsbridge::kPropSocket && priv.rtp) {
    g_value_set_object(value, priv.rtp.get());
  } else if (id == wsbridge::kPropRtcpSocket && priv.rtcp) {
    g_value_set_object(value, priv.rtcp.get());
  } else if (id == wsbridge::kPropPort && priv.rtp) {
    g_value_set_uint(value, wsbridge::boundPort(priv.rtp.get()));
  } else if (!getRtpSrcProperty(priv.settings, id, value)) {
    G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  }
}

/// NULL to READY: the loop, the transport.
bool attach(GstElement* element) {
  RtpSrcPrivate& priv = privOf(element);
  bool taken = false;
  std::string transport;
  {
    const std::lock_guard lock(priv.mutex);
    const RtpSrcSettings& s = priv.settings;
    transport = s.transport;
    priv.loop = MediaLoop::acquire(s.context, s.context_wait_ms);
    priv.attached = {s.transport, s.context};
    priv.transport = RtpTransport::acquire(s.transport);
    taken = !priv.transport->claimReader();
    if (taken) {
      priv.transport.reset();
    } else {
      applyGuard(priv);
      priv.transport->setAwaitSource(s.await_source);
      announce(priv);
    }
  }
  if (taken) {
    GST_ELEMENT_ERROR(element, RESOURCE, BUSY,
                      ("Transport \"%s\" has a wsbridgertpsrc already", transport.c_str()),
                      ("give each pair of wsbridgertpsrc and wsbridgertpsink its own name"));
  }
  return !taken;
}

void detach(RtpSrcPrivate& priv) {
  std::shared_ptr<MediaLoop> loop;  // its end may wait for its thread: not under the lock
  const std::lock_guard lock(priv.mutex);
  if (priv.transport) priv.transport->releaseReader();
  priv.transport.reset();
  loop.swap(priv.loop);
}

/// What has been set in READY counts.
bool attachAnew(GstElement* element) {
  RtpSrcPrivate& priv = privOf(element);
  {
    const std::lock_guard lock(priv.mutex);
    if (priv.attached == std::pair(priv.settings.transport, priv.settings.context)) return true;
  }
  detach(priv);
  return attach(element);
}

/// The application's sockets, or bound ones.
bool openSockets(GstElement* element, RtpSrcPrivate& priv) {
  std::string fault;
  {
    const std::lock_guard lock(priv.mutex);
    const RtpSrcSettings& s = priv.settings;
    const auto use = [&](const GObjectPtr<GSocket>& given, guint port) {
      return given ? wsbridge::refObject(given.get()) : wsbridge::bindUdp(s.address, port, fault);
    };
    priv.rtp = use(s.socket, s.port);
    const bool own_rtcp = (priv.rtcp_pad != nullptr || s.reports) && !s.rtcp_mux;
    if (priv.rtp && (s.rtcp_socket || own_rtcp)) {
      priv.rtcp = use(s.rtcp_socket, wsbridge::boundPort(priv.rtp.get()) + 1);
    }
    if (fault.empty()) {
      const auto ref = [](const GObjectPtr<GSocket>& socket) {
        return socket ? wsbridge::refObject(socket.get()) : nullptr;
      };
      priv.transport->setSockets(ref(priv.rtp), ref(priv.rtcp), s.rtcp_mux);
    }
  }
  if (fault.empty()) return true;
  GST_ELEMENT_ERROR(element, RESOURCE, OPEN_READ, ("Cannot receive on %s", fault.c_str()),
                    ("choose another address or port, or give the property socket"));
  return false;
}

/// The clock rate of the streams to be reported of, 0 without reports.
bool reportsRate(GstElement* element, RtpSrcPrivate& priv, uint32_t& clock_rate) {
  {
    const std::lock_guard lock(priv.mutex);
    if (!priv.settings.reports) return true;
    gint rate = 0;
    if (priv.settings.caps != nullptr && !gst_caps_is_empty(priv.settings.caps)) {
      gst_structure_get_int(gst_caps_get_structure(priv.settings.caps, 0), "clock-rate", &rate);
    }
    clock_rate = static_cast<uint32_t>(std::max(rate, 0));
  }
  if (clock_rate != 0) return true;
  GST_ELEMENT_ERROR(element, RESOURCE, SETTINGS, ("reports: the caps name no clock-rate"),
                    ("set caps to application/x-rtp,clock-rate=8000 or whatever is received"));
  return false;
}

bool begin(GstElement* element) {
  RtpSrcPrivate& priv = privOf(element);
  RtpReceiver::PayloadTypes types;
  std::string text;
  {
    const std::lock_guard lock(priv.mutex);
    text = priv.settings.payload_types;
  }
  if (!parsePayloadTypes(text, types)) {
    GST_ELEMENT_ERROR(element, RESOURCE, SETTINGS,
                      ("payload-types: \"%s\" is no list of payload types", text.c_str()),
                      ("numbers from 0 to 127 with commas, such as 0,101"));
    return false;
  }
  uint32_t clock_rate = 0;
  if (!reportsRate(element, priv, clock_rate)) return false;
  if (!openSockets(element, priv)) return false;
  const std::lock_guard lock(priv.mutex);
  const RtpSrcSettings& s = priv.settings;
  priv.receiver =
      RtpReceiver::create({.element = element,
                           .rtp_pad = priv.rtp_pad,
                           .rtcp_pad = priv.rtcp_pad,
                           .loop = priv.loop,
                           .transport = priv.transport,
                           .rtp = wsbridge::refObject(priv.rtp.get()),
                           .rtcp = priv.rtcp ? wsbridge::refObject(priv.rtcp.get()) : nullptr,
                           .caps = s.caps,
                           .payload_types = types,
                           .mux = s.rtcp_mux,
                           .open = s.open,
                           .reports = clock_rate != 0});
  if (clock_rate != 0) priv.transport->beginReports(clock_rate);
  return true;
}

void end(RtpSrcPrivate& priv) {
  std::shared_ptr<RtpReceiver> receiver;
  {
    const std::lock_guard lock(priv.mutex);
    receiver.swap(priv.receiver);
    if (priv.transport) {
      priv.transport->endReports();
      priv.transport->clearSockets();
    }
    priv.rtp.reset();
    priv.rtcp.reset();
  }
  if (receiver) receiver->stop();
}

std::shared_ptr<RtpReceiver> receiverOf(RtpSrcPrivate& priv) {
  const std::lock_guard lock(priv.mutex);
  return priv.receiver;
}

GstStateChangeReturn changeState(GstElement* element, GstStateChange transition) noexcept {
  RtpSrcPrivate& priv = privOf(element);
  if (transition == GST_STATE_CHANGE_NULL_TO_READY && !attach(element))
    return GST_STATE_CHANGE_FAILURE;
  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED && !attachAnew(element))
    return GST_STATE_CHANGE_FAILURE;
  if (transition == GST_STATE_CHANGE_PLAYING_TO_PAUSED) receiverOf(priv)->pause();
  GstStateChangeReturn result = GST_ELEMENT_CLASS(parent_class)->change_state(element, transition);
  if (result == GST_STATE_CHANGE_FAILURE) return result;
  switch (transition) {
    case GST_STATE_CHANGE_READY_TO_PAUSED:
      if (!begin(element)) {
        end(priv);
        return GST_STATE_CHANGE_FAILURE;
      }
      result = GST_STATE_CHANGE_NO_PREROLL;
      break;
    case GST_STATE_CHANGE_PAUSED_TO_PLAYING:
      receiverOf(priv)->play();
      break;
    case GST_STATE_CHANGE_PLAYING_TO_PAUSED:
      result = GST_STATE_CHANGE_NO_PREROLL;
      break;
    case GST_STATE_CHANGE_PAUSED_TO_READY:
      end(priv);
      break;
    case GST_STATE_CHANGE_READY_TO_NULL:
      detach(priv);
      break;
    default:
      break;
  }
  return result;
}

gboolean padQuery(GstPad* pad, GstObject* parent, GstQuery* query) noexcept {
  switch (GST_QUERY_TYPE(query)) {
    case GST_QUERY_LATENCY:
      gst_query_set_latency(query, TRUE, 0, GST_CLOCK_TIME_NONE);
      return TRUE;
    case GST_QUERY_SCHEDULING:
      gst_query_set_scheduling(query, GST_SCHEDULING_FLAG_SEQUENTIAL, 1, -1, 0);
      gst_query_add_scheduling_mode(query, GST_PAD_MODE_PUSH);
      return TRUE;
    default:
      return gst_pad_query_default(pad, parent, query);
  }
}

GstPad* requestPad(GstElement* element, GstPadTemplate* pad_template, const char*,
                   const GstCaps*) noexcept {
  RtpSrcPrivate& priv = privOf(element);
  GstPad* pad = nullptr;
  {
    const std::lock_guard lock(priv.mutex);
    if (priv.rtcp_pad != nullptr) return nullptr;
    pad = priv.rtcp_pad = gst_pad_new_from_template(pad_template, "rtcp_src");
  }
  gst_pad_set_query_function(pad, padQuery);
  gst_pad_use_fixed_caps(pad);
  if (GST_STATE(element) > GST_STATE_READY) gst_pad_set_active(pad, TRUE);
  gst_element_add_pad(element, pad);
  return pad;
}

void releasePad(GstElement* element, GstPad* pad) noexcept {
  RtpSrcPrivate& priv = privOf(element);
  gst_pad_set_active(pad, FALSE);
  {
    const std::lock_guard lock(priv.mutex);
    priv.rtcp_pad = nullptr;
  }
  gst_element_remove_pad(element, pad);
}

void finalize(GObject* object) noexcept {
  RtpSrcPrivate* priv = WSBRIDGE_RTP_SRC(object)->priv;
  gst_caps_replace(&priv->settings.caps, nullptr);
  delete priv;
  G_OBJECT_CLASS(parent_class)->finalize(object);
}

}  // namespace

static void wsbridge_rtp_src_init(WsBridgeRtpSrc* self) {
  self->priv = new RtpSrcPrivate;
  GstPad* pad = gst_pad_new_from_static_template(&rtp_template, "src");
  self->priv->rtp_pad = pad;
  gst_pad_set_query_function(pad, padQuery);
  gst_pad_use_fixed_caps(pad);
  gst_element_add_pad(GST_ELEMENT(self), pad);
  GST_OBJECT_FLAG_SET(self, GST_ELEMENT_FLAG_SOURCE);
}

static void wsbridge_rtp_src_class_init(WsBridgeRtpSrcClass* klass) {
  GST_DEBUG_CATEGORY_INIT(wsbridge_rtp_src_debug, "wsbridgertpsrc", 0, "RTP source");
  auto* object_class = G_OBJECT_CLASS(klass);
  object_class->set_property = setProperty;
  object_class->get_property = getProperty;
  object_class->finalize = finalize;
  wsbridge::installRtpSrcProperties(object_class);
  g_object_class_install_property(
      object_class, wsbridge::kPropStats,
      g_param_spec_boxed("stats", "Statistics", "Counters, see docs/elements.md",
                         GST_TYPE_STRUCTURE,
                         static_cast<GParamFlags>(G_PARAM_READABLE | G_PARAM_STATIC_STRINGS)));

  auto* element_class = GST_ELEMENT_CLASS(klass);
  element_class->change_state = changeState;
  element_class->request_new_pad = requestPad;
  element_class->release_pad = releasePad;
  gst_element_class_add_static_pad_template(element_class, &rtp_template);
  gst_element_class_add_static_pad_template(element_class, &rtcp_template);
  gst_element_class_set_static_metadata(
      element_class, "RTP source on a media loop", "Source/Network/RTP",
      "Receives RTP and RTCP of many calls with one thread", "The gst-wsbridge authors");
}
