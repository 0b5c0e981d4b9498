// SPDX-License-Identifier: LGPL-2.1-or-later
// The launch lines must stay whole.
// clang-format off
/**
 * SECTION:element-wsbridgertpsink
 * @title: wsbridgertpsink
 *
 * Sends RTP, and RTCP from the request pad, at once and from the sockets of the wsbridgertpsrc with
 * the same `transport`, to where that one's packets come from (symmetric RTP). Properties and
 * statistics are described in docs/elements.md.
 *
 * ## Example launch lines
 * |[
 * gst-launch-1.0 audiotestsrc is-live=true ! audioconvert ! audioresample ! mulawenc ! rtppcmupay ! wsbridgertpsink transport=call wsbridgertpsrc transport=call port=5004 remote-address=127.0.0.1 remote-port=5006 ! fakesink
 * ]|
 * A tone from port 5004 to port 5006.
 */
// clang-format on
#include "rtpio/wsbridgertpsink.hpp"

#include <array>
#include <cerrno>

#include "rtp/RtpTransport.hpp"

GST_DEBUG_CATEGORY_STATIC(wsbridge_rtp_sink_debug);
#define GST_CAT_DEFAULT wsbridge_rtp_sink_debug

namespace {

using wsbridge::RtpTransport;

enum : guint { kPropTransport = 1, kPropStats };

constexpr size_t kMaxParts = 8;

struct RtpSinkPrivate {
  std::mutex mutex;  // guards name and transport
  std::string name;
  std::string taken;  // the name of `transport`
  std::shared_ptr<RtpTransport> transport;
  // Set up to READY to PAUSED, before any pad is active, and let go at READY to NULL.
  RtpTransport* sending = nullptr;
  std::atomic<bool> failing{false};
};

}  // namespace

struct _WsBridgeRtpSink {
  GstElement parent;
  RtpSinkPrivate* priv;
};

#define wsbridge_rtp_sink_parent_class parent_class
G_DEFINE_TYPE(WsBridgeRtpSink, wsbridge_rtp_sink, GST_TYPE_ELEMENT)

namespace {

GstStaticPadTemplate rtp_template = GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS,
                                                            GST_STATIC_CAPS("application/x-rtp"));
GstStaticPadTemplate rtcp_template = GST_STATIC_PAD_TEMPLATE(
    "rtcp_sink", GST_PAD_SINK, GST_PAD_REQUEST, GST_STATIC_CAPS("application/x-rtcp"));

RtpSinkPrivate& privOf(gpointer object) {
  return *WSBRIDGE_RTP_SINK(object)->priv;
}

void setProperty(GObject* object, guint id, const GValue* value, GParamSpec* spec) noexcept {
  RtpSinkPrivate& priv = privOf(object);
  const std::lock_guard lock(priv.mutex);
  if (id != kPropTransport) {
    G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    return;
  }
  const char* name = g_value_get_string(value);
  priv.name = name != nullptr ? name : "";
}

void getProperty(GObject* object, guint id, GValue* value, GParamSpec* spec) noexcept {
  static const RtpTransport::Counters none;
  RtpSinkPrivate& priv = privOf(object);
  const std::lock_guard lock(priv.mutex);
  const RtpTransport::Counters& c = priv.transport ? priv.transport->counters() : none;
  switch (id) {
    case kPropTransport:
      g_value_set_string(value, priv.name.c_str());
      break;
    case kPropStats:
      g_value_take_boxed(
          value,
          gst_structure_new("wsbridge-rtp-sink-stats", "packets-sent", G_TYPE_UINT64,
                            c.rtp_sent.load(), "bytes-sent", G_TYPE_UINT64, c.rtp_bytes_sent.load(),
                            "packets-unsent", G_TYPE_UINT64, c.rtp_unsent.load(), "rtcp-sent",
                            G_TYPE_UINT64, c.rtcp_sent.load(), nullptr));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  }
}

