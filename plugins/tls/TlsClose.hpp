// SPDX-License-Identifier: LGPL-2.1-or-later
//
// closeTls(): closes a stream that may have TLS's own farewell to send; what the socket does not
// take at that point is left out. The loop lives until that is done. Loop thread only.
#pragma once

#include <memory>

#include <gio/gio.h>

#include "runtime/MediaLoop.hpp"

namespace wsbridge {

inline void closeTls(GIOStream* stream, const std::shared_ptr<MediaLoop>& loop) {
  const auto done = [](GObject* object, GAsyncResult* result, gpointer data) {
    const std::unique_ptr<std::shared_ptr<MediaLoop>> held(
        static_cast<std::shared_ptr<MediaLoop>*>(data));
    g_io_stream_close_finish(G_IO_STREAM(object), result, nullptr);
  };
  g_io_stream_close_async(stream, G_PRIORITY_DEFAULT, nullptr, done,
                          new std::shared_ptr<MediaLoop>(loop));
}

}  // namespace wsbridge
