// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gst/gst.h>

#include "bridge/wsbridgesink.hpp"
#include "bridge/wsbridgesrc.hpp"
#include "jitter/wsbridgejitterbuffer.hpp"
#include "rtpcodec/wsbridgertpdec.hpp"
#include "rtpcodec/wsbridgertpenc.hpp"
#include "rtpio/wsbridgertpsink.hpp"
#include "rtpio/wsbridgertpsrc.hpp"
#include "runtime/Debug.hpp"
#include "wsbridge-config.h"

static gboolean pluginInit(GstPlugin* plugin) {
  wsbridge::initDebug();
  return gst_element_register(plugin, "wsbridgertpdec", GST_RANK_NONE, WSBRIDGE_TYPE_RTP_DEC) &&
         gst_element_register(plugin, "wsbridgesink", GST_RANK_NONE, WSBRIDGE_TYPE_SINK) &&
         gst_element_register(plugin, "wsbridgesrc", GST_RANK_NONE, WSBRIDGE_TYPE_SRC) &&
         gst_element_register(plugin, "wsbridgertpsrc", GST_RANK_NONE, WSBRIDGE_TYPE_RTP_SRC) &&
         gst_element_register(plugin, "wsbridgertpenc", GST_RANK_NONE, WSBRIDGE_TYPE_RTP_ENC) &&
         gst_element_register(plugin, "wsbridgertpsink", GST_RANK_NONE, WSBRIDGE_TYPE_RTP_SINK) &&
         gst_element_register(plugin, "wsbridgejitterbuffer", GST_RANK_NONE,
                              WSBRIDGE_TYPE_JITTER_BUFFER);
}

#define PACKAGE WSBRIDGE_PACKAGE

GST_PLUGIN_DEFINE(GST_VERSION_MAJOR, GST_VERSION_MINOR, wsbridge,
                  "Puts a phone call on a WebSocket", pluginInit, WSBRIDGE_VERSION, "LGPL",
                  WSBRIDGE_PACKAGE, WSBRIDGE_ORIGIN)