/// The parts of a buffer as they lie: a payloader's header and payload are two of them.
class MappedParts {
 public:
  explicit MappedParts(GstBuffer* buffer) {
    const guint count = gst_buffer_n_memory(buffer);
    if (count > kMaxParts) return;
    for (; used_ < count; ++used_) {
      if (gst_memory_map(gst_buffer_peek_memory(buffer, static_cast<guint>(used_)), &maps_[used_],
                         GST_MAP_READ) == FALSE) {
        return;
      }
      parts_[used_] = {.iov_base = maps_[used_].data, .iov_len = maps_[used_].size};
      bytes_ += maps_[used_].size;
    }
    complete_ = true;
  }
  ~MappedParts() {
    for (size_t i = 0; i < used_; ++i)
      gst_memory_unmap(maps_[i].memory, &maps_[i]);
  }
  MappedParts(const MappedParts&) = delete;
  MappedParts& operator=(const MappedParts&) = delete;

  [[nodiscard]] bool complete() const { return complete_; }
  [[nodiscard]] const iovec* data() const { return parts_.data(); }
  [[nodiscard]] size_t size() const { return used_; }
  [[nodiscard]] size_t bytes() const { return bytes_; }

 private:
  std::array<GstMapInfo, kMaxParts> maps_;
  std::array<iovec, kMaxParts> parts_;
  size_t used_ = 0;
  size_t bytes_ = 0;
  bool complete_ = false;
};

/// UDP promises nothing, so a packet that cannot be sent is counted and told once, until one goes
/// out again.
void send(GstElement* element, RtpTransport::Channel channel, GstBuffer* buffer) {
  RtpSinkPrivate& priv = privOf(element);
  RtpTransport& transport = *priv.sending;
  RtpTransport::Counters& counters = transport.counters();
  const MappedParts parts(buffer);
  const bool audio = channel == RtpTransport::Channel::Rtp;
  auto sent = RtpTransport::Sent::Failed;
  if (parts.complete()) sent = transport.send(channel, parts.data(), parts.size(), parts.bytes());
  if (sent == RtpTransport::Sent::Ok) {
    if (audio) {
      counters.rtp_sent.fetch_add(1, std::memory_order_relaxed);
      counters.rtp_bytes_sent.fetch_add(parts.bytes(), std::memory_order_relaxed);
      priv.failing.store(false, std::memory_order_relaxed);
    } else {
      counters.rtcp_sent.fetch_add(1, std::memory_order_relaxed);
    }
    return;
  }
  if (!audio) return;
  ++counters.rtp_unsent;
  // ECONNREFUSED is the other side's ICMP answer to an earlier packet.
  if (sent == RtpTransport::Sent::Failed && errno != ECONNREFUSED && !priv.failing.exchange(true)) {
    GST_ELEMENT_WARNING(element, RESOURCE, WRITE, ("Cannot send RTP: %s", g_strerror(errno)),
                        ("packets are dropped until it works again"));
  }
}

/// As rtpsession tells it: whoever chose the SSRC has to choose another.
void tellCollision(GstPad* pad, uint32_t ssrc) {
  gst_pad_push_event(pad,
                     gst_event_new_custom(GST_EVENT_CUSTOM_UPSTREAM,
                                          gst_structure_new("GstRTPCollision", "ssrc", G_TYPE_UINT,
                                                            static_cast<guint>(ssrc), nullptr)));
}

GstFlowReturn chain(GstPad* pad, GstObject* parent, GstBuffer* buffer) noexcept {
  const auto channel =
      GST_PAD_PAD_TEMPLATE(pad) != nullptr &&
              GST_PAD_TEMPLATE_PRESENCE(GST_PAD_PAD_TEMPLATE(pad)) == GST_PAD_REQUEST
          ? RtpTransport::Channel::Rtcp
          : RtpTransport::Channel::Rtp;
  if (const auto ssrc = privOf(parent).sending->takeCollision()) tellCollision(pad, *ssrc);
  send(GST_ELEMENT(parent), channel, buffer);
  gst_buffer_unref(buffer);
  return GST_FLOW_OK;
}

