// SPDX-License-Identifier: LGPL-2.1-or-later
#include "bridge/SourcePusher.hpp"

#include <utility>

#include "audio/AudioCaps.hpp"
#include "common/Frame.hpp"
#include "runtime/StreamLock.hpp"

namespace wsbridge {

namespace {

// A loop that was held up for longer does not try to make up for it.
constexpr int64_t kMaxCatchUpUs = 200'000;
// What was due meanwhile is owed: the endpoint's answer to what we have held up is on its way, and
// noise in its place would delay all that follows. After this long it is paid with noise.
constexpr int64_t kMaxOwingUs = 100'000;
constexpr int64_t kAdvanceStepUs = 2'000;
constexpr int64_t kDryLookUs = 1'000;
constexpr int64_t kHeldLookUs = 10'000;

}  // namespace

std::shared_ptr<SourcePusher> SourcePusher::create(GstElement* element, GstPad* pad,
                                                   std::shared_ptr<Session> session,
                                                   const Format& format) {
  return std::shared_ptr<SourcePusher>(new SourcePusher(element, pad, std::move(session), format));
}

SourcePusher::SourcePusher(GstElement* element, GstPad* pad, std::shared_ptr<Session> session,
                           const Format& format)
    : element_(element),
      pad_(pad),
      session_(std::move(session)),
      loop_(session_->sharedLoop()),
      format_(format),
      frame_bytes_(common::samplesPerFrame(format.rate) * 2),
      buffers_(frame_bytes_) {}

void SourcePusher::play() {
  playing_ = true;
  if (!loop_) {
    // With a task already there gst_pad_start_task() would forget the new data without freeing it.
    GST_OBJECT_LOCK(pad_);
    const std::shared_ptr<GstTask> task(
        GST_PAD_TASK(pad_) != nullptr ? GST_TASK(gst_object_ref(GST_PAD_TASK(pad_))) : nullptr,
        [](GstTask* held) {
          if (held != nullptr) gst_object_unref(held);
        });
    GST_OBJECT_UNLOCK(pad_);
    if (task) {
      gst_task_start(task.get());
      return;
    }
    gst_pad_start_task(
        pad_, runTask, new std::shared_ptr<SourcePusher>(shared_from_this()),
        [](gpointer data) noexcept { delete static_cast<std::shared_ptr<SourcePusher>*>(data); });
    return;
  }
  if (timer_running_.exchange(true)) return;
  // The element outlives the timer; both are let go on the loop's thread.
  auto* element = static_cast<GstElement*>(gst_object_ref(element_));
  loop_->post([self = shared_from_this(), element] {
    const std::shared_ptr<GstElement> held(element, gst_object_unref);
    const int64_t now_us = g_get_monotonic_time();
    self->next_tick_us_ = now_us;
    self->loop_->addTimer(now_us, [self, held](int64_t now) {
      const int64_t next_us = self->tick(now);
      if (next_us != 0) return next_us;
      self->timer_running_ = false;
      // play() may have come in between and have found the timer still running.
      const bool again = self->playing_ && !self->stopped_ && !self->timer_running_.exchange(true);
      return again ? now + common::kFrameUs : 0;
    });
  });
}

void SourcePusher::pause() {
  playing_ = false;
  wake();
  if (loop_) return;
  // Not gst_pad_pause_task(): it waits for a push that downstream may hold until it is flushed.
  GST_OBJECT_LOCK(pad_);
  if (GstTask* task = GST_PAD_TASK(pad_)) gst_task_pause(task);
  GST_OBJECT_UNLOCK(pad_);
}

void SourcePusher::stop() {
  stopped_ = true;
  playing_ = false;
  wake();
  gst_pad_stop_task(pad_);
}

void SourcePusher::wake() {
  const std::lock_guard lock(clock_mutex_);
  if (clock_id_ != nullptr) gst_clock_id_unschedule(clock_id_);
}

GstClockTime SourcePusher::runningTime() const {
  g_autoptr(GstClock) clock = gst_element_get_clock(element_);
  if (clock == nullptr) return 0;
  const GstClockTime now = gst_clock_get_time(clock);
  const GstClockTime base = gst_element_get_base_time(element_);
  return now > base ? now - base : 0;
}

void SourcePusher::runTask(gpointer data) noexcept {
  (*static_cast<std::shared_ptr<SourcePusher>*>(data))->taskStep();
}

// The task's lock is the pad's stream lock.
void SourcePusher::taskStep() {
  if (next_pts_ == GST_CLOCK_TIME_NONE || discont_) {
    const GstClockTime now = runningTime();
    if (next_pts_ == GST_CLOCK_TIME_NONE || now > next_pts_ + kFrame) next_pts_ = now;
    discont_ = true;
  }
  // A buffer is complete when its last sample is due, as with a capture device: hence 20 ms of
  // latency.
  if (!waitForClock(next_pts_ + kFrame)) {
    if (!playing_) discont_ = true;
    return;
  }
  if (held_ && !eos_requested_) {
    discont_ = true;
    return;
  }
  if (!pushFrame(g_get_monotonic_time())) gst_pad_pause_task(pad_);
}

bool SourcePusher::waitForClock(GstClockTime running_time) {
  GstClockID id = nullptr;
  {
    const std::lock_guard lock(clock_mutex_);
    g_autoptr(GstClock) clock = gst_element_get_clock(element_);
    if (clock == nullptr || !playing_ || GST_PAD_IS_FLUSHING(pad_)) return false;
    id = gst_clock_new_single_shot_id(clock, gst_element_get_base_time(element_) + running_time);
    clock_id_ = id;
  }
  const GstClockReturn result = gst_clock_id_wait(id, nullptr);
  const std::lock_guard lock(clock_mutex_);
  gst_clock_id_unref(id);
  clock_id_ = nullptr;
  return result == GST_CLOCK_OK || result == GST_CLOCK_EARLY;
}

int64_t SourcePusher::tick(int64_t now_us) {
  const StreamLock lock(pad_);
  if (stopped_ || !playing_ || GST_PAD_IS_FLUSHING(pad_)) {
    discont_ = true;
    return 0;
  }
  if (held_ && !eos_requested_) {
    discont_ = true;
    return now_us + kHeldLookUs;
  }
  if (now_us - next_tick_us_ > kMaxCatchUpUs || discont_) {
    next_tick_us_ = now_us;
    const GstClockTime now = runningTime();
    next_pts_ = now > kFrame ? now - kFrame : 0;
    discont_ = true;
    owed_ = 0;
  }
  if (const int64_t patience_us = session_->patienceUs(); patience_us > 0) {
    if (dry_since_us_ == 0) dry_since_us_ = now_us;
    if (now_us - dry_since_us_ < patience_us) return now_us + kDryLookUs;
  }
  if (dry_since_us_ != 0)
    next_tick_us_ += session_->takeDelay(now_us - std::exchange(dry_since_us_, 0));
  const int64_t due = (now_us - next_tick_us_) / common::kFrameUs + 1;
  next_tick_us_ += due * common::kFrameUs;
  if (owed_ == 0 && due > 1) owing_until_us_ = now_us + kMaxOwingUs;
  owed_ += due;
  bool going_on = pushFrame(now_us);
  --owed_;
  while (going_on && owed_ > 0 && (now_us >= owing_until_us_ || session_->hasAudio())) {
    going_on = pushFrame(now_us);
    --owed_;
  }
  if (!going_on) {
    playing_ = false;
    return 0;
  }
  // Follow the endpoint's rhythm in steps that no receiver takes for jitter.
  next_tick_us_ -= session_->takeAdvance(kAdvanceStepUs);
  return next_tick_us_;
}

void SourcePusher::pushStart() {
  started_ = true;
  g_autofree char* id = gst_pad_create_stream_id(pad_, element_, nullptr);
  GstEvent* start = gst_event_new_stream_start(id);
  gst_event_set_group_id(start, gst_util_group_id_next());
  gst_pad_push_event(pad_, start);
  g_autoptr(GstCaps) caps = audioCaps(format_.rate, nullptr);
  gst_caps_set_simple(caps, "format", G_TYPE_STRING, format_.big_endian ? "S16BE" : "S16LE",
                      nullptr);
  gst_pad_push_event(pad_, gst_event_new_caps(caps));
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  gst_pad_push_event(pad_, gst_event_new_segment(&segment));
}

void SourcePusher::end() {
  ended_ = true;
  session_->sourceEnded();
  gst_pad_push_event(pad_, gst_event_new_eos());
}

bool SourcePusher::pushFrame(int64_t now_us) {
  if (ended_) return false;
  if (!started_) pushStart();
  if (eos_requested_) {
    end();
    return false;
  }
  GstBuffer* buffer = buffers_.take(frame_bytes_);
  GstMapInfo map;
  gst_buffer_map(buffer, &map, GST_MAP_WRITE);
  // GStreamer's memory is aligned for any sample type.
  const auto pulled =
      session_->pullFrame(static_cast<int16_t*>(static_cast<void*>(map.data)), now_us);
  if (format_.big_endian) swapSamples(map.data, map.size);
  gst_buffer_unmap(buffer, &map);
  const GstClockTime pts = next_pts_;
  next_pts_ += kFrame;
  if (pulled == Session::Pulled::Audio || (pulled == Session::Pulled::Fallback && !format_.gaps)) {
    GST_BUFFER_PTS(buffer) = pts;
    GST_BUFFER_DURATION(buffer) = kFrame;
    if (discont_) GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_DISCONT);
    discont_ = false;
    return pushBuffer(gst_buffer_ref(buffer)) == GST_FLOW_OK;
  }
  if (pulled == Session::Pulled::End) {
    end();
    return false;
  }
  gst_pad_push_event(pad_, gst_event_new_gap(pts, kFrame));
  return true;
}

GstFlowReturn SourcePusher::pushBuffer(GstBuffer* buffer) {
  const GstFlowReturn flow = gst_pad_push(pad_, buffer);
  if (flow == GST_FLOW_OK || flow == GST_FLOW_FLUSHING) return flow;
  if (flow < GST_FLOW_EOS || flow == GST_FLOW_NOT_LINKED) GST_ELEMENT_FLOW_ERROR(element_, flow);
  if (flow != GST_FLOW_EOS) end();
  ended_ = true;
  session_->sourceEnded();
  return flow;
}

}  // namespace wsbridge
