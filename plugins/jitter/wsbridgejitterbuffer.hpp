// SPDX-License-Identifier: LGPL-2.1-or-later
//
// wsbridgejitterbuffer: puts RTP packets in order without delaying those that are. See
// docs/elements.md.
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

#define WSBRIDGE_TYPE_JITTER_BUFFER (wsbridge_jitter_buffer_get_type())
G_DECLARE_FINAL_TYPE(WsBridgeJitterBuffer, wsbridge_jitter_buffer, WSBRIDGE, JITTER_BUFFER,
                     GstElement)

G_END_DECLS
