// SPDX-License-Identifier: LGPL-2.1-or-later
//
// wsbridgertpsrc: receives RTP and RTCP on sockets that a media loop owns. See docs/elements.md.
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

#define WSBRIDGE_TYPE_RTP_SRC (wsbridge_rtp_src_get_type())
G_DECLARE_FINAL_TYPE(WsBridgeRtpSrc, wsbridge_rtp_src, WSBRIDGE, RTP_SRC, GstElement)

G_END_DECLS
