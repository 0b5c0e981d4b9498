// SPDX-License-Identifier: LGPL-2.1-or-later
#include <set>

#include <gtest/gtest.h>

#include "runtime/BufferCache.hpp"

namespace wsbridge {
namespace {

class BufferCacheTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { gst_init(nullptr, nullptr); }
  BufferCache cache_{640};
};

TEST_F(BufferCacheTest, WhatIsLetGoIsUsedAgainAndBlank) {
  GstBuffer* first = gst_buffer_ref(cache_.take(640));
  GST_BUFFER_PTS(first) = 5;
  GST_BUFFER_DURATION(first) = 6;
  GST_BUFFER_FLAG_SET(first, GST_BUFFER_FLAG_DISCONT);
  const GstStaticCaps any = GST_STATIC_CAPS_ANY;
  gst_buffer_unref(first);
  GstCaps* reference = gst_static_caps_get(const_cast<GstStaticCaps*>(&any));
  gst_buffer_add_reference_timestamp_meta(first, reference, 1, 2);
  gst_caps_unref(reference);
  GstBuffer* again = cache_.take(640);
  EXPECT_EQ(again, first);
  EXPECT_FALSE(GST_BUFFER_PTS_IS_VALID(again));
  EXPECT_FALSE(GST_BUFFER_DURATION_IS_VALID(again));
  EXPECT_FALSE(GST_BUFFER_IS_DISCONT(again));
  EXPECT_EQ(gst_buffer_get_reference_timestamp_meta(again, nullptr), nullptr);
  EXPECT_TRUE(gst_buffer_is_writable(again));
}

TEST_F(BufferCacheTest, WhatIsHeldIsNotTouched) {
  std::set<GstBuffer*> held;
  for (uint8_t i = 0; i < 20; ++i) {
    GstBuffer* buffer = cache_.take(640);
    EXPECT_EQ(gst_buffer_memset(buffer, 0, i, 640), 640U);
    EXPECT_TRUE(held.insert(gst_buffer_ref(buffer)).second) << int{i};
  }
  for (GstBuffer* buffer : held)
    gst_buffer_unref(buffer);
}

TEST_F(BufferCacheTest, NeitherIsMemoryThatAnotherBufferShares) {
  GstBuffer* first = cache_.take(640);
  GstBuffer* part = gst_buffer_copy_region(first, GST_BUFFER_COPY_MEMORY, 100, 50);
  EXPECT_NE(cache_.take(640), first);
  gst_buffer_unref(part);
  EXPECT_EQ(cache_.take(640), first);
}

TEST_F(BufferCacheTest, SizesChange) {
  EXPECT_EQ(gst_buffer_get_size(cache_.take(100)), 100U);
  EXPECT_EQ(gst_buffer_get_size(cache_.take(640)), 640U);
  EXPECT_EQ(gst_buffer_get_size(cache_.take(5000)), 5000U);
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(gst_buffer_get_size(cache_.take(i % 2 == 0 ? 320 : 2000)), i % 2 == 0 ? 320U : 2000U);
}

TEST_F(BufferCacheTest, TheStreamsOfAThreadShareTheirsUpToALimit) {
  BufferCache other(100);
  const size_t large = BufferCache::OfThread::kMost + 1;
  GstBuffer* held = nullptr;
  {
    const BufferCache::OfThread of_thread;
    GstBuffer* first = cache_.take(640);
    EXPECT_EQ(other.take(100), first);
    EXPECT_EQ(gst_buffer_get_size(first), 100U);
    held = gst_buffer_ref(cache_.take(640));
    EXPECT_NE(other.take(640), held) << "somebody still reads it";
    EXPECT_NE(cache_.take(large), other.take(large));
  }
  EXPECT_EQ(GST_MINI_OBJECT_REFCOUNT_VALUE(held), 1);
  gst_buffer_unref(held);
  EXPECT_NE(cache_.take(640), other.take(100)) << "each has its own again";
}

TEST_F(BufferCacheTest, WhatIsDownstreamOutlivesTheCache) {
  GstBuffer* held = nullptr;
  {
    BufferCache other(100);
    held = gst_buffer_ref(other.take(100));
  }
  EXPECT_EQ(GST_MINI_OBJECT_REFCOUNT_VALUE(held), 1);
  gst_buffer_unref(held);
}

}  // namespace
}  // namespace wsbridge
