// SPDX-License-Identifier: LGPL-2.1-or-later
//
// closeTls(): closes a stream that may have TLS's own farewell to send. The loop lives until that
// is done; a peer that does not read cannot hold it up, because the socket takes no more at that
// point. Loop thread only.
#pragma once

#include <memory>

#include <gio/gio.h>

#include "runtime/MediaLoop.hpp"

namespace wsbridge {

inline void closeTls(GIOStream* stream, const std::shared_ptr<MediaLoop>& loop) {
  if (G_IS_TLS_CONNECTION(stream)) {
    GIOStream* base = nullptr;
    g_object_get(stream, "base-io-stream", &base, nullptr);
    if (G_IS_SOCKET_CONNECTION(base)) {
      // A peer that does not read gets a second for the farewell.
      GSocket* socket = g_socket_connection_get_socket(G_SOCKET_CONNECTION(base));
      g_socket_set_timeout(socket, 1);
    }
    if (base != nullptr) g_object_unref(base);
  }
  const auto done = [](GObject* object, GAsyncResult* result, gpointer data) {
    const std::unique_ptr<std::shared_ptr<MediaLoop>> held(
        static_cast<std::shared_ptr<MediaLoop>*>(data));
    g_io_stream_close_finish(G_IO_STREAM(object), result, nullptr);
  };
  g_io_stream_close_async(stream, G_PRIORITY_DEFAULT, nullptr, done,
                          new std::shared_ptr<MediaLoop>(loop));
}

}  // namespace wsbridge
