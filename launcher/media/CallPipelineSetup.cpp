// SPDX-License-Identifier: LGPL-2.1-or-later
// CallPipeline: how it is built and linked; what runs through it is in CallPipeline.cpp.
#include "media/CallPipeline.hpp"

namespace launcher {

namespace {

void setText(GstElement* element, const char* property, const std::string& value) {
  if (!value.empty()) g_object_set(element, property, value.c_str(), nullptr);
}

bool linkPads(GstElement* from, const char* fromPad, GstElement* to, const char* toPad) {
  return gst_element_link_pads(from, fromPad, to, toPad) == TRUE;
}

/// A probe that calls a member function; the pipeline goes before its owner does.
using Probe = std::function<GstPadProbeReturn(GstPadProbeInfo*)>;

void addProbe(GstElement* element, const char* padName, int mask, Probe probe) {
  const GstPtr<GstPad> pad(gst_element_get_static_pad(element, padName));
  if (!pad) return;
  const auto callback = [](GstPad*, GstPadProbeInfo* info, gpointer data) -> GstPadProbeReturn {
    return (*static_cast<Probe*>(data))(info);
  };
  gst_pad_add_probe(pad.get(), static_cast<GstPadProbeType>(mask), callback,
                    new Probe(std::move(probe)),
                    [](gpointer data) { delete static_cast<Probe*>(data); });
}

}  // namespace

CallPipeline::CallPipeline(PipelineSpec spec, Emit emit)
    : spec_(std::move(spec)),
      emit_(std::move(emit)),
      rtpLatch_({spec_.agreement.remoteAddress, spec_.agreement.remotePort}),
      rtcpLatch_({spec_.agreement.remoteAddress, spec_.agreement.remoteRtcpPort}),
      events_(static_cast<unsigned>(spec_.agreement.eventRate)),
      splice_(static_cast<std::uint32_t>(spec_.agreement.codec->rate)) {
  sends_ = spec_.agreement.sends();
}

CallPipeline::~CallPipeline() {
  if (pipeline_) gst_element_set_state(pipeline_.get(), GST_STATE_NULL);
}

std::string CallPipeline::build(const PipelineTemplate& launch) {
  GError* error = nullptr;
  GstElement* parsed = gst_parse_launch_full(launch.expand(*spec_.agreement.codec).c_str(), nullptr,
                                             GST_PARSE_FLAG_FATAL_ERRORS, &error);
  const ErrorPtr owned(error);
  if (!parsed) return error ? error->message : "pipeline does not parse";
  pipeline_.reset(GST_ELEMENT(gst_object_ref_sink(parsed)));
  for (const std::string& name : PipelineTemplate::elementNames()) {
    if (!element(name.c_str())) return "pipeline has no element " + name;
  }
  wsSink_.reset(GST_ELEMENT(gst_object_ref(element("ws-sink"))));
  wsSource_.reset(GST_ELEMENT(gst_object_ref(element("ws-source"))));
  configureWebSocket();
  configureRtp();
  if (std::string fault = linkSession(); !fault.empty()) return fault;
  installProbes();
  GstBus* bus = gst_element_get_bus(pipeline_.get());
  const auto handler = [](GstBus*, GstMessage* message, gpointer data) -> GstBusSyncReply {
    static_cast<CallPipeline*>(data)->onMessage(message);
    return GST_BUS_DROP;
  };
  gst_bus_set_sync_handler(bus, handler, this, nullptr);
  gst_object_unref(bus);
  return {};
}

void CallPipeline::configureWebSocket() {
  const Config::Websocket& ws = spec_.config->websocket;
  const Config::Audio& audio = spec_.config->audio;
  for (GstElement* e : {wsSink_.get(), wsSource_.get()}) {
    g_object_set(e, "uri", spec_.bridge.uri.c_str(), "connection", spec_.connection.c_str(),
                 "content-type", spec_.bridge.contentType.c_str(), "subprotocols",
                 ws.subprotocols.c_str(), "tls-verify", ws.tlsVerify ? TRUE : FALSE,
                 "connect-timeout", static_cast<guint>(ws.connectTimeout), "ping-interval",
                 static_cast<guint>(ws.pingInterval), "pong-timeout",
                 static_cast<guint>(ws.pongTimeout), "context", spec_.loop.c_str(), "context-wait",
                 static_cast<guint>(spec_.config->media.loopWait), nullptr);
    gst_util_set_object_arg(G_OBJECT(e), "dialect", spec_.bridge.dialect.c_str());
    setText(e, "headers", spec_.bridge.headers);
    setText(e, "authorization", spec_.bridge.authorization);
    setText(e, "tls-ca-file", ws.tlsCaFile);
    setText(e, "tls-cert-file", ws.tlsCertFile);
    setText(e, "tls-key-file", ws.tlsKeyFile);
    setText(e, "resolved-addresses", spec_.resolvedAddresses);
  }
  g_object_set(wsSink_.get(), "max-queue", static_cast<guint>(audio.maxQueue), nullptr);
  g_object_set(wsSource_.get(), "noise-level", audio.noiseLevel, "max-playout",
               static_cast<guint>(audio.maxPlayout), "max-total-playout-bytes",
               static_cast<guint64>(audio.maxTotalPlayoutBytes), "prebuffer",
               static_cast<guint>(audio.prebuffer), nullptr);
  gst_util_set_object_arg(G_OBJECT(wsSource_.get()), "fallback", audio.fallback.c_str());
}

void CallPipeline::configureRtp() {
  const Agreement& agreed = spec_.agreement;
  const CapsPtr rtpCaps(gst_caps_new_simple(
      "application/x-rtp", "media", G_TYPE_STRING, "audio", "clock-rate", G_TYPE_INT,
      agreed.codec->rate, "encoding-name", G_TYPE_STRING, agreed.codec->encoding, "payload",
      G_TYPE_INT, agreed.payloadType, "channels", G_TYPE_INT, 1, "encoding-params", G_TYPE_STRING,
      "1", nullptr));
  const CapsPtr rtcpCaps(gst_caps_new_empty_simple("application/x-rtcp"));
  g_object_set(element("rtp-in"), "socket", spec_.sockets.rtp.get(), "close-socket", FALSE, "caps",
               rtpCaps.get(), nullptr);
  g_object_set(element("rtcp-in"), "socket", spec_.sockets.rtcp.get(), "close-socket", FALSE,
               "caps", rtcpCaps.get(), nullptr);
  const bool v6 = g_socket_get_family(spec_.sockets.rtp.get()) == G_SOCKET_FAMILY_IPV6;
  const char* socketProperty = v6 ? "socket-v6" : "socket";
  g_object_set(element("rtp-out"), socketProperty, spec_.sockets.rtp.get(), nullptr);
  g_object_set(element("rtcp-out"), socketProperty,
               agreed.rtcpMux ? spec_.sockets.rtp.get() : spec_.sockets.rtcp.get(), nullptr);
  retarget("rtp-out", {agreed.remoteAddress, agreed.remotePort});
  retarget("rtcp-out", {agreed.remoteAddress, agreed.remoteRtcpPort});

  g_object_set(element("jitterbuffer"), "latency", static_cast<guint>(spec_.config->rtp.jitterWait),
               nullptr);
  // Asked for each payload type; what is asked for has to stand in the answer.
  const auto ptMap = +[](GstElement*, guint type, gpointer data) -> GstCaps* {
    GstCaps* caps = gst_caps_copy(static_cast<GstCaps*>(data));
    gst_caps_set_simple(caps, "payload", G_TYPE_INT, static_cast<int>(type), nullptr);
    return caps;
  };
  const auto freeCaps =
      +[](gpointer data, GClosure*) { gst_caps_unref(static_cast<GstCaps*>(data)); };
  for (const char* name : {"jitterbuffer", "rtpsession"}) {
    g_signal_connect_data(element(name), "request-pt-map", G_CALLBACK(ptMap),
                          gst_caps_ref(rtpCaps.get()), freeCaps, static_cast<GConnectFlags>(0));
  }
  // A new source counts from its first packet: it has been latched already.
  g_object_set(element("rtpsession"), "probation", 0U, nullptr);

  const CapsPtr txCaps(gst_caps_new_simple("audio/x-raw", "rate", G_TYPE_INT, agreed.codec->rate,
                                           "channels", G_TYPE_INT, 1, nullptr));
  g_object_set(element("tx-caps"), "caps", txCaps.get(), nullptr);
  const gint64 ptime = static_cast<gint64>(agreed.ptime) * 1000000;
  g_object_set(element("pay"), "pt", static_cast<guint>(agreed.payloadType), "min-ptime", ptime,
               "max-ptime", ptime, nullptr);
}

std::string CallPipeline::linkSession() {
  GstElement* session = element("rtpsession");
  const bool linked = linkPads(element("rtp-in"), "src", session, "recv_rtp_sink") &&
                      linkPads(session, "recv_rtp_src", element("jitterbuffer"), "sink") &&
                      linkPads(element("rtcp-in"), "src", session, "recv_rtcp_sink") &&
                      linkPads(element("pay"), "src", session, "send_rtp_sink") &&
                      linkPads(session, "send_rtp_src", element("rtp-out"), "sink") &&
                      linkPads(session, "send_rtcp_src", element("rtcp-out"), "sink");
  return linked ? "" : "the RTP session cannot be linked";
}

void CallPipeline::installProbes() {
  constexpr int kBuffer = GST_PAD_PROBE_TYPE_BUFFER;
  constexpr int kEvent = GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM;
  addProbe(element("rtp-in"), "src", kBuffer,
           [this](GstPadProbeInfo* info) { return onRtpIn(GST_PAD_PROBE_INFO_BUFFER(info)); });
  addProbe(element("rtcp-in"), "src", kBuffer,
           [this](GstPadProbeInfo* info) { return onRtcpIn(GST_PAD_PROBE_INFO_BUFFER(info)); });
  addProbe(element("jitterbuffer"), "sink", kBuffer,
           [this](GstPadProbeInfo* info) { return onSession(info); });
  addProbe(element("jitterbuffer"), "src", kBuffer | kEvent,
           [this](GstPadProbeInfo* info) { return onBuffered(info); });
  addProbe(element("rx-audio"), "sink", kBuffer | kEvent,
           [this](GstPadProbeInfo* info) { return onConcealment(info); });
  addProbe(element("rx-audio"), "src", kBuffer,
           [this](GstPadProbeInfo* info) { return onDecoded(info); });
  addProbe(element("rx-resample"), "src", kBuffer, [this](GstPadProbeInfo* info) {
    return onResampled(info, spec_.bridge.rate, rxFirst_);
  });
  addProbe(element("tx-resample"), "src", kBuffer, [this](GstPadProbeInfo* info) {
    return onResampled(info, spec_.agreement.codec->rate, txFirst_);
  });
  // While the call is not answered, or on hold, nothing goes out, and the sequence has no gap.
  addProbe(element("pay"), "sink", kBuffer, [this](GstPadProbeInfo*) {
    return opened_ && sends_ ? GST_PAD_PROBE_OK : GST_PAD_PROBE_DROP;
  });
  addProbe(element("pay"), "src", kBuffer | GST_PAD_PROBE_TYPE_BUFFER_LIST | kEvent,
           [this](GstPadProbeInfo* info) { return onPayload(info); });
}

}  // namespace launcher
