// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The properties of wsbridgertpsrc but its statistics: values in and out of an RtpSrcSettings. The
// caller holds its lock.
#pragma once

#include <string>

#include <gst/gst.h>

#include "runtime/GlibPtr.hpp"

namespace wsbridge {

enum RtpSrcProperty : guint {
  kPropTransport = 1,
  kPropSocket,
  kPropRtcpSocket,
  kPropAddress,
  kPropPort,
  kPropRtcpMux,
  kPropReports,
  kPropCaps,
  kPropPayloadTypes,
  kPropRemoteAddress,
  kPropRemotePort,
  kPropRemoteRtcpPort,
  kPropSignallingAddress,
  kPropAimAtAnnounced,
  kPropAwaitSource,
  kPropLatch,
  kPropOpen,
  kPropContext,
  kPropContextWait,
  kPropStats,
};

struct RtpSrcSettings {
  std::string transport;
  GObjectPtr<GSocket> socket;
  GObjectPtr<GSocket> rtcp_socket;
  std::string address = "0.0.0.0";
  guint port = 0;
  bool rtcp_mux = false;
  bool reports = false;
  GstCaps* caps = nullptr;  // owned
  std::string payload_types;
  std::string remote_address;
  guint remote_port = 0;
  guint remote_rtcp_port = 0;
  std::string signalling_address;
  bool aim_at_announced = true;
  bool await_source = false;
  bool latch = true;
  bool open = true;
  std::string context;
  guint context_wait_ms = 0;
};

void installRtpSrcProperties(GObjectClass* klass);
/// False: not one of these.
bool setRtpSrcProperty(RtpSrcSettings& settings, guint id, const GValue* value);
bool getRtpSrcProperty(const RtpSrcSettings& settings, guint id, GValue* value);

}  // namespace wsbridge
