// SPDX-License-Identifier: LGPL-2.1-or-later
#include "bridge/ElementMessages.hpp"

#include <string>

namespace wsbridge {

namespace {

GstStructure* failureStructure(const Failure& failure) {
  return gst_structure_new("wsbridge-failed", "kind", G_TYPE_STRING, nameOf(failure.kind), "text",
                           G_TYPE_STRING, failure.text.c_str(), "http-status", G_TYPE_UINT,
                           failure.http_status, "close-code", G_TYPE_UINT, failure.close_code,
                           "close-reason", G_TYPE_STRING, failure.close_reason.c_str(), nullptr);
}

struct ToStructure {
  GstStructure* operator()(const OpenedEvent& event) const {
    return gst_structure_new("wsbridge-opened", "content-type", G_TYPE_STRING,
                             event.content_type.c_str(), "rate", G_TYPE_INT, event.rate,
                             "subprotocol", G_TYPE_STRING, event.subprotocol.c_str(), "setup-ms",
                             G_TYPE_DOUBLE, event.setup_ms, nullptr);
  }
  GstStructure* operator()(const FirstAudioEvent& event) const {
    return gst_structure_new("wsbridge-first-audio", "since-open-ms", G_TYPE_DOUBLE,
                             event.since_open_ms, nullptr);
  }
  GstStructure* operator()(const DtmfEvent& event) const {
    return gst_structure_new("wsbridge-dtmf", "digit", G_TYPE_STRING, event.digit.c_str(),
                             "duration", G_TYPE_UINT, event.duration_ms, "direction", G_TYPE_STRING,
                             event.to_endpoint ? "to-endpoint" : "from-endpoint", nullptr);
  }
  GstStructure* operator()(const TextEvent& event) const {
    return gst_structure_new("wsbridge-text", "text", G_TYPE_STRING, event.text.c_str(), nullptr);
  }
  GstStructure* operator()(const ControlEvent& event) const {
    return gst_structure_new("wsbridge-control", "action", G_TYPE_STRING, event.action.c_str(),
                             "text", G_TYPE_STRING, event.text.c_str(), "value", G_TYPE_STRING,
                             event.value.c_str(), nullptr);
  }
  GstStructure* operator()(const MessageEvent& event) const {
    return gst_structure_new("wsbridge-message", "content-type", G_TYPE_STRING, event.type.c_str(),
                             "body", G_TYPE_STRING, event.body.c_str(), nullptr);
  }
  GstStructure* operator()(const ClosedEvent& event) const {
    return gst_structure_new("wsbridge-closed", "code", G_TYPE_UINT, event.code, "reason",
                             G_TYPE_STRING, event.reason.c_str(), "who", G_TYPE_STRING,
                             event.by == ClosedBy::Endpoint ? "endpoint" : "local", nullptr);
  }
  GstStructure* operator()(const ReconnectingEvent& event) const {
    return gst_structure_new("wsbridge-reconnecting", "attempt", G_TYPE_UINT, event.attempt,
                             "resumption", G_TYPE_UINT, event.resumption, "reason", G_TYPE_STRING,
                             event.reason.c_str(), nullptr);
  }
  GstStructure* operator()(const AttemptFailedEvent& event) const {
    GstStructure* structure = failureStructure(event.failure);
    gst_structure_set_name(structure, "wsbridge-attempt-failed");
    return structure;
  }
  GstStructure* operator()(const SlowedEvent& event) const {
    return gst_structure_new("wsbridge-slowed", "times", G_TYPE_UINT64, event.times, "reason",
                             G_TYPE_STRING, event.messages ? "messages" : "work", nullptr);
  }
  GstStructure* operator()(const Failure& failure) const { return failureStructure(failure); }
  GstStructure* operator()(const DroppedEvent&) const { return nullptr; }
  GstStructure* operator()(const IgnoredEvent&) const { return nullptr; }
  GstStructure* operator()(const MuteEvent&) const { return nullptr; }
};

struct GstErrorCode {
  GQuark domain;
  gint code;
};

/// The one place where kinds of failure become GStreamer's domains.
GstErrorCode errorCodeOf(const Failure& failure) {
  const auto resource = [](gint code) { return GstErrorCode{GST_RESOURCE_ERROR, code}; };
  switch (failure.kind) {
    case FailureKind::Settings:
      return resource(GST_RESOURCE_ERROR_SETTINGS);
    case FailureKind::Resolve:
      return resource(GST_RESOURCE_ERROR_NOT_FOUND);
    case FailureKind::Refused:
    case FailureKind::Timeout:
      return resource(GST_RESOURCE_ERROR_OPEN_READ_WRITE);
    case FailureKind::Tls:
      return resource(GST_RESOURCE_ERROR_NOT_AUTHORIZED);
    case FailureKind::Handshake:
      break;
    case FailureKind::Protocol:
      return {GST_STREAM_ERROR, GST_STREAM_ERROR_DECODE};
    case FailureKind::Closed:
    case FailureKind::Lost:
    case FailureKind::PongTimeout:
      return resource(GST_RESOURCE_ERROR_READ);
  }
  switch (failure.http_status) {
    case 401:
    case 403:
    case 407:
      return resource(GST_RESOURCE_ERROR_NOT_AUTHORIZED);
    case 404:
    case 410:
      return resource(GST_RESOURCE_ERROR_NOT_FOUND);
    default:
      return resource(GST_RESOURCE_ERROR_OPEN_READ_WRITE);
  }
}

void postError(GstElement* element, const Failure& failure, const std::string& uri) {
  const GstErrorCode error = errorCodeOf(failure);
  GstStructure* details = failureStructure(failure);
  gst_structure_set(details, "uri", G_TYPE_STRING, uri.c_str(), nullptr);
  gst_structure_set_name(details, "details");
  const std::string debug = "endpoint " + uri + ", " + nameOf(failure.kind);
  gst_element_message_full_with_details(element, GST_MESSAGE_ERROR, error.domain, error.code,
                                        g_strdup(failure.text.c_str()), g_strdup(debug.c_str()),
                                        __FILE__, G_STRFUNC, __LINE__, details);
}

}  // namespace

void postSessionEvent(GstElement* element, const Session& session, const SessionEvent& event) {
  const std::string uri = session.shownUri();
  if (const auto* dropped = std::get_if<DroppedEvent>(&event)) {
    GST_ELEMENT_WARNING(
        element, RESOURCE, WRITE, ("Audio was dropped: it comes faster than the endpoint reads"),
        ("%" G_GUINT64_FORMAT " frames of 20 ms since the last warning; see max-queue",
         dropped->frames));
    return;
  }
  if (const auto* ignored = std::get_if<IgnoredEvent>(&event)) {
    GST_ELEMENT_WARNING(
        element, STREAM, DECODE, ("The endpoint sent a message that cannot be used"),
        ("%s; ignored, as are others like it (ignored-messages in stats)", ignored->fault.c_str()));
    return;
  }
  GstStructure* structure = std::visit(ToStructure{}, event);
  if (structure == nullptr) return;
  gst_structure_set(structure, "connection", G_TYPE_STRING, session.name().c_str(), "uri",
                    G_TYPE_STRING, uri.c_str(), nullptr);
  gst_element_post_message(element, gst_message_new_element(GST_OBJECT(element), structure));
  if (const auto* failure = std::get_if<Failure>(&event)) postError(element, *failure, uri);
}

GstStructure* statsStructure(const SessionStats& stats) {
  GstStructure* structure = gst_structure_new(
      "wsbridge-stats", "state", G_TYPE_STRING, nameOf(stats.state), "uri", G_TYPE_STRING,
      stats.uri.c_str(), "content-type", G_TYPE_STRING, stats.content_type.c_str(), "rate",
      G_TYPE_INT, stats.rate, "setup-ms", G_TYPE_DOUBLE, stats.setup_ms, "close-code", G_TYPE_UINT,
      stats.close_code, "close-reason", G_TYPE_STRING, stats.close_reason.c_str(), nullptr);
  const auto count = [structure](const char* name, uint64_t value) {
    gst_structure_set(structure, name, G_TYPE_UINT64, value, nullptr);
  };
  count("frames-sent", stats.frames_sent);
  count("bytes-sent", stats.bytes_sent);
  count("frames-dropped", stats.frames_dropped);
  count("frames-muted", stats.frames_muted);
  count("texts-sent", stats.texts_sent);
  count("dtmf-sent", stats.dtmf_sent);
  count("messages-received", stats.messages_received);
  count("bytes-received", stats.bytes_received);
  count("texts-received", stats.texts_received);
  count("frames-played", stats.playout.played);
  count("frames-fallback", stats.playout.fallback);
  count("frames-trimmed", stats.playout.trimmed);
  count("underruns", stats.playout.underruns);
  count("cleared-ms", stats.playout.cleared_ms);
  count("playout-ms", stats.playout_ms);
  count("playout-high-ms", stats.playout_high_ms);
  count("pauses", stats.pauses);
  count("slowdowns", stats.slowdowns);
  count("digits-refused", stats.digits_refused);
  count("pongs-received", stats.pongs_received);
  count("ignored-messages", stats.ignored_messages);
  count("resumptions", stats.resumptions);
  return structure;
}

}  // namespace wsbridge
