// SPDX-License-Identifier: LGPL-2.1-or-later
#include "media/LoopMonitor.hpp"

#include <utility>

#include "log/Log.hpp"

namespace launcher {

namespace {

constexpr int kSamplesPerSecond = 1000 / LoopTable::kSampleMs;

struct LoopStats {
  LoopLoad load;
  std::uint64_t missed = 0;
  std::uint64_t missedOwn = 0;
  double worstDelayMs = 0;
  double worstOwnDelayMs = 0;
};

LoopStats statsOf(GstElement* holder) {
  GstStructure* stats = nullptr;
  g_object_get(holder, "stats", &stats, nullptr);
  const StructurePtr owned(stats);
  LoopStats read;
  if (!stats) return read;
  const auto number = [stats](const char* field) {
    guint64 value = 0;
    gst_structure_get_uint64(stats, field, &value);
    return std::uint64_t{value};
  };
  gst_structure_get_double(stats, "loop-busy", &read.load.busy);
  read.load.delayNs = number("loop-delay");
  read.missed = number("loop-missed");
  read.missedOwn = number("loop-missed-own");
  read.worstDelayMs = static_cast<double>(number("loop-worst-delay")) / 1e6;
  read.worstOwnDelayMs = static_cast<double>(number("loop-worst-own-delay")) / 1e6;
  return read;
}

}  // namespace

LoopMonitor::~LoopMonitor() {
  for (const Loop& loop : loops_)
    gst_element_set_state(loop.holder.get(), GST_STATE_NULL);
}

Result<void> LoopMonitor::start(std::size_t loops, int waitMs) {
  for (std::size_t i = 0; i < loops; ++i) {
    GstElement* made = gst_element_factory_make("wsbridgertpsrc", nullptr);
    if (!made) return Failure{"GStreamer has no element wsbridgertpsrc"};
    GstPtr<GstElement> holder(GST_ELEMENT(gst_object_ref_sink(made)));
    g_object_set(holder.get(), "context", LoopTable::name(i).c_str(), "context-wait",
                 static_cast<guint>(waitMs), nullptr);
    if (gst_element_set_state(holder.get(), GST_STATE_READY) == GST_STATE_CHANGE_FAILURE) {
      gst_element_set_state(holder.get(), GST_STATE_NULL);
      return Failure{"media loop " + LoopTable::name(i) + " does not start"};
    }
    loops_.push_back({std::move(holder)});
  }
  return {};
}

std::vector<LoopLoad> LoopMonitor::sample() {
  std::vector<LoopLoad> loads;
  loads.reserve(loops_.size());
  const bool told = ++samples_ % kSamplesPerSecond == 0;
  for (std::size_t i = 0; i < loops_.size(); ++i) {
    Loop& loop = loops_[i];
    const LoopStats stats = statsOf(loop.holder.get());
    loads.push_back(stats.load);
    if (!told || stats.missed == loop.missed) continue;
    log::warning("loop-missed",
                 {{"loop", LoopTable::name(i)},
                  {"ticks", stats.missed - std::exchange(loop.missed, stats.missed)},
                  {"own", stats.missedOwn - std::exchange(loop.missedOwn, stats.missedOwn)},
                  {"worst-ms", stats.worstDelayMs},
                  {"worst-own-ms", stats.worstOwnDelayMs}});
  }
  return loads;
}

void LoopMonitor::logEnd() const {
  for (std::size_t i = 0; i < loops_.size(); ++i) {
    const LoopStats stats = statsOf(loops_[i].holder.get());
    log::info("loop-end", {{"loop", LoopTable::name(i)},
                           {"missed", stats.missed},
                           {"missed-own", stats.missedOwn},
                           {"worst-ms", stats.worstDelayMs},
                           {"worst-own-ms", stats.worstOwnDelayMs}});
  }
}

}  // namespace launcher
