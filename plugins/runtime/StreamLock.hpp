// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Holds a pad's stream lock for as long as it lives: deactivating the pad waits for that.
#pragma once

#include <gst/gst.h>

namespace wsbridge {

class StreamLock {
 public:
  explicit StreamLock(GstPad* pad) : pad_(pad) { GST_PAD_STREAM_LOCK(pad_); }
  ~StreamLock() { GST_PAD_STREAM_UNLOCK(pad_); }
  StreamLock(const StreamLock&) = delete;
  StreamLock& operator=(const StreamLock&) = delete;

 private:
  GstPad* pad_;
};

}  // namespace wsbridge