gboolean padEvent(GstPad* pad, GstObject* parent, GstEvent* event) noexcept {
  // Only the audio's end is an end; reports stop when the session does.
  if (GST_EVENT_TYPE(event) == GST_EVENT_EOS &&
      GST_PAD_TEMPLATE_PRESENCE(GST_PAD_PAD_TEMPLATE(pad)) == GST_PAD_ALWAYS) {
    gst_element_post_message(GST_ELEMENT(parent), gst_message_new_eos(parent));
  }
  gst_event_unref(event);
  return TRUE;
}

void preparePad(GstPad* pad) {
  gst_pad_set_chain_function(pad, chain);
  gst_pad_set_event_function(pad, padEvent);
}

GstStateChangeReturn changeState(GstElement* element, GstStateChange transition) noexcept {
  RtpSinkPrivate& priv = privOf(element);
  if (transition == GST_STATE_CHANGE_NULL_TO_READY ||
      transition == GST_STATE_CHANGE_READY_TO_PAUSED) {
    const std::lock_guard lock(priv.mutex);
    // The name may have been changed in READY.
    if (!priv.transport || priv.taken != priv.name) {
      priv.taken = priv.name;
      priv.transport = RtpTransport::acquire(priv.taken);
      priv.sending = priv.transport.get();
    }
  }
  const GstStateChangeReturn result =
      GST_ELEMENT_CLASS(parent_class)->change_state(element, transition);
  if (transition == GST_STATE_CHANGE_READY_TO_NULL) {
    const std::lock_guard lock(priv.mutex);
    priv.sending = nullptr;
    priv.transport.reset();
  }
  return result;
}

GstPad* requestPad(GstElement* element, GstPadTemplate* pad_template, const char*,
                   const GstCaps*) noexcept {
  GstPad* present = gst_element_get_static_pad(element, "rtcp_sink");
  if (present != nullptr) {
    gst_object_unref(present);
    return nullptr;
  }
  GstPad* pad = gst_pad_new_from_template(pad_template, "rtcp_sink");
  preparePad(pad);
  if (GST_STATE(element) > GST_STATE_READY) gst_pad_set_active(pad, TRUE);
  gst_element_add_pad(element, pad);
  return pad;
}

void releasePad(GstElement* element, GstPad* pad) noexcept {
  gst_pad_set_active(pad, FALSE);
  gst_element_remove_pad(element, pad);
}

void finalize(GObject* object) noexcept {
  delete WSBRIDGE_RTP_SINK(object)->priv;
  G_OBJECT_CLASS(parent_class)->finalize(object);
}

}  // namespace

static void wsbridge_rtp_sink_init(WsBridgeRtpSink* self) {
  self->priv = new RtpSinkPrivate;
  GstPad* pad = gst_pad_new_from_static_template(&rtp_template, "sink");
  preparePad(pad);
  gst_element_add_pad(GST_ELEMENT(self), pad);
  GST_OBJECT_FLAG_SET(self, GST_ELEMENT_FLAG_SINK);
}

static void wsbridge_rtp_sink_class_init(WsBridgeRtpSinkClass* klass) {
  GST_DEBUG_CATEGORY_INIT(wsbridge_rtp_sink_debug, "wsbridgertpsink", 0, "RTP sink");
  auto* object_class = G_OBJECT_CLASS(klass);
  object_class->set_property = setProperty;
  object_class->get_property = getProperty;
  object_class->finalize = finalize;
  g_object_class_install_property(
      object_class, kPropTransport,
      g_param_spec_string("transport", "Transport",
                          "Name shared with the wsbridgertpsrc whose sockets are used", nullptr,
                          static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                   GST_PARAM_MUTABLE_READY)));
  g_object_class_install_property(
      object_class, kPropStats,
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
      element_class, "RTP sink on shared sockets", "Sink/Network/RTP",
      "Sends RTP and RTCP from the sockets of a wsbridgertpsrc", "The gst-wsbridge authors");
}
