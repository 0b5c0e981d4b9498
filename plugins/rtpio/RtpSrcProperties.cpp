// SPDX-License-Identifier: LGPL-2.1-or-later
#include "rtpio/RtpSrcProperties.hpp"

#include "runtime/ContextProperties.hpp"

namespace wsbridge {

namespace {

constexpr guint kMaxPort = 65535;
constexpr auto kReady =
    static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY);
constexpr auto kPlaying = static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                   GST_PARAM_MUTABLE_PLAYING);

std::string textOf(const GValue* value) {
  const char* text = g_value_get_string(value);
  return text != nullptr ? text : "";
}

GObjectPtr<GSocket> socketOf(const GValue* value) {
  return GObjectPtr<GSocket>(static_cast<GSocket*>(g_value_dup_object(value)));
}

void installSockets(GObjectClass* klass) {
  g_object_class_install_property(
      klass, kPropTransport,
      g_param_spec_string("transport", "Transport",
                          "Name shared with the wsbridgertpsink that sends from the same sockets",
                          nullptr, kReady));
  g_object_class_install_property(
      klass, kPropSocket,
      g_param_spec_object("socket", "Socket",
                          "Bound UDP socket for RTP; without it address and port are bound",
                          G_TYPE_SOCKET, kReady));
  g_object_class_install_property(
      klass, kPropRtcpSocket,
      g_param_spec_object("rtcp-socket", "RTCP socket",
                          "Bound UDP socket for RTCP; without it the next port is bound when the "
                          "pad rtcp_src is there",
                          G_TYPE_SOCKET, kReady));
  g_object_class_install_property(
      klass, kPropAddress,
      g_param_spec_string("address", "Address", "IP address to bind", "0.0.0.0", kReady));
  g_object_class_install_property(
      klass, kPropPort,
      g_param_spec_uint("port", "Port", "UDP port to bind, 0 for any; reads as the bound one", 0,
                        kMaxPort, 0, kReady));
  g_object_class_install_property(
      klass, kPropRtcpMux,
      g_param_spec_boolean("rtcp-mux", "RTCP mux", "RTCP comes and goes on the RTP port, RFC 5761",
                           FALSE, kReady));
  g_object_class_install_property(
      klass, kPropReports,
      g_param_spec_boolean("reports", "Reports",
                           "RTCP reports are sent and taken here, RFC 3550, without rtpsession; "
                           "needs clock-rate in caps",
                           FALSE, kReady));
  g_object_class_install_property(
      klass, kPropCaps,
      g_param_spec_boxed("caps", "Caps", "Format of the RTP packets", GST_TYPE_CAPS, kReady));
  g_object_class_install_property(
      klass, kPropPayloadTypes,
      g_param_spec_string("payload-types", "Payload types",
                          "Payload types that are taken, such as 0,101; empty for all", nullptr,
                          kPlaying));
}

void installSource(GObjectClass* klass) {
  g_object_class_install_property(
      klass, kPropRemoteAddress,
      g_param_spec_string("remote-address", "Remote address",
                          "IP address that the other side announced", nullptr, kPlaying));
  g_object_class_install_property(
      klass, kPropRemotePort,
      g_param_spec_uint("remote-port", "Remote port", "RTP port that the other side announced", 0,
                        kMaxPort, 0, kPlaying));
  g_object_class_install_property(
      klass, kPropRemoteRtcpPort,
      g_param_spec_uint("remote-rtcp-port", "Remote RTCP port",
                        "RTCP port that the other side announced; 0: the next one, or the same "
                        "with rtcp-mux",
                        0, kMaxPort, 0, kPlaying));
  g_object_class_install_property(
      klass, kPropSignallingAddress,
      g_param_spec_string(
          "signalling-address", "Signalling address",
          "IP address that the signalling of the call comes from: its packets latch "
          "at once",
          nullptr, kPlaying));
  g_object_class_install_property(
      klass, kPropAimAtAnnounced,
      g_param_spec_boolean("aim-at-announced", "Aim at announced",
                           "Send to the remote address before a packet has come", TRUE, kPlaying));
  g_object_class_install_property(
      klass, kPropAwaitSource,
      g_param_spec_boolean("await-source", "Await source",
                           "Send nothing before a packet has come from the remote address", FALSE,
                           kPlaying));
  g_object_class_install_property(
      klass, kPropLatch,
      g_param_spec_boolean("latch", "Latch",
                           "Take packets of one source only, and send there, RFC 4961", TRUE,
                           kPlaying));
  g_object_class_install_property(
      klass, kPropOpen,
      g_param_spec_boolean("open", "Open", "While false, packets are read and dropped", TRUE,
                           kPlaying));
}

