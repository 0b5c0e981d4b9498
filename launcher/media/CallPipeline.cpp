// SPDX-License-Identifier: LGPL-2.1-or-later
#include "media/CallPipeline.hpp"

#include <cstring>

#include <gst/net/gstnetaddressmeta.h>

#include "base/Text.hpp"
#include "log/Log.hpp"

namespace launcher {

namespace {

std::uint64_t nowMs() {
  return static_cast<std::uint64_t>(g_get_monotonic_time() / 1000);
}

std::optional<RtpSource> senderOf(GstBuffer* buffer) {
  const GstNetAddressMeta* meta = gst_buffer_get_net_address_meta(buffer);
  if (!meta || !G_IS_INET_SOCKET_ADDRESS(meta->addr)) return std::nullopt;
  auto* address = G_INET_SOCKET_ADDRESS(meta->addr);
  CharPtr text(g_inet_address_to_string(g_inet_socket_address_get_address(address)));
  return RtpSource{text.get(), g_inet_socket_address_get_port(address)};
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

}  // namespace

GstElement* CallPipeline::element(const char* name) const {
  // The bin keeps the element for as long as the pipeline lives, so the extra reference can go.
  GstElement* found = gst_bin_get_by_name(GST_BIN(pipeline_.get()), name);
  if (found) gst_object_unref(found);
  return found;
}

bool CallPipeline::play() {
  return gst_element_set_state(pipeline_.get(), GST_STATE_PLAYING) != GST_STATE_CHANGE_FAILURE;
}

CallCounters CallPipeline::stop() {
  stopping_ = true;
  CallCounters counters;
  counters.rtpReceived = received_;
  counters.rtpSent = sent_;
  counters.rtpIgnored = ignored_;
  counters.concealed = concealed_;
  counters.lost = lost_;
  counters.duplicates = duplicates_;
  if (!pipeline_) return counters;
  if (GstElement* buffer = element("jitterbuffer")) {
    const StructurePtr stats = statsOf(buffer);
    counters.late = counterOf(stats.get(), "num-late");
    counters.duplicates += counterOf(stats.get(), "num-duplicates");
  }
  const StructurePtr sink = statsOf(wsSink_.get());
  const StructurePtr source = statsOf(wsSource_.get());
  counters.framesSent = counterOf(sink.get(), "frames-sent");
  counters.framesPlayed = counterOf(source.get(), "frames-played");
  counters.noiseFrames = counterOf(source.get(), "frames-fallback");
  counters.playoutHighMs = counterOf(source.get(), "playout-high-ms");
  sayGoodbye();
  gst_element_set_state(pipeline_.get(), GST_STATE_NULL);
  GstBus* bus = gst_element_get_bus(pipeline_.get());
  gst_bus_set_sync_handler(bus, nullptr, nullptr, nullptr);
  gst_object_unref(bus);
  return counters;
}

void CallPipeline::open() {
  opened_ = true;
}

void CallPipeline::update(const Agreement& agreement) {
  const std::lock_guard lock(latchMutex_);
  const RtpSource rtp{agreement.remoteAddress, agreement.remotePort};
  const RtpSource rtcp{agreement.remoteAddress, agreement.remoteRtcpPort};
  const bool moved = agreement.remoteAddress != spec_.agreement.remoteAddress ||
                     agreement.remotePort != spec_.agreement.remotePort;
  spec_.agreement.remoteAddress = agreement.remoteAddress;
  spec_.agreement.remotePort = agreement.remotePort;
  sends_ = agreement.sends();
  if (!moved) return;
  rtpLatch_.announce(rtp);
  rtcpLatch_.announce(rtcp);
  retarget("rtp-out", rtp);
  retarget("rtcp-out", rtcp);
}

void CallPipeline::retarget(const char* sink, const RtpSource& target) {
  GstElement* out = element(sink);
  g_signal_emit_by_name(out, "clear");
  const bool nowhere = target.port == 0 || target.address == "0.0.0.0" || target.address == "::";
  if (nowhere || !g_hostname_is_ip_address(target.address.c_str())) return;
  g_signal_emit_by_name(out, "add", target.address.c_str(), static_cast<gint>(target.port));
}

void CallPipeline::closeWebSocket(unsigned code, const std::string& reason) {
  if (wsSource_) g_signal_emit_by_name(wsSource_.get(), "close", code, reason.c_str());
}

void CallPipeline::sendDigit(const Digit& digit) {
  const char key[] = {digit.key, '\0'};
  gboolean sent = FALSE;
  g_signal_emit_by_name(wsSink_.get(), "send-dtmf", key, digit.duration, &sent);
  log::debug("dtmf",
             {{"id", spec_.connection}, {"duration", digit.duration}, {"sent", sent == TRUE}});
}

void CallPipeline::poll() {
  std::optional<Digit> digit;
  {
    const std::lock_guard lock(eventMutex_);
    digit = events_.expire(nowMs());
  }
  if (digit) sendDigit(*digit);
}

GstPadProbeReturn CallPipeline::onRtpIn(GstBuffer* buffer) {
  const auto sender = senderOf(buffer);
  GstMapInfo map;
  if (!sender || !gst_buffer_map(buffer, &map, GST_MAP_READ)) return GST_PAD_PROBE_DROP;
  const bool valid =
      isValidRtp(map.data, map.size, spec_.agreement.payloadType, spec_.agreement.eventPayloadType);
  gst_buffer_unmap(buffer, &map);
  if (!valid || !opened_) {
    ++ignored_;
    return GST_PAD_PROBE_DROP;
  }
  const std::lock_guard lock(latchMutex_);
  const SourceLatch::Verdict verdict = rtpLatch_.packet(*sender, nowMs());
  if (verdict == SourceLatch::Verdict::Ignore) {
    ++ignored_;
    return GST_PAD_PROBE_DROP;
  }
  if (verdict == SourceLatch::Verdict::TakeAndLatch &&
      *sender != RtpSource{spec_.agreement.remoteAddress, spec_.agreement.remotePort}) {
    retarget("rtp-out", *sender);
    if (spec_.agreement.rtcpMux) retarget("rtcp-out", *sender);
  }
  ++received_;
  lastRtp_ = g_get_monotonic_time();
  return GST_PAD_PROBE_OK;
}

GstPadProbeReturn CallPipeline::onRtcpIn(GstBuffer* buffer) {
  const auto sender = senderOf(buffer);
  if (!sender) return GST_PAD_PROBE_DROP;
  const std::lock_guard lock(latchMutex_);
  // Reports count only from the host that the audio comes from.
  if (const auto& audio = rtpLatch_.latched(); audio && audio->address != sender->address) {
    return GST_PAD_PROBE_DROP;
  }
  const SourceLatch::Verdict verdict = rtcpLatch_.packet(*sender, nowMs());
  if (verdict == SourceLatch::Verdict::Ignore) return GST_PAD_PROBE_DROP;
  if (verdict == SourceLatch::Verdict::TakeAndLatch) retarget("rtcp-out", *sender);
  return GST_PAD_PROBE_OK;
}

GstPadProbeReturn CallPipeline::onSession(GstPadProbeInfo* info) {
  GstBuffer* buffer = GST_PAD_PROBE_INFO_BUFFER(info);
  std::uint8_t header[12];
  if (gst_buffer_extract(buffer, 0, header, sizeof header) != sizeof header) {
    return GST_PAD_PROBE_DROP;
  }
  const StreamSplice::Verdict verdict = splice_.packet(header, nowMs());
  if (verdict == StreamSplice::Verdict::Stale) return GST_PAD_PROBE_DROP;
  const auto sequence = static_cast<std::uint16_t>(header[2] << 8 | header[3]);
  // The jitter buffer would count what it has let go already as late.
  if (sequences_.isDuplicate(sequence)) {
    ++duplicates_;
    return GST_PAD_PROBE_DROP;
  }
  if (announced_ < 2) announceSequence(sequence);
  if (verdict == StreamSplice::Verdict::Same) return GST_PAD_PROBE_OK;
  buffer = gst_buffer_make_writable(buffer);
  gst_buffer_fill(buffer, 0, header, sizeof header);
  GST_PAD_PROBE_INFO_DATA(info) = buffer;
  return GST_PAD_PROBE_OK;
}

void CallPipeline::announceSequence(std::uint16_t sequence) {
  // rtpjitterbuffer's fast start looks at the head of its queue; while the stream's first events
  // are still there it overlooks the packet behind them and holds it until the next one comes. A
  // known base makes the first packet an expected one. With the second packet the base goes again:
  // after a change of the payload type it would be compared with numbers that have wrapped.
  const GstPtr<GstPad> pad(gst_element_get_static_pad(element("jitterbuffer"), "sink"));
  CapsPtr caps(gst_pad_get_current_caps(pad.get()));
  if (!caps) return;
  caps.reset(gst_caps_make_writable(caps.release()));
  if (announced_++ == 0) {
    gst_caps_set_simple(caps.get(), "seqnum-base", G_TYPE_UINT, guint{sequence}, nullptr);
  } else {
    gst_structure_remove_field(gst_caps_get_structure(caps.get(), 0), "seqnum-base");
  }
  gst_pad_send_event(pad.get(), gst_event_new_caps(caps.get()));
}

GstPadProbeReturn CallPipeline::onBuffered(GstPadProbeInfo* info) {
  if (GST_PAD_PROBE_INFO_TYPE(info) & GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM) {
    GstEvent* event = GST_PAD_PROBE_INFO_EVENT(info);
    if (gst_event_has_name(event, "GstRTPPacketLost")) {
      GstClockTime duration = 0;
      gst_structure_get_clock_time(gst_event_get_structure(event), "duration", &duration);
      const auto ptime = static_cast<std::uint64_t>(spec_.agreement.ptime) * GST_MSECOND;
      const std::uint64_t packets = std::max<std::uint64_t>(1, (duration + ptime / 2) / ptime);
      lost_ += packets;
    }
    return GST_PAD_PROBE_OK;
  }
  GstBuffer* buffer = GST_PAD_PROBE_INFO_BUFFER(info);
  std::uint8_t type = 0;
  if (gst_buffer_extract(buffer, 1, &type, 1) != 1) return GST_PAD_PROBE_DROP;
  if ((type & 0x7f) == spec_.agreement.payloadType) return GST_PAD_PROBE_OK;
  handleEventPacket(buffer);
  return GST_PAD_PROBE_DROP;
}

void CallPipeline::handleEventPacket(GstBuffer* buffer) {
  GstMapInfo map;
  if (!gst_buffer_map(buffer, &map, GST_MAP_READ)) return;
  const std::uint8_t* data = map.data;
  // The header was checked when the packet came in.
  std::size_t header = 12 + 4 * static_cast<std::size_t>(data[0] & 0x0f);
  if ((data[0] & 0x10) != 0) {
    header += 4 + 4 * static_cast<std::size_t>(data[header + 2] << 8 | data[header + 3]);
  }
  const std::uint32_t timestamp = static_cast<std::uint32_t>(data[4]) << 24 |
                                  static_cast<std::uint32_t>(data[5]) << 16 |
                                  static_cast<std::uint32_t>(data[6]) << 8 | data[7];
  TelephoneEvent::Result result;
  {
    const std::lock_guard lock(eventMutex_);
    result =
        events_.packet(timestamp, (data[1] & 0x80) != 0, data + header, map.size - header, nowMs());
  }
  gst_buffer_unmap(buffer, &map);
  if (result.earlier) sendDigit(*result.earlier);
  if (result.finished) sendDigit(*result.finished);
}

GstPadProbeReturn CallPipeline::onConcealment(GstPadProbeInfo* info) {
  // Beyond this nothing sensible can be made up, and a long filler would only come as a burst.
  constexpr std::uint64_t kLongest = 100 * GST_MSECOND;
  if (GST_PAD_PROBE_INFO_TYPE(info) & GST_PAD_PROBE_TYPE_BUFFER) {
    concealedInARow_ = 0;
    return GST_PAD_PROBE_OK;
  }
  GstEvent* event = GST_PAD_PROBE_INFO_EVENT(info);
  if (GST_EVENT_TYPE(event) != GST_EVENT_GAP) return GST_PAD_PROBE_OK;
  GstClockTime timestamp = 0;
  GstClockTime duration = 0;
  gst_event_parse_gap(event, &timestamp, &duration);
  const auto ptime = static_cast<std::uint64_t>(spec_.agreement.ptime) * GST_MSECOND;
  if (!GST_CLOCK_TIME_IS_VALID(duration)) duration = ptime;
  const std::uint64_t packets = std::max<std::uint64_t>(1, (duration + ptime / 2) / ptime);
  concealedInARow_ += packets * ptime;
  if (concealedInARow_ > kLongest) return GST_PAD_PROBE_DROP;
  concealed_ += packets;
  // The jitter buffer's duration is an estimate; whole packets keep the endpoint's time line exact.
  GST_PAD_PROBE_INFO_DATA(info) = gst_event_new_gap(timestamp, packets * ptime);
  gst_event_unref(event);
  return GST_PAD_PROBE_OK;
}

GstPadProbeReturn CallPipeline::onDecoded(GstPadProbeInfo* info) {
  // The endpoint gets samples, not times: continuous stamps keep the resampler from starting anew
  // (and from losing its few milliseconds of history) after silence, keys and lost packets.
  GstBuffer* buffer = gst_buffer_make_writable(GST_PAD_PROBE_INFO_BUFFER(info));
  GST_PAD_PROBE_INFO_DATA(info) = buffer;
  const auto rate = static_cast<std::uint64_t>(spec_.agreement.codec->rate);
  const std::uint64_t samples = gst_buffer_get_size(buffer) / 2;
  GST_BUFFER_PTS(buffer) = gst_util_uint64_scale(samplesIn_, GST_SECOND, rate);
  GST_BUFFER_DURATION(buffer) = gst_util_uint64_scale(samples, GST_SECOND, rate);
  GST_BUFFER_FLAG_UNSET(buffer, GST_BUFFER_FLAG_DISCONT | GST_BUFFER_FLAG_RESYNC);
  GST_BUFFER_OFFSET(buffer) = samplesIn_;
  GST_BUFFER_OFFSET_END(buffer) = samplesIn_ + samples;
  samplesIn_ += samples;
  return GST_PAD_PROBE_OK;
}

GstPadProbeReturn CallPipeline::onResampled(GstPadProbeInfo* info, int rate, bool& first) {
  // The resampler holds back half its filter from the first buffer. Frames would stay short by that
  // much and each wait for the next one, 20 ms late, so the missing samples are put in as silence.
  if (!first) return GST_PAD_PROBE_OK;
  first = false;
  GstBuffer* buffer = GST_PAD_PROBE_INFO_BUFFER(info);
  const gsize unit = static_cast<gsize>(rate) / 100 * 2;
  const gsize size = gst_buffer_get_size(buffer);
  const gsize missing = (unit - size % unit) % unit;
  if (missing == 0) return GST_PAD_PROBE_OK;
  buffer = gst_buffer_make_writable(buffer);
  GstMemory* silence = gst_allocator_alloc(nullptr, missing, nullptr);
  GstMapInfo map;
  if (gst_memory_map(silence, &map, GST_MAP_WRITE)) {
    std::memset(map.data, 0, map.size);
    gst_memory_unmap(silence, &map);
  }
  gst_buffer_prepend_memory(buffer, silence);
  GST_PAD_PROBE_INFO_DATA(info) = buffer;
  return GST_PAD_PROBE_OK;
}

GstPadProbeReturn CallPipeline::onPayload(GstPadProbeInfo* info) {
  const int type = GST_PAD_PROBE_INFO_TYPE(info);
  if (type & GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM) {
    GstEvent* event = GST_PAD_PROBE_INFO_EVENT(info);
    if (GST_EVENT_TYPE(event) == GST_EVENT_EOS) {
      emit_({PipelineEvent::Kind::PlayedOut, {}, {}, {}, 0, 0});
      // The RTP session would say goodbye and end; the call itself decides when.
      return GST_PAD_PROBE_DROP;
    }
    return GST_PAD_PROBE_OK;
  }
  sent_ += type & GST_PAD_PROBE_TYPE_BUFFER_LIST
               ? gst_buffer_list_length(GST_PAD_PROBE_INFO_BUFFER_LIST(info))
               : 1;
  return GST_PAD_PROBE_OK;
}

void CallPipeline::onMessage(GstMessage* message) {
  if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ELEMENT) {
    onElementMessage(gst_message_get_structure(message));
  } else if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR && !stopping_) {
    GError* error = nullptr;
    char* debug = nullptr;
    gst_message_parse_error(message, &error, &debug);
    PipelineEvent event{PipelineEvent::Kind::Error, error->message, {}, {}, 0, 0};
    // An error of the WebSocket elements brings the fields of wsbridge-failed along.
    const GstStructure* details = nullptr;
    gst_message_parse_error_details(message, &details);
    if (details && gst_structure_has_field(details, "kind")) {
      event.failureKind = stringOf(details, "kind");
    }
    g_error_free(error);
    g_free(debug);
    emit_(std::move(event));
  }
  gst_message_unref(message);
}

