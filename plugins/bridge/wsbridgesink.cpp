// SPDX-License-Identifier: LGPL-2.1-or-later
// The launch lines must stay whole.
// clang-format off
/**
 * SECTION:element-wsbridgesink
 * @title: wsbridgesink
 *
 * Sends linear PCM to a WebSocket endpoint: a first JSON message that names the format, then one
 * BINARY message per 20 ms. Properties, messages, signals and errors are described in
 * docs/elements.md.
 *
 * ## Example launch lines
 * |[
 * gst-launch-1.0 audiotestsrc is-live=true num-buffers=100 ! audioresample ! audioconvert ! wsbridgesink uri=ws://127.0.0.1:8080/echo
 * ]|
 * A tone for two seconds.
 * |[
 * gst-launch-1.0 udpsrc port=5004 caps="application/x-rtp,media=audio,clock-rate=16000,encoding-name=L16,channels=1" ! rtpL16depay ! audioresample ! wsbridgesink uri=ws://127.0.0.1:8080/echo content-type="audio/l16;rate=16000"
 * ]|
 * What arrives as RTP.
 */
// clang-format on
#include "bridge/wsbridgesink.hpp"

#include <atomic>

#include "audio/AudioCaps.hpp"
#include "audio/Reframer.hpp"
#include "bridge/ControlSignals.hpp"
#include "bridge/DtmfTracker.hpp"
#include "bridge/ElementCore.hpp"
#include "common/Frame.hpp"

GST_DEBUG_CATEGORY_STATIC(wsbridge_sink_debug);
#define GST_CAT_DEFAULT wsbridge_sink_debug

namespace {

using wsbridge::DtmfTracker;
using wsbridge::ElementCore;
using wsbridge::Session;

enum : guint {
  kPropMaxQueue = ElementCore::kFirstOwnProperty,
  kPropLeaky,
  kPropCloseOnEos,
  kPropMute,
};

struct SinkPrivate {
  explicit SinkPrivate(GstElement* element) : core(element, wsbridge::Role::Sink) {}

  ElementCore core;
  // Of the streaming thread.
  std::shared_ptr<Session> session;
  bool has_format = false;
  wsbridge::Reframer reframer;
  wsbridge::AudioEncoding encoding = wsbridge::AudioEncoding::Linear;
  bool big_endian = false;
  std::vector<uint8_t> swapped;
  std::atomic<bool> unlocked{false};
  // Events may come from any thread.
  std::mutex dtmf_mutex;
  DtmfTracker dtmf;
};

}  // namespace

struct _WsBridgeSink {
  GstBaseSink parent;
  SinkPrivate* priv;
};

#define wsbridge_sink_parent_class parent_class
G_DEFINE_TYPE(WsBridgeSink, wsbridge_sink, GST_TYPE_BASE_SINK)

