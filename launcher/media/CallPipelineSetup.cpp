// SPDX-License-Identifier: LGPL-2.1-or-later
// CallPipeline: how it is built and linked; what runs through it is in CallPipeline.cpp.
#include "media/CallPipeline.hpp"
#include "routing/CredentialScope.hpp"

namespace launcher {

namespace {

void setText(GstElement* element, const char* property, const std::string& value) {
  if (!value.empty()) g_object_set(element, property, value.c_str(), nullptr);
}

void setEndpoints(GstElement* element, const std::vector<EndpointUri>& endpoints) {
  g_object_set(element, "uri", endpoints.front().uri.c_str(), nullptr);
  g_auto(GValue) fallbacks = G_VALUE_INIT;
  g_value_init(&fallbacks, GST_TYPE_ARRAY);
  for (std::size_t i = 1; i < endpoints.size(); ++i) {
    GValue uri = G_VALUE_INIT;
    g_value_init(&uri, G_TYPE_STRING);
    g_value_set_string(&uri, endpoints[i].uri.c_str());
    gst_value_array_append_and_take_value(&fallbacks, &uri);
  }
  g_object_set_property(G_OBJECT(element), "fallback-uris", &fallbacks);
}

void setAuthorization(GstElement* element, const AuthorizationConfig& authorization) {
  gst_util_set_object_arg(G_OBJECT(element), "authorization-type", authorization.type.c_str());
  setText(element, "authorization", authorization.value);
  if (authorization.type == "fixed") return;
  setText(element, "username", authorization.username);
  setText(element, "password", authorization.password);
  setText(element, "bearer-token", authorization.bearerToken);
  setText(element, "jwt-key-file", authorization.jwtKeyFile);
  setText(element, "jwt-claims", authorization.jwtClaims);
  gst_util_set_object_arg(G_OBJECT(element), "jwt-algorithm", authorization.jwtAlgorithm.c_str());
  g_object_set(element, "jwt-lifetime", static_cast<guint>(authorization.jwtLifetime), nullptr);
}

/// The element holds back what an endpoint is not to get; what nobody gets is not even given to it.
void setCredentials(GstElement* element, const Config::Websocket& ws, const BridgeRequest& bridge) {
  const std::string scope = credentialScope(bridge.endpoints);
  g_object_set(element, "credentials-for", scope.c_str(), nullptr);
  if (bridge.ownAuthorization) g_object_set(element, "authorization-for", "all", nullptr);
  if (bridge.ownAuthorization || scope != "none") setAuthorization(element, bridge.authorization);
  if (scope == "none") return;
  if (bridge.dialect == "twilio") setText(element, "twilio-auth-token", ws.twilioAuthToken);
  setText(element, "signature-key", ws.signatureKey);
  setText(element, "tls-cert-file", ws.tlsCertFile);
  setText(element, "tls-key-file", ws.tlsKeyFile);
}

bool linkPads(GstElement* from, const char* fromPad, GstElement* to, const char* toPad) {
  return gst_element_link_pads(from, fromPad, to, toPad) == TRUE;
}

/// A probe that calls a member function; the pipeline goes before its owner does.
using Probe = std::function<GstPadProbeReturn(GstPadProbeInfo*)>;

void addProbe(GstElement* element, const char* padName, int mask, Probe probe) {
  const GstPtr<GstPad> pad(gst_element_get_static_pad(element, padName));
  if (!pad) return;
  const auto callback = [](GstPad*, GstPadProbeInfo* info,
                           gpointer data) noexcept -> GstPadProbeReturn {
    return (*static_cast<Probe*>(data))(info);
  };
  gst_pad_add_probe(pad.get(), static_cast<GstPadProbeType>(mask), callback,
                    new Probe(std::move(probe)),
                    [](gpointer data) noexcept { delete static_cast<Probe*>(data); });
}

GstElement* named(GstElement* bin, const char* name) {
  // The bin keeps the element for as long as it lives itself, so the extra reference can go.
  GstElement* found = gst_bin_get_by_name(GST_BIN(bin), name);
  if (found) gst_object_unref(found);
  return found;
}

/// Takes an element out of the bin and gives the bin a pad where it was linked.
bool replaceByPad(GstElement* bin, const char* name, const char* padName, const char* ghostName) {
  GstElement* element = named(bin, name);
  const GstPtr<GstPad> pad(gst_element_get_static_pad(element, padName));
  const GstPtr<GstPad> peer(gst_pad_get_peer(pad.get()));
  gst_bin_remove(GST_BIN(bin), element);
  return peer && gst_element_add_pad(bin, gst_ghost_pad_new(ghostName, peer.get()));
}

/// Gives a source another peer between two of its buffers.
void relinkWhenIdle(GstElement* source, GstPad* to) {
  const GstPtr<GstPad> pad(gst_element_get_static_pad(source, "src"));
  const auto relink = [](GstPad* from, GstPadProbeInfo*,
                         gpointer target) noexcept -> GstPadProbeReturn {
    if (GstPad* before = gst_pad_get_peer(from)) {
      gst_pad_unlink(from, before);
      gst_object_unref(before);
    }
    gst_pad_link(from, static_cast<GstPad*>(target));
    return GST_PAD_PROBE_REMOVE;
  };
  gst_pad_add_probe(pad.get(), GST_PAD_PROBE_TYPE_IDLE, relink, gst_object_ref(to),
                    gst_object_unref);
}

}  // namespace

CallPipeline::CallPipeline(PipelineSpec spec, Emit emit)
    : spec_(std::move(spec)), emit_(std::move(emit)), acknowledged_(spec_.acknowledged) {
  resetMedia();
}

CallPipeline::~CallPipeline() {
  if (pipeline_) gst_element_set_state(pipeline_.get(), GST_STATE_NULL);
}

Result<void> CallPipeline::build(const PipelineTemplate& launch) {
  if (stopping_) return Failure{"the call is over"};  // a busy worker came late
  if (!spec_.agreement.codec) return buildEndpointHalf(launch);
  auto made = launch.make(*spec_.agreement.codec);
  if (!made) return Failure{made.error()};
  pipeline_ = *std::move(made);
  ws_sink_.reset(GST_ELEMENT(gst_object_ref(element("ws-sink"))));
  ws_source_.reset(GST_ELEMENT(gst_object_ref(element("ws-source"))));
  configureWebSocket();
  configureRtp();
  installProbes();
  watchBus();
  return {};
}

Result<void> CallPipeline::buildEndpointHalf(const PipelineTemplate& launch) {
  const auto made = launch.make(*spec_.config->rtp.codecs.front());
  if (!made) return Failure{made.error()};
  GstElement* whole = made->get();
  ws_sink_.reset(GST_ELEMENT(gst_object_ref(named(whole, "ws-sink"))));
  ws_source_.reset(GST_ELEMENT(gst_object_ref(named(whole, "ws-source"))));
  gst_bin_remove(GST_BIN(whole), ws_sink_.get());
  gst_bin_remove(GST_BIN(whole), ws_source_.get());
  GstElement* parking = gst_element_factory_make("fakesink", "parking");
  if (!parking) return Failure{"there is no fakesink"};
  g_object_set(parking, "sync", FALSE, "async", FALSE, "enable-last-sample", FALSE, nullptr);
  pipeline_.reset(GST_ELEMENT(gst_object_ref_sink(gst_pipeline_new(nullptr))));
  gst_bin_add_many(GST_BIN(pipeline_.get()), ws_sink_.get(), ws_source_.get(), parking, nullptr);
  configureWebSocket();
  watchBus();
  if (!linkPads(ws_source_.get(), "src", parking, "sink"))
    return Failure{"ws-source cannot be linked"};
  return {};
}

Result<void> CallPipeline::attachMedia(const PipelineTemplate& launch, const Agreement& agreement,
                                       const MediaTarget& target) {
  spec_.agreement = agreement;
  spec_.target = target;
  resetMedia();
  const auto made = launch.make(*agreement.codec, true);
  if (!made) return Failure{made.error()};
  GstElement* media = made->get();
  // The template's own WebSocket elements give way to those that are connected.
  if (!replaceByPad(media, "ws-sink", "sink", "to-endpoint") ||
      !replaceByPad(media, "ws-source", "src", "from-endpoint")) {
    return Failure{"the WebSocket elements are not linked"};
  }
  gst_bin_add(GST_BIN(pipeline_.get()), media);
  configureRtp();
  installProbes();
  if (!linkPads(media, "to-endpoint", ws_sink_.get(), "sink")) {
    return Failure{"ws-sink cannot be linked"};
  }
  if (!gst_element_sync_state_with_parent(media)) return Failure{"pipeline does not start"};
  const GstPtr<GstPad> entry(gst_element_get_static_pad(media, "from-endpoint"));
  relinkWhenIdle(ws_source_.get(), entry.get());
  return {};
}

void CallPipeline::resetMedia() {
  const Agreement& agreed = spec_.agreement;
  sends_ = agreed.sends();
  const std::lock_guard lock(event_mutex_);
  events_ = TelephoneEvent(static_cast<unsigned>(agreed.eventRate));
}

void CallPipeline::watchBus() {
  GstBus* bus = gst_element_get_bus(pipeline_.get());
  const auto handler = [](GstBus*, GstMessage* message, gpointer data) noexcept -> GstBusSyncReply {
    static_cast<CallPipeline*>(data)->onMessage(message);
    return GST_BUS_DROP;
  };
  gst_bus_set_sync_handler(bus, handler, this, nullptr);
  gst_object_unref(bus);
}

void CallPipeline::configureWebSocket() {
  const Config::Websocket& ws = spec_.config->websocket;
  const Config::Audio& audio = spec_.config->audio;
  for (GstElement* e : {ws_sink_.get(), ws_source_.get()}) {
    setEndpoints(e, spec_.bridge.endpoints);
    g_object_set(
        e, "connection", spec_.connection.c_str(), "content-type", spec_.bridge.contentType.c_str(),
        "subprotocols", ws.subprotocols.c_str(), "tls-verify", ws.tlsVerify ? TRUE : FALSE,
        "connect-timeout", static_cast<guint>(ws.connectTimeout), "connect-time-used",
        spec_.connectTimeUsedMs, "connect-retries", static_cast<guint>(ws.connectRetries),
        "ping-interval", static_cast<guint>(ws.pingInterval), "pong-timeout",
        static_cast<guint>(ws.pongTimeout), "reconnect-time", static_cast<guint>(ws.reconnectTime),
        "max-control-rate", static_cast<guint>(ws.maxControlRate), "context", spec_.loop.c_str(),
        "context-wait", static_cast<guint>(spec_.config->media.loopWait), nullptr);
    gst_util_set_object_arg(G_OBJECT(e), "dialect", spec_.bridge.dialect.c_str());
    gst_util_set_object_arg(G_OBJECT(e), "tls-min-version", ws.tlsMinVersion.c_str());
    setText(e, "call-id", spec_.callId);
    setText(e, "account-id", spec_.accountId);
    setText(e, "headers", spec_.bridge.headers);
    setText(e, "proxy", ws.proxy);
    setText(e, "tls-ca-file", ws.tlsCaFile);
    setCredentials(e, ws, spec_.bridge);
    setText(e, "resolved-addresses", spec_.resolvedAddresses);
  }
  g_object_set(ws_sink_.get(), "max-queue", static_cast<guint>(audio.maxQueue), "leaky", TRUE,
               nullptr);
  g_object_set(ws_source_.get(), "noise-level", audio.noiseLevel, "max-playout",
               static_cast<guint>(audio.maxPlayout), "max-total-playout-bytes",
               static_cast<guint64>(audio.maxTotalPlayoutBytes), "prebuffer",
               static_cast<guint>(audio.prebuffer), "wait-to-play", TRUE, nullptr);
  gst_util_set_object_arg(G_OBJECT(ws_source_.get()), "fallback", audio.fallback.c_str());
}

void CallPipeline::configureRtp() {
  const Agreement& agreed = spec_.agreement;
  const CapsPtr rtpCaps(gst_caps_new_simple(
      "application/x-rtp", "media", G_TYPE_STRING, "audio", "clock-rate", G_TYPE_INT,
      agreed.codec->rate, "encoding-name", G_TYPE_STRING, agreed.codec->encoding, "payload",
      G_TYPE_INT, agreed.payloadType, "channels", G_TYPE_INT, 1, "encoding-params", G_TYPE_STRING,
      "1", nullptr));
  const auto loopWait = static_cast<guint>(spec_.config->media.loopWait);
  g_object_set(element("rtp-in"), "transport", spec_.connection.c_str(), "socket",
               spec_.sockets.rtp.get(), "rtcp-socket",
               agreed.rtcpMux ? nullptr : spec_.sockets.rtcp.get(), "rtcp-mux",
               agreed.rtcpMux ? TRUE : FALSE, "caps", rtpCaps.get(), "open", opened_ ? TRUE : FALSE,
               "context", spec_.loop.c_str(), "context-wait", loopWait, nullptr);
  // A template with an RTP session of its own takes RTCP from a pad.
  const GstPtr<GstPad> rtcp(gst_element_get_static_pad(element("rtp-in"), "rtcp_src"));
  g_object_set(element("rtp-in"), "reports", rtcp ? FALSE : TRUE, nullptr);
  g_object_set(element("rtp-in"), "await-source", acknowledged_ ? FALSE : TRUE, nullptr);
  announceRemote();
  g_object_set(element("rtp-out"), "transport", spec_.connection.c_str(), nullptr);
  g_object_set(element("jitterbuffer"), "max-wait",
               static_cast<guint>(spec_.config->rtp.jitterWait), "context", spec_.loop.c_str(),
               "context-wait", loopWait, nullptr);
  g_object_set(element("encode"), "clock-rate", static_cast<guint>(agreed.codec->rate), "pt",
               static_cast<guint>(agreed.payloadType), "ptime", static_cast<guint>(agreed.ptime),
               nullptr);
  configureEvents();
}

void CallPipeline::configureEvents() {
  const Agreement& agreed = spec_.agreement;
  std::string types = std::to_string(agreed.payloadType);
  if (agreed.eventPayloadType >= 0) types += "," + std::to_string(agreed.eventPayloadType);
  g_object_set(element("rtp-in"), "payload-types", types.c_str(), nullptr);
  g_object_set(element("encode"), "event-pt", agreed.eventPayloadType, "event-clock-rate",
               agreed.eventRate, nullptr);
}

void CallPipeline::installProbes() {
  const auto otherPayload = +[](GstElement*, guint, GstBuffer* packet, gpointer self) noexcept {
    static_cast<CallPipeline*>(self)->handleEventPacket(packet);
  };
  g_signal_connect(element("decode"), "other-payload", G_CALLBACK(otherPayload), this);
  addProbe(element("encode"), "src", GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM,
           [this](GstPadProbeInfo* info) { return onPlayedOut(GST_PAD_PROBE_INFO_EVENT(info)); });
  setGate();
}

void CallPipeline::setGate() {
  const std::lock_guard lock(gate_mutex_);
  GstElement* encoder = element("encode");
  const bool shut = !opened_ || !acknowledged_ || !sends_;
  if (!encoder || shut == (gate_ != 0)) return;
  const GstPtr<GstPad> pad(gst_element_get_static_pad(encoder, "sink"));
  if (shut) {
    const auto drop = [](GstPad*, GstPadProbeInfo*, gpointer) noexcept {
      return GST_PAD_PROBE_DROP;
    };
    gate_ = gst_pad_add_probe(pad.get(), GST_PAD_PROBE_TYPE_BUFFER, drop, nullptr, nullptr);
  } else {
    gst_pad_remove_probe(pad.get(), gate_);
    gate_ = 0;
  }
}

}  // namespace launcher