void installContext(GObjectClass* klass) {
  installContextProperties(klass, kPropContext, kPropContextWait,
                           "Name of the media loop to share (default: a private one)", kReady);
}

}  // namespace

void installRtpSrcProperties(GObjectClass* klass) {
  installSockets(klass);
  installSource(klass);
  installContext(klass);
}

bool setRtpSrcProperty(RtpSrcSettings& s, guint id, const GValue* value) {
  switch (id) {
    case kPropTransport:
      s.transport = textOf(value);
      return true;
    case kPropSocket:
      s.socket = socketOf(value);
      return true;
    case kPropRtcpSocket:
      s.rtcp_socket = socketOf(value);
      return true;
    case kPropAddress:
      s.address = textOf(value);
      return true;
    case kPropPort:
      s.port = g_value_get_uint(value);
      return true;
    case kPropRtcpMux:
      s.rtcp_mux = g_value_get_boolean(value) != FALSE;
      return true;
    case kPropReports:
      s.reports = g_value_get_boolean(value) != FALSE;
      return true;
    case kPropCaps:
      gst_caps_replace(&s.caps, const_cast<GstCaps*>(gst_value_get_caps(value)));
      return true;
    case kPropPayloadTypes:
      s.payload_types = textOf(value);
      return true;
    case kPropRemoteAddress:
      s.remote_address = textOf(value);
      return true;
    case kPropRemotePort:
      s.remote_port = g_value_get_uint(value);
      return true;
    case kPropRemoteRtcpPort:
      s.remote_rtcp_port = g_value_get_uint(value);
      return true;
    case kPropSignallingAddress:
      s.signalling_address = textOf(value);
      return true;
    case kPropAimAtAnnounced:
      s.aim_at_announced = g_value_get_boolean(value) != FALSE;
      return true;
    case kPropAwaitSource:
      s.await_source = g_value_get_boolean(value) != FALSE;
      return true;
    case kPropLatch:
      s.latch = g_value_get_boolean(value) != FALSE;
      return true;
    case kPropOpen:
      s.open = g_value_get_boolean(value) != FALSE;
      return true;
    case kPropContext:
      s.context = textOf(value);
      return true;
    case kPropContextWait:
      s.context_wait_ms = g_value_get_uint(value);
      return true;
    default:
      return false;
  }
}

bool getRtpSrcProperty(const RtpSrcSettings& s, guint id, GValue* value) {
  switch (id) {
    case kPropTransport:
      g_value_set_string(value, s.transport.c_str());
      return true;
    case kPropSocket:
      g_value_set_object(value, s.socket.get());
      return true;
    case kPropRtcpSocket:
      g_value_set_object(value, s.rtcp_socket.get());
      return true;
    case kPropAddress:
      g_value_set_string(value, s.address.c_str());
      return true;
    case kPropPort:
      g_value_set_uint(value, s.port);
      return true;
    case kPropRtcpMux:
      g_value_set_boolean(value, static_cast<gboolean>(s.rtcp_mux));
      return true;
    case kPropReports:
      g_value_set_boolean(value, static_cast<gboolean>(s.reports));
      return true;
    case kPropCaps:
      gst_value_set_caps(value, s.caps);
      return true;
    case kPropPayloadTypes:
      g_value_set_string(value, s.payload_types.c_str());
      return true;
    case kPropRemoteAddress:
      g_value_set_string(value, s.remote_address.c_str());
      return true;
    case kPropRemotePort:
      g_value_set_uint(value, s.remote_port);
      return true;
    case kPropRemoteRtcpPort:
      g_value_set_uint(value, s.remote_rtcp_port);
      return true;
    case kPropSignallingAddress:
      g_value_set_string(value, s.signalling_address.c_str());
      return true;
    case kPropAimAtAnnounced:
      g_value_set_boolean(value, static_cast<gboolean>(s.aim_at_announced));
      return true;
    case kPropAwaitSource:
      g_value_set_boolean(value, static_cast<gboolean>(s.await_source));
      return true;
    case kPropLatch:
      g_value_set_boolean(value, static_cast<gboolean>(s.latch));
      return true;
    case kPropOpen:
      g_value_set_boolean(value, static_cast<gboolean>(s.open));
      return true;
    case kPropContext:
      g_value_set_string(value, s.context.c_str());
      return true;
    case kPropContextWait:
      g_value_set_uint(value, s.context_wait_ms);
      return true;
    default:
      return false;
  }
}

}  // namespace wsbridge
