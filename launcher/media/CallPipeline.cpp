// SPDX-License-Identifier: LGPL-2.1-or-later
#include "media/CallPipeline.hpp"

#include <tuple>

#include "base/Text.hpp"
#include "common/RtpHeader.hpp"
#include "log/Log.hpp"

namespace launcher {

namespace {

std::uint64_t nowMs() {
  return static_cast<std::uint64_t>(g_get_monotonic_time() / 1000);
}

std::string stringOf(const GstStructure* structure, const char* field) {
  const char* value = gst_structure_get_string(structure, field);
  return value ? value : "";
}

unsigned uintOf(const GstStructure* structure, const char* field) {
  guint value = 0;
  gst_structure_get_uint(structure, field, &value);
  return value;
}

std::uint64_t counterOf(const GstStructure* structure, const char* field) {
  guint64 value = 0;
  if (structure) gst_structure_get_uint64(structure, field, &value);
  return value;
}

StructurePtr statsOf(GstElement* element) {
  GstStructure* stats = nullptr;
  if (element) g_object_get(element, "stats", &stats, nullptr);
  return StructurePtr(stats);
}

std::optional<CallCounters::Remote> remoteOf(const GstStructure* stats) {
  int lost = 0;
  guint64 nanoseconds = 0;
  if (!stats || !gst_structure_get_int(stats, "remote-lost", &lost)) return std::nullopt;
  constexpr double kPerMs = 1e6;
  const auto jitter = static_cast<double>(counterOf(stats, "remote-jitter"));
  const bool known = gst_structure_get_uint64(stats, "round-trip-time", &nanoseconds) == TRUE;
  return CallCounters::Remote{lost, jitter / kPerMs,
                              known ? static_cast<double>(nanoseconds) / kPerMs : -1.0};
}

void noteSource(const GstStructure* stats, CallCounters& counters) {
  const std::string address = stats ? stringOf(stats, "source-address") : "";
  if (address.empty()) return;
  const bool v6 = address.find(':') != std::string::npos;
  counters.rtpSource =
      (v6 ? "[" + address + "]" : address) + ":" + std::to_string(uintOf(stats, "source-port"));
  counters.rtpLatch = stringOf(stats, "latch");
}

}  // namespace

GstElement* CallPipeline::element(const char* name) const {
  // The bin keeps the element for as long as the pipeline lives, so the extra reference can go.
  GstElement* found = gst_bin_get_by_name(GST_BIN(pipeline_.get()), name);
  if (found) gst_object_unref(found);
  return found;
}

Result<void> CallPipeline::play() {
  if (gst_element_set_state(pipeline_.get(), GST_STATE_PLAYING) != GST_STATE_CHANGE_FAILURE)
    return {};
  return Failure{"pipeline does not start"};
}

CallCounters CallPipeline::stop() {
  stopping_ = true;
  CallCounters counters;
  if (!pipeline_) return counters;
  const StructurePtr received = statsOf(element("rtp-in"));
  counters.rtpReceived = counterOf(received.get(), "packets-received");
  counters.rtpIgnored = ignored_.value_or(counterOf(received.get(), "packets-ignored"));
  counters.remote = remoteOf(received.get());
  noteSource(received.get(), counters);
  const StructurePtr sent = statsOf(element("rtp-out"));
  counters.rtpSent = counterOf(sent.get(), "packets-sent");
  const StructurePtr buffered = statsOf(element("jitterbuffer"));
  counters.lost = counterOf(buffered.get(), "lost");
  counters.late = counterOf(buffered.get(), "late");
  counters.duplicates = counterOf(buffered.get(), "duplicates");
  const StructurePtr decoded = statsOf(element("decode"));
  counters.concealed = counterOf(decoded.get(), "concealed");
  const StructurePtr sink = statsOf(ws_sink_.get());
  const StructurePtr source = statsOf(ws_source_.get());
  counters.framesSent = counterOf(sink.get(), "frames-sent");
  counters.framesPlayed = counterOf(source.get(), "frames-played");
  counters.noiseFrames = counterOf(source.get(), "frames-fallback");
  counters.playoutHighMs = counterOf(source.get(), "playout-high-ms");
  counters.underruns = counterOf(source.get(), "underruns");
  counters.ignored = counterOf(source.get(), "ignored-messages");
  counters.dropped = counterOf(source.get(), "frames-dropped");
  gst_element_set_state(pipeline_.get(), GST_STATE_NULL);
  GstBus* bus = gst_element_get_bus(pipeline_.get());
  gst_bus_set_sync_handler(bus, nullptr, nullptr, nullptr);
  gst_object_unref(bus);
  return counters;
}

void CallPipeline::open() {
  opened_ = true;
  if (GstElement* source = element("rtp-in")) g_object_set(source, "open", TRUE, nullptr);
  startSending();
}

void CallPipeline::acknowledge() {
  acknowledged_ = true;
  startSending();
}

void CallPipeline::startSending() {
  if (!opened_ || !acknowledged_) return;
  if (GstElement* source = element("rtp-in")) g_object_set(source, "await-source", FALSE, nullptr);
  setGate();
  g_object_set(ws_source_.get(), "wait-to-play", FALSE, nullptr);
}

void CallPipeline::shut() {
  if (!opened_.exchange(false)) return;
  setGate();
  GstElement* source = element("rtp-in");
  if (!source) return;
  // What comes from now on was not sent by a stranger.
  ignored_ = counterOf(statsOf(source).get(), "packets-ignored");
  g_object_set(source, "open", FALSE, nullptr);
}

void CallPipeline::update(const Agreement& agreement, const MediaTarget& target) {
  if (sends_ != agreement.sends()) {
    gboolean told = FALSE;
    g_signal_emit_by_name(ws_sink_.get(), "hold-changed", sends_ ? TRUE : FALSE, &told);
  }
  sends_ = agreement.sends();
  setGate();
  const auto where = [](const Agreement& it) {
    return std::tie(it.remoteAddress, it.remotePort, it.remoteRtcpPort);
  };
  const bool same = where(agreement) == where(spec_.agreement) && target == spec_.target;
  const auto events = [](const Agreement& it) {
    return std::tie(it.eventPayloadType, it.eventRate);
  };
  const bool otherEvents = events(agreement) != events(spec_.agreement);
  if (otherEvents && agreement.eventRate != spec_.agreement.eventRate) {
    const std::lock_guard lock(event_mutex_);
    events_ = TelephoneEvent(static_cast<unsigned>(agreement.eventRate));
  }
  spec_.agreement = agreement;
  spec_.target = target;
  if (!same) announceRemote();
  if (otherEvents) configureEvents();
}

void CallPipeline::announceRemote() {
  const Agreement& agreed = spec_.agreement;
  const MediaTarget& target = spec_.target;
  const bool never = target.aim == Aim::Never;
  // Whoever is not known trusts nobody. Nothing is aimed at while address and ports change.
  g_object_set(element("rtp-in"), "signalling-address",
               target.signalling.empty() ? "0.0.0.0" : target.signalling.c_str(),
               "aim-at-announced", FALSE, "remote-address",
               never ? nullptr : agreed.remoteAddress.c_str(), "remote-port",
               never ? 0U : guint{agreed.remotePort}, "remote-rtcp-port",
               never ? 0U : guint{agreed.remoteRtcpPort}, "aim-at-announced",
               target.aim == Aim::AtOnce ? TRUE : FALSE, nullptr);
}

std::int64_t CallPipeline::lastRtp() const {
  gint64 last = 0;
  if (const StructurePtr stats = statsOf(element("rtp-in"))) {
    gst_structure_get_int64(stats.get(), "last-arrival", &last);
  }
  return last;
}

void CallPipeline::closeWebSocket(unsigned code, const std::string& text, const char* reason) {
  gboolean told = FALSE;
  if (ws_source_) {
    g_signal_emit_by_name(ws_source_.get(), "end-call", code, text.c_str(), reason, &told);
  }
}

void CallPipeline::sendDigit(const Digit& digit) {
  const char key[] = {digit.key, '\0'};
  gboolean sent = FALSE;
  g_signal_emit_by_name(ws_sink_.get(), "send-dtmf", key, digit.duration, &sent);
  log::debug("dtmf",
             {{"id", spec_.connection}, {"duration", digit.duration}, {"sent", sent == TRUE}});
}

void CallPipeline::tellTransfer(unsigned status, const std::string& reason) {
  gboolean told = FALSE;
  g_signal_emit_by_name(ws_sink_.get(), "transfer-result", status, reason.c_str(), &told);
}

void CallPipeline::tellMessage(const std::string& type, const std::string& body) {
  gboolean told = FALSE;
  g_signal_emit_by_name(ws_sink_.get(), "send-message", type.c_str(), body.c_str(), &told);
}

void CallPipeline::tellMessageResult(unsigned status, const std::string& reason) {
  gboolean told = FALSE;
  g_signal_emit_by_name(ws_sink_.get(), "message-result", status, reason.c_str(), &told);
}

void CallPipeline::tellKeySent(const std::string& key) {
  gboolean told = FALSE;
  g_signal_emit_by_name(ws_sink_.get(), "dtmf-sent", key.c_str(), &told);
}

void CallPipeline::tellMedia(bool arriving) {
  gboolean told = FALSE;
  g_signal_emit_by_name(ws_sink_.get(), "media-changed", arriving ? TRUE : FALSE, &told);
}

void CallPipeline::pressKey(const char* digit, unsigned durationMs) {
  gboolean taken = FALSE;
  int type = -1;
  if (GstElement* encoder = element("encode")) {
    g_signal_emit_by_name(encoder, "send-dtmf", digit, durationMs, &taken);
    if (!taken) g_object_get(encoder, "event-pt", &type, nullptr);
  }
  if (taken) return;
  const bool other = type < 0;
  if (!other || !emit_(DigitWanted{digit, durationMs})) emit_(DigitLost{});
}

void CallPipeline::poll() {
  std::optional<Digit> digit;
  {
    const std::lock_guard lock(event_mutex_);
    digit = events_.expire(nowMs());
  }
  if (digit) sendDigit(*digit);
}

void CallPipeline::handleEventPacket(GstBuffer* buffer) {
  GstMapInfo map;
  if (!gst_buffer_map(buffer, &map, GST_MAP_READ)) return;
  TelephoneEvent::Result result;
  if (const auto packet = wsbridge::common::parseRtpPacket({map.data, map.size})) {
    const std::lock_guard lock(event_mutex_);
    result = events_.packet(packet->header, packet->payload, nowMs());
  }
  gst_buffer_unmap(buffer, &map);
  if (result.earlier) sendDigit(*result.earlier);
  if (result.finished) sendDigit(*result.finished);
}

GstPadProbeReturn CallPipeline::onPlayedOut(GstEvent* event) {
  if (GST_EVENT_TYPE(event) != GST_EVENT_EOS) return GST_PAD_PROBE_OK;
  emit_(PlayedOut{});
  // The call itself decides when its RTP stream ends.
  return GST_PAD_PROBE_DROP;
}

void CallPipeline::onMessage(GstMessage* message) {
  if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ELEMENT) {
    onElementMessage(gst_message_get_structure(message));
  } else if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_WARNING) {
    onWarning(message);
  } else if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR && !stopping_) {
    GError* error = nullptr;
    char* debug = nullptr;
    gst_message_parse_error(message, &error, &debug);
    // Where GST_DEBUG_DUMP_DOT_DIR says; without the values of properties, which may be secret.
    GST_DEBUG_BIN_TO_DOT_FILE_WITH_TS(
        GST_BIN(pipeline_.get()),
        static_cast<GstDebugGraphDetails>(GST_DEBUG_GRAPH_SHOW_MEDIA_TYPE |
                                          GST_DEBUG_GRAPH_SHOW_CAPS_DETAILS |
                                          GST_DEBUG_GRAPH_SHOW_STATES),
        ("wsbridge-" + spec_.connection).c_str());
    PipelineFailed failed{error->message};
    // An error of the WebSocket elements brings the fields of wsbridge-failed along.
    const GstStructure* details = nullptr;
    gst_message_parse_error_details(message, &details);
    if (details && gst_structure_has_field(details, "kind"))
      failed.kind = stringOf(details, "kind");
    g_error_free(error);
    g_free(debug);
    emit_(std::move(failed));
  }
  gst_message_unref(message);
}