namespace {

GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE(
    "sink", GST_PAD_SINK, GST_PAD_ALWAYS,
    GST_STATIC_CAPS(WSBRIDGE_AUDIO_CAPS "; " WSBRIDGE_ULAW_CAPS "; " WSBRIDGE_ALAW_CAPS));

SinkPrivate& privOf(gpointer object) {
  return *WSBRIDGE_SINK(object)->priv;
}

void setMute(ElementCore& core, bool mute) {
  {
    const auto lock = core.lockSettings();
    core.settings().mute = mute;
  }
  if (const auto session = core.session()) session->setMuted(mute);
}

/// The endpoint may have changed it.
bool isMuted(ElementCore& core) {
  if (const auto session = core.session()) return session->muted();
  const auto lock = core.lockSettings();
  return core.settings().mute;
}

void setProperty(GObject* object, guint id, const GValue* value, GParamSpec* spec) noexcept {
  ElementCore& core = privOf(object).core;
  if (core.setProperty(id, value)) return;
  if (id == kPropMute) return setMute(core, g_value_get_boolean(value) != FALSE);
  const auto lock = core.lockSettings();
  switch (id) {
    case kPropMaxQueue:
      core.settings().max_queue_ms = g_value_get_uint(value);
      break;
    case kPropLeaky:
      core.settings().leaky = g_value_get_boolean(value) != FALSE;
      break;
    case kPropCloseOnEos:
      core.settings().close_on_eos = g_value_get_boolean(value) != FALSE;
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  }
}

void getProperty(GObject* object, guint id, GValue* value, GParamSpec* spec) noexcept {
  ElementCore& core = privOf(object).core;
  if (core.getProperty(id, value)) return;
  if (id == kPropMute) return g_value_set_boolean(value, isMuted(core));
  const auto lock = core.lockSettings();
  switch (id) {
    case kPropMaxQueue:
      g_value_set_uint(value, core.settings().max_queue_ms);
      break;
    case kPropLeaky:
      g_value_set_boolean(value, core.settings().leaky);
      break;
    case kPropCloseOnEos:
      g_value_set_boolean(value, core.settings().close_on_eos);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  }
}

GstStateChangeReturn changeState(GstElement* element, GstStateChange transition) noexcept {
  SinkPrivate& priv = privOf(element);
  if (transition == GST_STATE_CHANGE_NULL_TO_READY && !priv.core.attach())
    return GST_STATE_CHANGE_FAILURE;
  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED) {
    priv.session = priv.core.session();
    if (!priv.core.renew() || !priv.core.start()) return GST_STATE_CHANGE_FAILURE;
  }
  const GstStateChangeReturn result =
      GST_ELEMENT_CLASS(parent_class)->change_state(element, transition);
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY) {
    priv.core.stop();
    priv.reframer.clear();
    priv.has_format = false;
  }
  if (transition == GST_STATE_CHANGE_READY_TO_NULL) {
    priv.session.reset();
    priv.core.detach();
  }
  return result;
}

GstCaps* getCaps(GstBaseSink* sink, GstCaps* filter) noexcept {
  const auto session = privOf(sink).core.session();
  if (!session) {
    GstCaps* all = gst_pad_get_pad_template_caps(GST_BASE_SINK_PAD(sink));
    if (filter == nullptr) return all;
    GstCaps* allowed = gst_caps_intersect_full(filter, all, GST_CAPS_INTERSECT_FIRST);
    gst_caps_unref(all);
    return allowed;
  }
  return wsbridge::audioCaps(session->rate(), session->encoding(), filter);
}

gboolean setCaps(GstBaseSink* sink, GstCaps* caps) noexcept {
  SinkPrivate& priv = privOf(sink);
  const int rate = wsbridge::rateOf(caps);
  const int agreed = priv.session->agreeRate(rate);
  GST_DEBUG_OBJECT(sink, "is given %d Hz, the endpoint gets %d Hz", rate, agreed);
  if (agreed != rate) {
    GST_ELEMENT_ERROR(sink, STREAM, FORMAT, ("The connection uses %d Hz, not %d Hz", agreed, rate),
                      ("put audioresample in front of wsbridgesink"));
    return FALSE;
  }
  priv.big_endian = wsbridge::isBigEndian(caps);
  priv.encoding = wsbridge::encodingOf(caps);
  priv.reframer = wsbridge::Reframer(
      wsbridge::common::samplesPerFrame(rate) * wsbridge::bytesPerSample(priv.encoding),
      wsbridge::silenceOf(priv.encoding));
  priv.has_format = priv.core.start();
  return priv.has_format;
}

Session::Sent sendFrame(SinkPrivate& priv, std::span<const uint8_t> frame) {
  if (!priv.big_endian) return priv.session->sendFrame(frame, priv.encoding);
  priv.swapped.assign(frame.begin(), frame.end());
  wsbridge::swapSamples(priv.swapped.data(), priv.swapped.size());
  return priv.session->sendFrame(priv.swapped, priv.encoding);
}

