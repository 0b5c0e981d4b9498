// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The categories of the rooms below the elements, for GST_DEBUG=wsbridge*:5. Each line of theirs
// begins with the name of the connection. States are INFO, what was negotiated is DEBUG, texts and
// what is dropped are LOG, single packets TRACE, failures WARNING. Any thread.
#pragma once

#include <gst/gst.h>

namespace wsbridge {

GstDebugCategory* sessionDebug();
GstDebugCategory* webSocketDebug();
GstDebugCategory* connectDebug();
GstDebugCategory* rtpDebug();

/// Makes all of them, so that --gst-debug-help lists them.
void initDebug();

}  // namespace wsbridge
