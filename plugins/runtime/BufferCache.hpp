// SPDX-License-Identifier: LGPL-2.1-or-later
//
// BufferCache: buffers for one stream that are used again as soon as everybody downstream has let
// them go. It holds a reference to each, so whoever downstream wants to write makes a copy; in turn
// it needs no lock, no descriptor and no work when a buffer comes back, as GstBufferPool does, and
// a stream whose buffers are gone at once uses one over and over. Any one thread at a time.
//
// The streams of a media loop's thread share their buffers, so that the few which are in use at
// once stay in the processor's cache, however many calls there are.
#pragma once

#include <array>
#include <cstddef>

#include <gst/gst.h>

namespace wsbridge {

class BufferCache {
 public:
  /// As long as it lives, all streams of the thread that made it use its buffers, up to kMost
  /// bytes.
  class OfThread {
   public:
    static constexpr size_t kMost = 4096;

    OfThread();
    ~OfThread();
    OfThread(const OfThread&) = delete;
    OfThread& operator=(const OfThread&) = delete;
  };

  BufferCache() = default;
  explicit BufferCache(size_t capacity) : capacity_(capacity) {}
  ~BufferCache() { clear(); }
  BufferCache(const BufferCache&) = delete;
  BufferCache& operator=(const BufferCache&) = delete;

  /// Drops what is kept; buffers downstream live on.
  void reset(size_t capacity);
  void clear();

  /// A writable buffer of one memory, without time stamps and flags, its contents undefined. It
  /// belongs to the cache: fill it, and push a reference. Not to be used after the next take() of
  /// this thread.
  GstBuffer* take(size_t bytes);

 private:
  class Slots {
   public:
    GstBuffer* take(size_t bytes, size_t capacity);
    void clear();

   private:
    static constexpr size_t kKept = 4;

    std::array<GstBuffer*, kKept> kept_{};
    size_t oldest_ = 0;
  };

  static Slots*& slotsOfThread();

  size_t capacity_ = 0;
  Slots own_;
};

}  // namespace wsbridge
