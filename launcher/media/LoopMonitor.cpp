// SPDX-License-Identifier: LGPL-2.1-or-later
#include "media/LoopMonitor.hpp"

namespace launcher {

namespace {

LoopLoad loadOf(GstElement* holder) {
  GstStructure* stats = nullptr;
  g_object_get(holder, "stats", &stats, nullptr);
  const StructurePtr owned(stats);
  LoopLoad load;
  if (!stats) return load;
  gst_structure_get_double(stats, "loop-busy", &load.busy);
  guint64 delay = 0;
  gst_structure_get_uint64(stats, "loop-delay", &delay);
  load.delayNs = delay;
  return load;
}

}  // namespace

LoopMonitor::~LoopMonitor() {
  for (const auto& holder : holders_)
    gst_element_set_state(holder.get(), GST_STATE_NULL);
}

std::string LoopMonitor::start(std::size_t loops, int waitMs) {
  for (std::size_t i = 0; i < loops; ++i) {
    GstElement* made = gst_element_factory_make("wsbridgertpsrc", nullptr);
    if (!made) return "GStreamer has no element wsbridgertpsrc";
    GstPtr<GstElement> holder(GST_ELEMENT(gst_object_ref_sink(made)));
    g_object_set(holder.get(), "context", LoopTable::name(i).c_str(), "context-wait",
                 static_cast<guint>(waitMs), nullptr);
    if (gst_element_set_state(holder.get(), GST_STATE_READY) == GST_STATE_CHANGE_FAILURE) {
      gst_element_set_state(holder.get(), GST_STATE_NULL);
      return "media loop " + LoopTable::name(i) + " does not start";
    }
    holders_.push_back(std::move(holder));
  }
  return {};
}

std::vector<LoopLoad> LoopMonitor::read() const {
  std::vector<LoopLoad> loads;
  loads.reserve(holders_.size());
  for (const auto& holder : holders_)
    loads.push_back(loadOf(holder.get()));
  return loads;
}

}  // namespace launcher
