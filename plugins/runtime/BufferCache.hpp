// SPDX-License-Identifier: LGPL-2.1-or-later
//
// BufferCache: buffers for one stream that are used again as soon as everybody downstream has let
// them go. It holds a reference to each, so whoever downstream wants to write makes a copy; in turn
// it needs no lock, no descriptor and no work when a buffer comes back, as GstBufferPool does, and
// a stream whose buffers are gone at once uses one over and over. Any one thread at a time.
#pragma once

#include <array>
#include <cstddef>

#include <gst/gst.h>

namespace wsbridge {

class BufferCache {
 public:
  BufferCache() = default;
  explicit BufferCache(size_t capacity) : capacity_(capacity) {}
  ~BufferCache() { clear(); }
  BufferCache(const BufferCache&) = delete;
  BufferCache& operator=(const BufferCache&) = delete;

  /// Drops what is kept; buffers downstream live on.
  void reset(size_t capacity);
  void clear();

  /// A writable buffer of one memory, without time stamps and flags, its contents undefined. It
  /// belongs to the cache: fill it, and push a reference. Not to be used after the next take().
  GstBuffer* take(size_t bytes);

 private:
  static constexpr size_t kKept = 4;

  size_t capacity_ = 0;
  std::array<GstBuffer*, kKept> kept_{};
  size_t oldest_ = 0;
};

}  // namespace wsbridge
