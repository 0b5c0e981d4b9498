// SPDX-License-Identifier: LGPL-2.1-or-later
//
// SourcePusher: pushes wsbridgesrc's buffers. With a shared media loop its timer pushes, on the
// loop's thread; without one a pad task waits for the pipeline clock. Both hold the pad's stream
// lock while pushing, so deactivating the pad waits for them. play(), pause(), stop(), wake(),
// setHeld() and requestEos() may be called from any thread; a pusher is used for one run from READY
// to PAUSED and back.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>

#include <gst/gst.h>

#include "runtime/BufferCache.hpp"
#include "runtime/MediaLoop.hpp"
#include "session/Session.hpp"

namespace wsbridge {

class SourcePusher : public std::enable_shared_from_this<SourcePusher> {
 public:
  static constexpr GstClockTime kFrame = 20 * GST_MSECOND;

  struct Format {
    int rate;
    bool big_endian;
    bool gaps;  // gap events instead of fallback buffers
  };

  static std::shared_ptr<SourcePusher> create(GstElement* element, GstPad* pad,
                                              std::shared_ptr<Session> session,
                                              const Format& format);
  SourcePusher(const SourcePusher&) = delete;
  SourcePusher& operator=(const SourcePusher&) = delete;

  void play();
  /// A push may still be under way, even for long: downstream may hold it until it is flushed.
  void pause();
  void stop();
  /// Ends a wait for the clock, because the pad is being deactivated.
  void wake();
  /// While held, nothing is pushed and the queue keeps what the endpoint sends.
  void setHeld(bool held) { held_ = held; }
  void requestEos() { eos_requested_ = true; }

 private:
  SourcePusher(GstElement* element, GstPad* pad, std::shared_ptr<Session> session,
               const Format& format);

  static void runTask(gpointer data) noexcept;
  void taskStep();
  int64_t tick(int64_t now_us);
  bool pushFrame(int64_t now_us);
  void pushStart();
  void end();
  bool waitForClock(GstClockTime running_time);
  [[nodiscard]] GstClockTime runningTime() const;
  GstFlowReturn pushBuffer(GstBuffer* buffer);

  GstElement* element_;  // the pad and the timer hold it
  GstPad* pad_;
  std::shared_ptr<Session> session_;
  std::shared_ptr<MediaLoop> loop_;  // null: pad task
  const Format format_;
  const size_t frame_bytes_;

  std::atomic<bool> playing_{false};
  std::atomic<bool> stopped_{false};
  std::atomic<bool> held_{false};
  std::atomic<bool> eos_requested_{false};
  std::atomic<bool> timer_running_{false};

  std::mutex clock_mutex_;
  GstClockID clock_id_ = nullptr;  // guarded by clock_mutex_

  // Under the pad's stream lock.
  BufferCache buffers_;
  bool started_ = false;
  bool ended_ = false;
  bool discont_ = true;
  GstClockTime next_pts_ = GST_CLOCK_TIME_NONE;
  int64_t next_tick_us_ = 0;
  int64_t owed_ = 0;  // frames whose tick has passed
  int64_t owing_until_us_ = 0;
  int64_t dry_since_us_ = 0;  // since when a late frame is waited for; 0: it is not
};

}  // namespace wsbridge
