// SPDX-License-Identifier: LGPL-2.1-or-later
//
// wsbridgesrc: plays what a WebSocket endpoint sends, 20 ms per buffer. See docs/elements.md.
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

#define WSBRIDGE_TYPE_SRC (wsbridge_src_get_type())
G_DECLARE_FINAL_TYPE(WsBridgeSrc, wsbridge_src, WSBRIDGE, SRC, GstElement)

G_END_DECLS
