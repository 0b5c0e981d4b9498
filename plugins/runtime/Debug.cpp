// SPDX-License-Identifier: LGPL-2.1-or-later
#include "runtime/Debug.hpp"

namespace wsbridge {

namespace {

GstDebugCategory* make(const char* name, const char* description) {
  // GStreamer may be compiled without its log.
  GstDebugCategory* category = nullptr;
  GST_DEBUG_CATEGORY_INIT(category, name, 0, description);
  return category;
}

}  // namespace

GstDebugCategory* sessionDebug() {
  static GstDebugCategory* const made =
      make("wsbridgesession", "Conversations with WebSocket endpoints");
  return made;
}

GstDebugCategory* webSocketDebug() {
  static GstDebugCategory* const made = make("wsbridgewebsocket", "WebSockets");
  return made;
}

GstDebugCategory* connectDebug() {
  static GstDebugCategory* const made =
      make("wsbridgeconnect", "Connecting to WebSocket endpoints");
  return made;
}

GstDebugCategory* rtpDebug() {
  static GstDebugCategory* const made = make("wsbridgertp", "RTP sockets");
  return made;
}

void initDebug() {
  sessionDebug();
  webSocketDebug();
  connectDebug();
  rtpDebug();
}

}  // namespace wsbridge