/// Waits for an endpoint that reads more slowly than audio comes; in PAUSED for the state to
/// change.
GstFlowReturn deliver(GstBaseSink* sink, std::span<const uint8_t> frame) {
  SinkPrivate& priv = privOf(sink);
  for (;;) {
    const Session::Sent sent = sendFrame(priv, frame);
    if (sent != Session::Sent::Full) return sent == Session::Sent::Ok ? GST_FLOW_OK : GST_FLOW_EOS;
    if (priv.session->waitForRoom(priv.unlocked)) continue;
    if (const GstFlowReturn flow = gst_base_sink_wait_preroll(sink); flow != GST_FLOW_OK)
      return flow;
  }
}

GstFlowReturn render(GstBaseSink* sink, GstBuffer* buffer) noexcept {
  SinkPrivate& priv = privOf(sink);
  if (!priv.has_format) {
    GST_ELEMENT_ERROR(sink, STREAM, FORMAT, ("wsbridgesink got data without a format"),
                      ("put a parser or decoder and audioconvert ! audioresample in front of it"));
    return GST_FLOW_NOT_NEGOTIATED;
  }
  GstMapInfo map;
  if (!gst_buffer_map(buffer, &map, GST_MAP_READ)) {
    GST_ELEMENT_ERROR(sink, RESOURCE, READ, ("Cannot read a buffer"), (nullptr));
    return GST_FLOW_ERROR;
  }
  auto flow = GST_FLOW_OK;
  priv.reframer.push({map.data, map.size}, [&](std::span<const uint8_t> frame) {
    if (flow == GST_FLOW_OK) flow = deliver(sink, frame);
  });
  gst_buffer_unmap(buffer, &map);
  return flow;
}

/// The last frame of a stream, a part of one made whole.
void deliverLast(SinkPrivate& priv, std::span<const uint8_t> frame) {
  while (sendFrame(priv, frame) == Session::Sent::Full &&
         priv.session->waitForRoom(priv.unlocked)) {
  }
}

/// `dtmf-event`: fields of gst-plugins-good's rtpdtmfsrc, and `duration` (ms) of ours.
bool relayDtmf(SinkPrivate& priv, const GstStructure* structure) {
  if (structure == nullptr || !gst_structure_has_name(structure, "dtmf-event")) return false;
  gboolean start = FALSE;
  if (!gst_structure_get_boolean(structure, "start", &start)) return true;
  std::optional<DtmfTracker::Key> key;
  {
    const std::lock_guard lock(priv.dtmf_mutex);
    const int64_t now_us = g_get_monotonic_time();
    if (start) {
      int number = -1;
      gst_structure_get_int(structure, "number", &number);
      key = priv.dtmf.start(number, now_us);
    } else {
      guint duration = 0;
      const bool given = gst_structure_get_uint(structure, "duration", &duration) != FALSE;
      key = priv.dtmf.stop(given ? std::optional<unsigned>(duration) : std::nullopt, now_us);
    }
  }
  const auto session = priv.core.session();
  if (key && session) session->sendDtmf(key->digit, key->duration_ms);
  return true;
}

gboolean sinkEvent(GstBaseSink* sink, GstEvent* event) noexcept {
  SinkPrivate& priv = privOf(sink);
  switch (GST_EVENT_TYPE(event)) {
    case GST_EVENT_EOS:
      priv.reframer.flush([&](std::span<const uint8_t> frame) { deliverLast(priv, frame); });
      priv.session->finishSending();
      // The EOS message may end the process: what is queued must have left by then.
      priv.session->waitUntilSent(priv.unlocked);
      break;
    case GST_EVENT_FLUSH_STOP:
      priv.reframer.clear();
      break;
    case GST_EVENT_CUSTOM_DOWNSTREAM:
    case GST_EVENT_CUSTOM_DOWNSTREAM_OOB:
    case GST_EVENT_CUSTOM_BOTH:
    case GST_EVENT_CUSTOM_BOTH_OOB:
      relayDtmf(priv, gst_event_get_structure(event));
      break;
    default:
      break;
  }
  return GST_BASE_SINK_CLASS(parent_class)->event(sink, event);
}

