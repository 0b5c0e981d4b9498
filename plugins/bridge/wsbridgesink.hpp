// SPDX-License-Identifier: LGPL-2.1-or-later
//
// wsbridgesink: sends linear PCM to a WebSocket endpoint, 20 ms per message. See docs/elements.md.
#pragma once

#include <gst/base/gstbasesink.h>

G_BEGIN_DECLS

#define WSBRIDGE_TYPE_SINK (wsbridge_sink_get_type())
G_DECLARE_FINAL_TYPE(WsBridgeSink, wsbridge_sink, WSBRIDGE, SINK, GstBaseSink)

G_END_DECLS
