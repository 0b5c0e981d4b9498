// SPDX-License-Identifier: LGPL-2.1-or-later
// The launch lines must stay whole.
// clang-format off
/**
 * SECTION:element-wsbridgesrc
 * @title: wsbridgesrc
 *
 * A live source of what a WebSocket endpoint sends: one 20 ms buffer of linear PCM every 20 ms,
 * comfort noise while the endpoint is silent. Properties, messages, signals and errors are
 * described in docs/elements.md.
 *
 * Without `context` a pad task waits for the pipeline clock, so a blocking sink behind it is
 * harmless. With `context` the named media loop pushes the buffers: what is behind the pad must not
 * block then.
 *
 * ## Example launch lines
 * |[
 * gst-launch-1.0 wsbridgesrc uri=ws://127.0.0.1:8080/tone ! audioconvert ! audioresample ! autoaudiosink
 * ]|
 * Plays an endpoint.
 * |[
 * gst-launch-1.0 filesrc location=question.wav ! wavparse ! audioconvert ! audioresample ! wsbridgesink uri=ws://127.0.0.1:8080/echo connection=call wsbridgesrc connection=call ! wavenc ! filesink location=answer.wav
 * ]|
 * A file to the endpoint, its answer to a file.
 */
// clang-format on
#include "bridge/wsbridgesrc.hpp"

#include "audio/AudioCaps.hpp"
#include "bridge/ControlSignals.hpp"
#include "bridge/ElementCore.hpp"
#include "bridge/SourcePusher.hpp"

GST_DEBUG_CATEGORY_STATIC(wsbridge_src_debug);
#define GST_CAT_DEFAULT wsbridge_src_debug

namespace {

using wsbridge::ElementCore;
using wsbridge::Fallback;
using wsbridge::SourcePusher;

enum : guint {
  kPropFallback = ElementCore::kFirstOwnProperty,
  kPropNoiseLevel,
  kPropMaxPlayout,
  kPropMaxTotalPlayoutBytes,
  kPropPrebuffer,
  kPropWaitToPlay,
};

struct SrcPrivate {
  explicit SrcPrivate(GstElement* element) : core(element, wsbridge::Role::Source) {}

  ElementCore core;
  GstPad* pad = nullptr;
  [[nodiscard]] std::shared_ptr<SourcePusher> pusher() const {
    const std::lock_guard lock(pusher_mutex);
    return current_pusher;
  }
  void setPusher(std::shared_ptr<SourcePusher> next) {
    const std::lock_guard lock(pusher_mutex);
    if (next) next->setHeld(waiting);
    current_pusher.swap(next);
  }
  [[nodiscard]] bool isWaiting() const {
    const std::lock_guard lock(pusher_mutex);
    return waiting;
  }
  /// Also in mid-stream.
  void setWaiting(bool wait) {
    const std::lock_guard lock(pusher_mutex);
    waiting = wait;
    if (current_pusher) current_pusher->setHeld(wait);
  }

  mutable std::mutex pusher_mutex;
  std::shared_ptr<SourcePusher>
      current_pusher;    // guarded by pusher_mutex: events come from any thread
  bool waiting = false;  // guarded by pusher_mutex
};

}  // namespace

struct _WsBridgeSrc {
  GstElement parent;
  SrcPrivate* priv;
};

#define wsbridge_src_parent_class parent_class
G_DEFINE_TYPE(WsBridgeSrc, wsbridge_src, GST_TYPE_ELEMENT)

namespace {

GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS,
                                                            GST_STATIC_CAPS(WSBRIDGE_AUDIO_CAPS));

constexpr int kPreferredRate = 16000;

SrcPrivate& privOf(gpointer object) {
  return *WSBRIDGE_SRC(object)->priv;
}

GType fallbackType() {
  static const GEnumValue values[] = {
      {static_cast<int>(Fallback::ComfortNoise), "Comfort noise at noise-level", "comfort-noise"},
      {static_cast<int>(Fallback::Silence), "Digital silence", "silence"},
      {static_cast<int>(Fallback::None), "Nothing but gap events", "none"},
      {0, nullptr, nullptr},
  };
  static const GType type = g_enum_register_static("GstWsBridgeFallback", values);
  return type;
}

