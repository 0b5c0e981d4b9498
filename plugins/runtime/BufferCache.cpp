// SPDX-License-Identifier: LGPL-2.1-or-later
#include "runtime/BufferCache.hpp"

#include <algorithm>
#include <utility>

namespace wsbridge {

namespace {

/// Whoever still reads the memory, through a buffer of its own or a part of it, has a reference to
/// it.
bool isFree(GstBuffer* buffer) {
  return GST_MINI_OBJECT_REFCOUNT_VALUE(buffer) == 1 &&
         GST_MINI_OBJECT_REFCOUNT_VALUE(gst_buffer_peek_memory(buffer, 0)) == 1;
}

gboolean dropMeta(GstBuffer*, GstMeta** meta, gpointer) noexcept {
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

BufferCache::Slots*& BufferCache::slotsOfThread() {
  static thread_local Slots* slots = nullptr;
  return slots;
}

BufferCache::OfThread::OfThread() {
  slotsOfThread() = new Slots;
}

BufferCache::OfThread::~OfThread() {
  Slots* slots = std::exchange(slotsOfThread(), nullptr);
  slots->clear();
  delete slots;
}

void BufferCache::reset(size_t capacity) {
  clear();
  capacity_ = capacity;
}

void BufferCache::clear() {
  own_.clear();
}

GstBuffer* BufferCache::take(size_t bytes) {
  Slots* shared = slotsOfThread();
  if (shared != nullptr && bytes <= OfThread::kMost) return shared->take(bytes, OfThread::kMost);
  return own_.take(bytes, capacity_);
}

void BufferCache::Slots::clear() {
  for (GstBuffer*& buffer : kept_) {
    if (buffer != nullptr) gst_buffer_unref(std::exchange(buffer, nullptr));
  }
}

GstBuffer* BufferCache::Slots::take(size_t bytes, size_t capacity) {
  const bool fits = bytes <= capacity;
  // The first one that is free, so that its memory is likely to be in the processor's cache still.
  const auto found = std::ranges::find_if(
      kept_, [fits](GstBuffer* buffer) { return buffer == nullptr || (fits && isFree(buffer)); });
  GstBuffer*& slot = found != kept_.end() ? *found : kept_[oldest_++ % kKept];
  if (found == kept_.end()) gst_buffer_unref(std::exchange(slot, nullptr));
  if (slot == nullptr) {
    slot = gst_buffer_new_allocate(nullptr, std::max(bytes, capacity), nullptr);
  } else {
    makeBlank(slot);
  }
  GstMemory* memory = gst_buffer_peek_memory(slot, 0);
  if (memory->size != bytes) gst_memory_resize(memory, -static_cast<gssize>(memory->offset), bytes);
  return slot;
}

}  // namespace wsbridge
