// SPDX-License-Identifier: LGPL-2.1-or-later
#include "jitter/HoldTimer.hpp"

#include <algorithm>

namespace wsbridge {

namespace {

// The thread that has the stream lock may be held up downstream: the loop must not wait for it.
constexpr int64_t kRetryUs = 1'000;

int64_t toUs(GstClockTime time) {
  return static_cast<int64_t>((time + GST_USECOND - 1) / GST_USECOND);
}

}  // namespace

std::shared_ptr<HoldTimer> HoldTimer::create(GstElement* element, GstPad* sink_pad,
                                             std::shared_ptr<MediaLoop> loop, Handler handler) {
  return std::shared_ptr<HoldTimer>(new HoldTimer(element, sink_pad, std::move(loop), handler));
}

HoldTimer::HoldTimer(GstElement* element, GstPad* sink_pad, std::shared_ptr<MediaLoop> loop,
                     Handler handler)
    : sink_pad_(sink_pad), loop_(std::move(loop)), handler_(handler), element_(element) {}

HoldTimer::~HoldTimer() {
  if (wait_ != nullptr) gst_clock_id_unref(wait_);
  if (clock_ != nullptr) gst_object_unref(clock_);
}

HoldTimer::ElementRef HoldTimer::element() {
  const std::lock_guard lock(mutex_);
  if (element_ == nullptr) return nullptr;
  return {static_cast<GstElement*>(gst_object_ref(element_)), gst_object_unref};
}

GstClockTime HoldTimer::clockNow() {
  if (loop_) return static_cast<GstClockTime>(g_get_monotonic_time()) * GST_USECOND;
  const std::lock_guard lock(mutex_);
  return clock_ != nullptr ? gst_clock_get_time(clock_) : 0;
}

void HoldTimer::arm(GstClockTime now, GstClockTime deadline) {
  if (armed_) return;
  const ElementRef held = element();
  if (!held) return;
  if (!loop_) {
    GstClock* clock = gst_element_get_clock(held.get());
    if (clock == nullptr) clock = gst_system_clock_obtain();
    const std::lock_guard lock(mutex_);
    std::swap(clock, clock_);
    if (clock != nullptr) gst_object_unref(clock);
  }
  armed_ = true;
  const GstClockTime clock_now = clockNow();
  line_offset_ = GST_CLOCK_DIFF(clock_now, now);
  const GstClockTime due = clock_now + (deadline > now ? deadline - now : 0);
  if (!loop_) {
    startWait(due);
    return;
  }
  const int64_t due_us = toUs(due);
  if (loop_->isCurrent()) {
    startLoopTimer(due_us);
  } else {
    loop_->post([self = shared_from_this(), due_us] { self->startLoopTimer(due_us); });
  }
}

void HoldTimer::startLoopTimer(int64_t due_us) {
  if (stopped_) return;
  if (loop_timer_ != 0) loop_->removeTimer(loop_timer_);
  loop_timer_ = loop_->addTimer(
      due_us, [self = shared_from_this()](int64_t now_us) { return self->onLoopTimer(now_us); });
}

int64_t HoldTimer::onLoopTimer(int64_t now_us) {
  int64_t next_us = 0;
  if (const ElementRef held = element()) {
    if (!GST_PAD_STREAM_TRYLOCK(sink_pad_)) return now_us + kRetryUs;
    const MediaLoop::TimerId mine = loop_timer_;
    const GstClockTime due = call(held.get(), static_cast<GstClockTime>(now_us) * GST_USECOND);
    if (GST_CLOCK_TIME_IS_VALID(due)) next_us = toUs(due);
    GST_PAD_STREAM_UNLOCK(sink_pad_);
    if (loop_timer_ != mine) return 0;
  }
  if (next_us == 0) loop_timer_ = 0;
  return next_us;
}

void HoldTimer::startWait(GstClockTime due) {
  const std::lock_guard lock(mutex_);
  if (element_ == nullptr) return;
  if (wait_ != nullptr) {
    gst_clock_id_unschedule(wait_);
    gst_clock_id_unref(wait_);
  }
  wait_ = gst_clock_new_single_shot_id(clock_, due);
  gst_clock_id_wait_async(
      wait_, onClock, new std::shared_ptr<HoldTimer>(shared_from_this()),
      [](gpointer data) noexcept { delete static_cast<std::shared_ptr<HoldTimer>*>(data); });
}

gboolean HoldTimer::onClock(GstClock* /*clock*/, GstClockTime /*time*/, GstClockID /*id*/,
                            gpointer data) {
  (*static_cast<std::shared_ptr<HoldTimer>*>(data))->callAsync();
  return TRUE;
}

void HoldTimer::callAsync() {
  const ElementRef held = element();
  if (!held) return;
  gst_element_call_async(
      held.get(),
      [](GstElement* element, gpointer data) noexcept {
        (*static_cast<std::shared_ptr<HoldTimer>*>(data))->onPoolThread(element);
      },
      new std::shared_ptr<HoldTimer>(shared_from_this()),
      [](gpointer data) noexcept { delete static_cast<std::shared_ptr<HoldTimer>*>(data); });
}

void HoldTimer::onPoolThread(GstElement* element) {
  GST_PAD_STREAM_LOCK(sink_pad_);
  const GstClockTime due = call(element, clockNow());
  if (GST_CLOCK_TIME_IS_VALID(due)) startWait(due);
  GST_PAD_STREAM_UNLOCK(sink_pad_);
}

GstClockTime HoldTimer::call(GstElement* element, GstClockTime clock_now) {
  if (!armed_) return GST_CLOCK_TIME_NONE;
  armed_ = false;
  if (stopped_ || GST_PAD_IS_FLUSHING(sink_pad_)) return GST_CLOCK_TIME_NONE;
  const GstClockTimeDiff now =
      std::max<GstClockTimeDiff>(0, static_cast<GstClockTimeDiff>(clock_now) + line_offset_);
  // Downstream may come back into the element from here: it finds the timer in use.
  armed_ = true;
  const GstClockTime next = handler_(element, static_cast<GstClockTime>(now));
  armed_ = GST_CLOCK_TIME_IS_VALID(next);
  if (!armed_) return GST_CLOCK_TIME_NONE;
  const auto due = static_cast<GstClockTimeDiff>(next) - line_offset_;
  return std::max(clock_now, static_cast<GstClockTime>(std::max<GstClockTimeDiff>(due, 0)));
}

void HoldTimer::kick() {
  if (loop_) {
    loop_->post([self = shared_from_this()] { self->startLoopTimer(g_get_monotonic_time()); });
  } else {
    callAsync();
  }
}

void HoldTimer::stop() {
  stopped_ = true;
  GstClockID wait = nullptr;
  {
    const std::lock_guard lock(mutex_);
    element_ = nullptr;
    std::swap(wait, wait_);
  }
  if (wait != nullptr) {
    gst_clock_id_unschedule(wait);
    gst_clock_id_unref(wait);
  }
  if (!loop_) return;
  // The timer would keep the loop for as long as the deadline is away.
  loop_->post([self = shared_from_this()] {
    if (self->loop_timer_ != 0) self->loop_->removeTimer(self->loop_timer_);
    self->loop_timer_ = 0;
  });
}

}  // namespace wsbridge
