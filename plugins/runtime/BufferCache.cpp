// SPDX-License-Identifier: LGPL-2.1-or-later
#include "runtime/BufferCache.hpp"

#include <algorithm>
#include <utility>

namespace wsbridge {

namespace {

bool isFree(GstBuffer* buffer) {
  return GST_MINI_OBJECT_REFCOUNT_VALUE(buffer) == 1 &&
         GST_MINI_OBJECT_REFCOUNT_VALUE(gst_buffer_peek_memory(buffer, 0)) == 1 &&
         gst_buffer_is_all_memory_writable(buffer) != FALSE;
}

gboolean dropMeta(GstBuffer*, GstMeta** meta, gpointer) {
  *meta = nullptr;
  return TRUE;
}

void makeBlank(GstBuffer* buffer) {
  GST_BUFFER_FLAGS(buffer) = 0;
  GST_BUFFER_PTS(buffer) = GST_CLOCK_TIME_NONE;
  GST_BUFFER_DTS(buffer) = GST_CLOCK_TIME_NONE;
  GST_BUFFER_DURATION(buffer) = GST_CLOCK_TIME_NONE;
  GST_BUFFER_OFFSET(buffer) = GST_BUFFER_OFFSET_NONE;
  GST_BUFFER_OFFSET_END(buffer) = GST_BUFFER_OFFSET_NONE;
  gst_buffer_foreach_meta(buffer, dropMeta, nullptr);
}

}  // namespace

void BufferCache::reset(size_t capacity) {
  clear();
  capacity_ = capacity;
}

void BufferCache::clear() {
  for (GstBuffer*& buffer : kept_) {
    if (buffer != nullptr) gst_buffer_unref(std::exchange(buffer, nullptr));
  }
}

GstBuffer* BufferCache::take(size_t bytes) {
  const bool fits = bytes <= capacity_;
  // The first one that is free, so that its memory is likely to be in the processor's cache still.
  const auto found = std::ranges::find_if(
      kept_, [fits](GstBuffer* buffer) { return buffer == nullptr || (fits && isFree(buffer)); });
  GstBuffer*& slot = found != kept_.end() ? *found : kept_[oldest_++ % kKept];
  if (found == kept_.end()) gst_buffer_unref(std::exchange(slot, nullptr));
  if (slot == nullptr) {
    slot = gst_buffer_new_allocate(nullptr, std::max(bytes, capacity_), nullptr);
  } else {
    makeBlank(slot);
  }
  GstMemory* memory = gst_buffer_peek_memory(slot, 0);
  if (memory->size != bytes) gst_memory_resize(memory, -static_cast<gssize>(memory->offset), bytes);
  return slot;
}

}  // namespace wsbridge
