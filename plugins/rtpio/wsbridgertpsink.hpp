// SPDX-License-Identifier: LGPL-2.1-or-later
//
// wsbridgertpsink: sends RTP and RTCP from the sockets of a wsbridgertpsrc. See docs/elements.md.
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

#define WSBRIDGE_TYPE_RTP_SINK (wsbridge_rtp_sink_get_type())
G_DECLARE_FINAL_TYPE(WsBridgeRtpSink, wsbridge_rtp_sink, WSBRIDGE, RTP_SINK, GstElement)

G_END_DECLS