void setProperty(GObject* object, guint id, const GValue* value, GParamSpec* spec) noexcept {
  ElementCore& core = privOf(object).core;
  if (core.setProperty(id, value)) return;
  if (id == kPropWaitToPlay) return privOf(object).setWaiting(g_value_get_boolean(value) != FALSE);
  const auto lock = core.lockSettings();
  wsbridge::SessionSettings& settings = core.settings();
  switch (id) {
    case kPropFallback:
      settings.fallback = static_cast<Fallback>(g_value_get_enum(value));
      break;
    case kPropNoiseLevel:
      settings.noise_level_dbov = g_value_get_int(value);
      break;
    case kPropMaxPlayout:
      settings.max_playout_ms = g_value_get_uint(value);
      break;
    case kPropMaxTotalPlayoutBytes:
      settings.max_total_playout_bytes = g_value_get_uint64(value);
      break;
    case kPropPrebuffer:
      settings.prebuffer_ms = g_value_get_uint(value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  }
}

void getProperty(GObject* object, guint id, GValue* value, GParamSpec* spec) noexcept {
  ElementCore& core = privOf(object).core;
  if (core.getProperty(id, value)) return;
  if (id == kPropWaitToPlay) {
    return g_value_set_boolean(value, static_cast<gboolean>(privOf(object).isWaiting()));
  }
  const auto lock = core.lockSettings();
  const wsbridge::SessionSettings& settings = core.settings();
  switch (id) {
    case kPropFallback:
      g_value_set_enum(value, static_cast<int>(settings.fallback));
      break;
    case kPropNoiseLevel:
      g_value_set_int(value, settings.noise_level_dbov);
      break;
    case kPropMaxPlayout:
      g_value_set_uint(value, settings.max_playout_ms);
      break;
    case kPropMaxTotalPlayoutBytes:
      g_value_set_uint64(value, settings.max_total_playout_bytes);
      break;
    case kPropPrebuffer:
      g_value_set_uint(value, settings.prebuffer_ms);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  }
}

/// Little-endian wherever the neighbour takes it.
bool wantsBigEndian(GstPad* pad, int rate) {
  g_autoptr(GstCaps) allowed = gst_pad_get_allowed_caps(pad);
  if (allowed == nullptr) return false;
  g_autoptr(GstCaps) fitting = wsbridge::audioCaps(rate, nullptr);
  gst_caps_set_simple(fitting, "format", G_TYPE_STRING, "S16LE", nullptr);
  return !gst_caps_can_intersect(allowed, fitting);
}

/// 16 kHz where the neighbour takes it, otherwise what it prefers. 0: it takes nothing of ours.
int wantedRate(GstPad* pad) {
  g_autoptr(GstCaps) allowed = gst_pad_get_allowed_caps(pad);
  if (allowed == nullptr) return kPreferredRate;
  g_autoptr(GstCaps) preferred = wsbridge::audioCaps(kPreferredRate, allowed);
  if (!gst_caps_is_empty(preferred)) return kPreferredRate;
  if (gst_caps_is_empty(allowed)) return 0;
  g_autoptr(GstCaps) fixed = gst_caps_fixate(gst_caps_copy(allowed));
  return wsbridge::rateOf(fixed);
}

bool begin(GstElement* element) {
  SrcPrivate& priv = privOf(element);
  if (!priv.core.renew()) return false;
  const auto session = priv.core.session();
  const int known = session->rate();
  const int wanted = known != 0 ? known : wantedRate(priv.pad);
  if (wanted == 0) {
    GST_ELEMENT_ERROR(element, STREAM, FORMAT,
                      ("The element behind wsbridgesrc takes none of its formats"),
                      ("put audioconvert ! audioresample behind wsbridgesrc"));
    return false;
  }
  const int rate = session->agreeRate(wanted);
  GST_DEBUG_OBJECT(element, "plays at %d Hz", rate);
  bool gaps = false;
  {
    const auto lock = priv.core.lockSettings();
    gaps = priv.core.settings().fallback == Fallback::None;
  }
  priv.setPusher(SourcePusher::create(
      element, priv.pad, session,
      {.rate = rate, .big_endian = wantsBigEndian(priv.pad, rate), .gaps = gaps}));
  return priv.core.start();
}

GstStateChangeReturn changeState(GstElement* element, GstStateChange transition) noexcept {
  SrcPrivate& priv = privOf(element);
  if (transition == GST_STATE_CHANGE_NULL_TO_READY && !priv.core.attach())
    return GST_STATE_CHANGE_FAILURE;
  if (transition == GST_STATE_CHANGE_PLAYING_TO_PAUSED) priv.pusher()->pause();
  GstStateChangeReturn result = GST_ELEMENT_CLASS(parent_class)->change_state(element, transition);
  if (result == GST_STATE_CHANGE_FAILURE) return result;
  switch (transition) {
    case GST_STATE_CHANGE_READY_TO_PAUSED:
      if (!begin(element)) return GST_STATE_CHANGE_FAILURE;
      result = GST_STATE_CHANGE_NO_PREROLL;
      break;
    case GST_STATE_CHANGE_PAUSED_TO_PLAYING:
      priv.pusher()->play();
      break;
    case GST_STATE_CHANGE_PLAYING_TO_PAUSED:
      result = GST_STATE_CHANGE_NO_PREROLL;
      break;
    case GST_STATE_CHANGE_PAUSED_TO_READY:
      if (const auto pusher = priv.pusher()) pusher->stop();
      priv.setPusher(nullptr);
      priv.core.stop();
      break;
    case GST_STATE_CHANGE_READY_TO_NULL:
      priv.core.detach();
      break;
    default:
      break;
  }
  return result;
}

gboolean padQuery(GstPad* pad, GstObject* parent, GstQuery* query) noexcept {
  SrcPrivate& priv = privOf(parent);
  switch (GST_QUERY_TYPE(query)) {
    case GST_QUERY_LATENCY:
      gst_query_set_latency(query, TRUE, SourcePusher::kFrame, GST_CLOCK_TIME_NONE);
      return TRUE;
    case GST_QUERY_CAPS: {
      GstCaps* filter = nullptr;
      gst_query_parse_caps(query, &filter);
      const auto session = priv.core.session();
      g_autoptr(GstCaps) caps = wsbridge::audioCaps(session ? session->rate() : 0, filter);
      gst_query_set_caps_result(query, caps);
      return TRUE;
    }
    case GST_QUERY_SCHEDULING:
      gst_query_set_scheduling(query, GST_SCHEDULING_FLAG_SEQUENTIAL, 1, -1, 0);
      gst_query_add_scheduling_mode(query, GST_PAD_MODE_PUSH);
      return TRUE;
    default:
      return gst_pad_query_default(pad, parent, query);
  }
}

gboolean activateMode(GstPad* pad, GstObject* parent, GstPadMode mode, gboolean active) noexcept {
  if (mode != GST_PAD_MODE_PUSH) return FALSE;
  SrcPrivate& priv = privOf(parent);
  if (active) return TRUE;
  if (const auto pusher = priv.pusher()) pusher->wake();
  return gst_pad_stop_task(pad);
}

gboolean sendEvent(GstElement* element, GstEvent* event) noexcept {
  SrcPrivate& priv = privOf(element);
  if (GST_EVENT_TYPE(event) ==
      GST_EVENT_EOS) {  // an application ends the stream: gst-launch-1.0 -e
    if (const auto pusher = priv.pusher()) pusher->requestEos();
    gst_event_unref(event);
    return TRUE;
  }
  return GST_ELEMENT_CLASS(parent_class)->send_event(element, event);
}

void finalize(GObject* object) noexcept {
  delete WSBRIDGE_SRC(object)->priv;
  G_OBJECT_CLASS(parent_class)->finalize(object);
}

void installOwnProperties(GObjectClass* klass) {
  const wsbridge::SessionSettings defaults;
  const auto flags = static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                              GST_PARAM_MUTABLE_READY);
  g_object_class_install_property(
      klass, kPropFallback,
      g_param_spec_enum("fallback", "Fallback", "What is pushed while nothing is queued",
                        fallbackType(), static_cast<int>(defaults.fallback), flags));
  g_object_class_install_property(
      klass, kPropNoiseLevel,
      g_param_spec_int("noise-level", "Noise level", "Level of the comfort noise, dBov", -127, 0,
                       defaults.noise_level_dbov, flags));
  g_object_class_install_property(
      klass, kPropMaxPlayout,
      g_param_spec_uint("max-playout", "Max playout",
                        "Audio buffered until reading from the socket stops, ms", 20, 3600000,
                        defaults.max_playout_ms, flags));
  g_object_class_install_property(
      klass, kPropMaxTotalPlayoutBytes,
      g_param_spec_uint64(
          "max-total-playout-bytes", "Max total playout bytes",
          "Audio buffered by all connections of the process together, 0 for no limit", 0,
          G_MAXUINT64, defaults.max_total_playout_bytes, flags));
  g_object_class_install_property(
      klass, kPropPrebuffer,
      g_param_spec_uint("prebuffer", "Prebuffer", "Audio gathered before a talk spurt starts, ms",
                        0, 1000, defaults.prebuffer_ms, flags));
  g_object_class_install_property(
      klass, kPropWaitToPlay,
      g_param_spec_boolean("wait-to-play", "Wait to play",
                           "Push nothing yet; what the endpoint sends is kept, up to max-playout",
                           FALSE,
                           static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                    GST_PARAM_MUTABLE_PLAYING)));
}

}  // namespace