/// Once in a conversation: the first message of the endpoint that cannot be used.
void CallPipeline::onWarning(GstMessage* message) {
  GError* warning = nullptr;
  char* debug = nullptr;
  gst_message_parse_warning(message, &warning, &debug);
  if (g_error_matches(warning, GST_STREAM_ERROR, GST_STREAM_ERROR_DECODE)) {
    // The element puts its source line in front.
    const std::string_view text = debug ? debug : "";
    const std::size_t line = text.rfind('\n');
    log::warning(
        "endpoint-message-ignored",
        {{"id", spec_.connection},
         {"reason", std::string(line == std::string_view::npos ? text : text.substr(line + 1))}});
  }
  g_error_free(warning);
  g_free(debug);
}

void CallPipeline::onElementMessage(const GstStructure* structure) {
  if (!structure) return;
  const std::string name = gst_structure_get_name(structure);
  if (name == "wsbridge-opened") {
    emit_(Opened{stringOf(structure, "uri"), stringOf(structure, "content-type")});
  } else if (name == "wsbridge-rtp-source") {
    gboolean rtcp = FALSE;
    gst_structure_get_boolean(structure, "rtcp", &rtcp);
    if (!rtcp && stringOf(structure, "latch") == "announced") acknowledge();
  } else if (name == "wsbridge-first-audio") {
    emit_(FirstAudio{});
  } else if (name == "wsbridge-dtmf") {
    const std::string direction = stringOf(structure, "direction");
    if (direction == "from-endpoint")
      pressKey(stringOf(structure, "digit").c_str(), uintOf(structure, "duration"));
    emit_(DigitPassed{direction});
  } else if (name == "wsbridge-attempt-failed") {
    log::warning("endpoint-failed", {{"id", spec_.connection},
                                     {"endpoint", stringOf(structure, "uri")},
                                     {"kind", stringOf(structure, "kind")},
                                     {"reason", stringOf(structure, "text")}});
  } else if (name == "wsbridge-reconnecting") {
    log::warning("endpoint-reconnecting", {{"id", spec_.connection},
                                           {"endpoint", stringOf(structure, "uri")},
                                           {"reason", stringOf(structure, "reason")},
                                           {"attempt", uintOf(structure, "attempt")}});
  } else if (name == "wsbridge-dtmf-sent") {
    tellKeySent(stringOf(structure, "digit"));
  } else if (name == "wsbridge-control") {
    const std::string action = stringOf(structure, "action");
    if (!emit_(ControlAsked{action, stringOf(structure, "value")}) && action == "transfer")
      tellTransfer(491, "a transfer is going on");
  } else if (name == "wsbridge-slowed") {
    log::warning("endpoint-slowed", {{"id", spec_.connection},
                                     {"endpoint", stringOf(structure, "uri")},
                                     {"reason", stringOf(structure, "reason")},
                                     {"times", counterOf(structure, "times")}});
  } else if (name == "wsbridge-message") {
    if (!emit_(MessageAsked{stringOf(structure, "content-type"), stringOf(structure, "body")}))
      tellMessageResult(503, "too many messages wait");
  } else if (name == "wsbridge-closed") {
    emit_(WebSocketClosed{uintOf(structure, "code"), stringOf(structure, "reason"),
                          stringOf(structure, "who") == "local"});
  } else if (name == "wsbridge-failed") {
    const unsigned http = uintOf(structure, "http-status");
    emit_(WebSocketFailed{stringOf(structure, "kind"), stringOf(structure, "text"),
                          stringOf(structure, "uri"),
                          http ? http : uintOf(structure, "close-code")});
  }
}

}  // namespace launcher