void CallPipeline::onElementMessage(const GstStructure* structure) {
  if (!structure) return;
  const std::string name = gst_structure_get_name(structure);
  using Kind = PipelineEvent::Kind;
  if (name == "wsbridge-opened") {
    PipelineEvent event{Kind::Opened, stringOf(structure, "content-type"), {}, {}, 0, 0};
    gst_structure_get_double(structure, "setup-ms", &event.setupMs);
    emit_(std::move(event));
  } else if (name == "wsbridge-first-audio") {
    emit_({Kind::FirstAudio, {}, {}, {}, 0, 0});
  } else if (name == "wsbridge-dtmf") {
    emit_(
        {Kind::Digit, {}, {}, stringOf(structure, "direction"), uintOf(structure, "duration"), 0});
  } else if (name == "wsbridge-control") {
    emit_({Kind::Control, stringOf(structure, "action"), {}, {}, 0, 0});
  } else if (name == "wsbridge-closed") {
    emit_({Kind::Closed,
           stringOf(structure, "reason"),
           {},
           stringOf(structure, "who"),
           uintOf(structure, "code"),
           0});
  } else if (name == "wsbridge-failed") {
    const unsigned http = uintOf(structure, "http-status");
    emit_({Kind::Failed,
           stringOf(structure, "text"),
           stringOf(structure, "kind"),
           {},
           http ? http : uintOf(structure, "close-code"),
           0});
  }
}

}  // namespace launcher