static void wsbridge_src_init(WsBridgeSrc* self) {
  self->priv = new SrcPrivate(GST_ELEMENT(self));
  self->priv->pad = gst_pad_new_from_static_template(&src_template, "src");
  gst_pad_set_query_function(self->priv->pad, padQuery);
  gst_pad_set_activatemode_function(self->priv->pad, activateMode);
  gst_pad_use_fixed_caps(self->priv->pad);
  gst_element_add_pad(GST_ELEMENT(self), self->priv->pad);
  GST_OBJECT_FLAG_SET(self, GST_ELEMENT_FLAG_SOURCE);
}

static void wsbridge_src_class_init(WsBridgeSrcClass* klass) {
  GST_DEBUG_CATEGORY_INIT(wsbridge_src_debug, "wsbridgesrc", 0, "WebSocket bridge source");
  auto* object_class = G_OBJECT_CLASS(klass);
  object_class->set_property = setProperty;
  object_class->get_property = getProperty;
  object_class->finalize = finalize;
  ElementCore::installProperties(object_class);
  wsbridge::installControlSignals(object_class);
  installOwnProperties(object_class);

  auto* element_class = GST_ELEMENT_CLASS(klass);
  element_class->change_state = changeState;
  element_class->send_event = sendEvent;
  gst_element_class_add_static_pad_template(element_class, &src_template);
  gst_element_class_set_static_metadata(
      element_class, "WebSocket bridge source", "Source/Network/Audio",
      "Plays what a WebSocket endpoint sends into a phone call", "The gst-wsbridge authors");
}
