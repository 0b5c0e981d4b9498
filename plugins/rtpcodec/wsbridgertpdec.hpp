// SPDX-License-Identifier: LGPL-2.1-or-later
//
// wsbridgertpdec: RTP audio of telephony to samples at the rate that downstream takes. See
// docs/elements.md.
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

#define WSBRIDGE_TYPE_RTP_DEC (wsbridge_rtp_dec_get_type())
G_DECLARE_FINAL_TYPE(WsBridgeRtpDec, wsbridge_rtp_dec, WSBRIDGE, RTP_DEC, GstElement)

G_END_DECLS
