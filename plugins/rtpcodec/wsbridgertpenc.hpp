// SPDX-License-Identifier: LGPL-2.1-or-later
//
// wsbridgertpenc: raw audio to RTP packets in one step. See docs/elements.md.
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

#define WSBRIDGE_TYPE_RTP_ENC (wsbridge_rtp_enc_get_type())
G_DECLARE_FINAL_TYPE(WsBridgeRtpEnc, wsbridge_rtp_enc, WSBRIDGE, RTP_ENC, GstElement)

G_END_DECLS
