// SPDX-License-Identifier: LGPL-2.1-or-later
//
// HoldTimer: wakes wsbridgejitterbuffer when a gap has been held long enough. With a shared media
// loop that loop's timer wakes it, on the loop's thread; without one an asynchronous wait for the
// pipeline clock, on a thread of GStreamer's pool, because the clock's own thread must never be
// held up by what is downstream. It holds the sink pad's stream lock while it calls, as whoever
// pushes into the element does.
//
// One for each run from READY to PAUSED and back. arm() is called with the stream lock, kick() and
// stop() from any thread. A wait or a posted task keeps the timer but not the element; after stop()
// neither is reached any more.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>

#include <gst/gst.h>

#include "runtime/MediaLoop.hpp"

namespace wsbridge {

class HoldTimer : public std::enable_shared_from_this<HoldTimer> {
 public:
  /// Called with the stream lock at `now` of the caller's time line; returns when it wants to be
  /// called next, GST_CLOCK_TIME_NONE for not before the next arm().
  using Handler = GstClockTime (*)(GstElement* element, GstClockTime now);

  static std::shared_ptr<HoldTimer> create(GstElement* element, GstPad* sink_pad,
                                           std::shared_ptr<MediaLoop> loop, Handler handler);
  ~HoldTimer();
  HoldTimer(const HoldTimer&) = delete;
  HoldTimer& operator=(const HoldTimer&) = delete;

  /// Both of the caller's time line. Does nothing while a call is already to come: that one asks
  /// for the next.
  void arm(GstClockTime now, GstClockTime deadline);
  /// The deadline may have become an earlier one.
  void kick();
  void stop();

 private:
  using ElementRef = std::shared_ptr<GstElement>;

  HoldTimer(GstElement* element, GstPad* sink_pad, std::shared_ptr<MediaLoop> loop,
            Handler handler);
  [[nodiscard]] ElementRef element();
  [[nodiscard]] GstClockTime clockNow();
  void startLoopTimer(int64_t due_us);
  int64_t onLoopTimer(int64_t now_us);
  void startWait(GstClockTime due);
  static gboolean onClock(GstClock* clock, GstClockTime time, GstClockID id, gpointer data);
  void callAsync();
  void onPoolThread(GstElement* element);
  /// With the stream lock. The next due time of the timer's own clock, or none.
  GstClockTime call(GstElement* element, GstClockTime clock_now);

  GstPad* const sink_pad_;  // the element holds it
  const std::shared_ptr<MediaLoop> loop_;
  const Handler handler_;
  std::atomic<bool> stopped_{false};

  // Under the stream lock.
  bool armed_ = false;
  GstClockTimeDiff line_offset_ = 0;  // the caller's time line minus the timer's clock

  MediaLoop::TimerId loop_timer_ = 0;  // of the loop's thread

  std::mutex mutex_;
  GstElement* element_;        // guarded by mutex_; null once stopped
  GstClock* clock_ = nullptr;  // guarded by mutex_
  GstClockID wait_ = nullptr;  // guarded by mutex_
};

}  // namespace wsbridge
