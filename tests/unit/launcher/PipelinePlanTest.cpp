// SPDX-License-Identifier: LGPL-2.1-or-later
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "media/PipelinePlan.hpp"

namespace launcher {

namespace {

GstPtr<GstElement> parsed(const std::string& text) {
  GError* error = nullptr;
  GstElement* element = gst_parse_launch(text.c_str(), &error);
  EXPECT_EQ(error, nullptr) << error->message;
  return GstPtr<GstElement>(GST_ELEMENT(gst_object_ref_sink(element)));
}

std::shared_ptr<const PipelinePlan> planned(const std::string& text) {
  return PipelinePlan::make(GST_BIN(parsed(text).get()), text);
}

GstPtr<GstElement> named(const GstPtr<GstElement>& bin, const char* name) {
  return GstPtr<GstElement>(gst_bin_get_by_name(GST_BIN(bin.get()), name));
}

GstPtr<GstElement> ofType(const GstPtr<GstElement>& bin, const char* factory) {
  for (const GList* item = GST_BIN(bin.get())->children; item; item = item->next) {
    auto* element = GST_ELEMENT(item->data);
    if (std::string(GST_OBJECT_NAME(gst_element_get_factory(element))) == factory) {
      return GstPtr<GstElement>(GST_ELEMENT(gst_object_ref(element)));
    }
  }
  return nullptr;
}

/// Elements and links as text, whatever their order.
std::set<std::string> shape(const GstPtr<GstElement>& bin) {
  std::set<std::string> lines;
  for (const GList* item = GST_BIN(bin.get())->children; item; item = item->next) {
    auto* element = GST_ELEMENT(item->data);
    const std::string type = GST_OBJECT_NAME(gst_element_get_factory(element));
    lines.insert(type + " " + GST_OBJECT_NAME(element));
    for (const GList* pads = element->srcpads; pads; pads = pads->next) {
      const GstPtr<GstPad> peer(gst_pad_get_peer(GST_PAD(pads->data)));
      if (!peer) continue;
      lines.insert(std::string(GST_OBJECT_NAME(element)) + "." + GST_OBJECT_NAME(pads->data) +
                   " -> " + GST_OBJECT_NAME(GST_OBJECT_PARENT(peer.get())) + "." +
                   GST_OBJECT_NAME(peer.get()));
    }
  }
  return lines;
}

}  // namespace

TEST(PipelinePlan, MakesTheSamePipelineAgain) {
  const std::string text =
      "fakesrc name=in num_buffers = 7 ! identity ! audio/x-raw,rate=8000 ! identity name=last "
      "silent=false ! fakesink name=out fakesrc ! fakesink name=other sync=true";
  const auto original = parsed(text);
  const auto plan = PipelinePlan::make(GST_BIN(original.get()), text);
  ASSERT_TRUE(plan);
  for (const bool asBin : {false, true}) {
    const auto copy = plan->build(asBin);
    ASSERT_TRUE(copy);
    EXPECT_EQ(GST_IS_PIPELINE(copy.get()), !asBin);
    EXPECT_EQ(shape(copy), shape(original));
    gint buffers = 0;
    g_object_get(named(copy, "in").get(), "num-buffers", &buffers, nullptr);
    EXPECT_EQ(buffers, 7);
    gboolean value = TRUE;
    g_object_get(named(copy, "last").get(), "silent", &value, nullptr);
    EXPECT_FALSE(value);
    g_object_get(named(copy, "other").get(), "sync", &value, nullptr);
    EXPECT_TRUE(value);
    g_object_get(named(copy, "out").get(), "sync", &value, nullptr);
    EXPECT_FALSE(value) << "another element's property";
    GstCaps* caps = nullptr;
    g_object_get(ofType(copy, "capsfilter").get(), "caps", &caps, nullptr);
    const CapsPtr owned(caps);
    const CapsPtr expected(gst_caps_from_string("audio/x-raw,rate=8000"));
    EXPECT_TRUE(caps && gst_caps_is_equal(caps, expected.get()));
  }
}

TEST(PipelinePlan, WhatAnElementDrawsForItselfIsNotCopied) {
  const std::string text = "rtpsession name=rtpsession probation=3 fakesink";
  const auto plan = planned(text);
  ASSERT_TRUE(plan);
  std::set<std::string> names;
  for (int i = 0; i < 3; ++i) {
    const auto copy = plan->build(false);
    GstStructure* description = nullptr;
    guint probation = 0;
    g_object_get(named(copy, "rtpsession").get(), "sdes", &description, "probation", &probation,
                 nullptr);
    const StructurePtr owned(description);
    EXPECT_EQ(probation, 3u);
    names.insert(gst_structure_get_string(description, "cname"));
  }
  EXPECT_EQ(names.size(), 3u) << "each call has a CNAME of its own";
}

TEST(PipelinePlan, WhatItCannotHoldIsLeftToTheParser) {
  EXPECT_FALSE(planned("( fakesrc ! fakesink ) fakesrc ! fakesink")) << "a bin in the bin";
  EXPECT_FALSE(planned("fakesrc ! tee name=t t. ! fakesink t. ! fakesink")) << "pads on request";
  EXPECT_FALSE(planned("rtpptdemux name=d d. ! fakesink")) << "a link that comes about later";
}

}  // namespace launcher