gboolean unlock(GstBaseSink* sink) noexcept {
  SinkPrivate& priv = privOf(sink);
  priv.unlocked = true;
  if (const auto session = priv.core.session()) session->wakeWaiters();
  return TRUE;
}

gboolean unlockStop(GstBaseSink* sink) noexcept {
  privOf(sink).unlocked = false;
  return TRUE;
}

gboolean sendEvent(GstElement* element, GstEvent* event) noexcept {
  if (GST_EVENT_TYPE(event) == GST_EVENT_CUSTOM_UPSTREAM &&
      relayDtmf(privOf(element), gst_event_get_structure(event))) {
    gst_event_unref(event);
    return TRUE;
  }
  return GST_ELEMENT_CLASS(parent_class)->send_event(element, event);
}

/// An endpoint that closed in order ends the stream even while nothing arrives from upstream to
/// learn of it.
void onEnd(GstElement* element, bool in_order) {
  if (in_order) gst_element_post_message(element, gst_message_new_eos(GST_OBJECT(element)));
}

void onMute(GstElement* element) {
  g_object_notify(G_OBJECT(element), "mute");
}

void finalize(GObject* object) noexcept {
  delete WSBRIDGE_SINK(object)->priv;
  G_OBJECT_CLASS(parent_class)->finalize(object);
}

}  // namespace

static void wsbridge_sink_init(WsBridgeSink* self) {
  self->priv = new SinkPrivate(GST_ELEMENT(self));
  self->priv->core.on_end = onEnd;
  self->priv->core.on_mute = onMute;
  // The last frame is of no use to anybody, and keeping it would keep upstream from using it again.
  gst_base_sink_set_last_sample_enabled(GST_BASE_SINK(self), FALSE);
}

static void wsbridge_sink_class_init(WsBridgeSinkClass* klass) {
  GST_DEBUG_CATEGORY_INIT(wsbridge_sink_debug, "wsbridgesink", 0, "WebSocket bridge sink");
  auto* object_class = G_OBJECT_CLASS(klass);
  object_class->set_property = setProperty;
  object_class->get_property = getProperty;
  object_class->finalize = finalize;
  ElementCore::installProperties(object_class);
  wsbridge::installControlSignals(object_class);
  const wsbridge::SessionSettings defaults;
  const auto flags = static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                              GST_PARAM_MUTABLE_READY);
  g_object_class_install_property(
      object_class, kPropMaxQueue,
      g_param_spec_uint(
          "max-queue", "Max queue",
          "Audio kept while the endpoint does not read, ms; then the pipeline waits, see leaky", 20,
          60000, defaults.max_queue_ms, flags));
  g_object_class_install_property(
      object_class, kPropLeaky,
      g_param_spec_boolean("leaky", "Leaky",
                           "Drop the oldest audio above max-queue instead of waiting",
                           defaults.leaky, flags));
  g_object_class_install_property(
      object_class, kPropCloseOnEos,
      g_param_spec_boolean("close-on-eos", "Close on EOS",
                           "Close the WebSocket behind the last frame at end of stream",
                           defaults.close_on_eos, flags));
  g_object_class_install_property(
      object_class, kPropMute,
      g_param_spec_boolean("mute", "Mute", "Send none of the audio to the endpoint, and tell it",
                           defaults.mute,
                           static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                    GST_PARAM_MUTABLE_PLAYING)));

  auto* element_class = GST_ELEMENT_CLASS(klass);
  element_class->change_state = changeState;
  element_class->send_event = sendEvent;
  gst_element_class_add_static_pad_template(element_class, &sink_template);
  gst_element_class_set_static_metadata(
      element_class, "WebSocket bridge sink", "Sink/Network/Audio",
      "Sends a phone call's audio to a WebSocket endpoint", "The gst-wsbridge authors");

  auto* sink_class = GST_BASE_SINK_CLASS(klass);
  sink_class->get_caps = getCaps;
  sink_class->set_caps = setCaps;
  sink_class->render = render;
  sink_class->event = sinkEvent;
  sink_class->unlock = unlock;
  sink_class->unlock_stop = unlockStop;
}
