// SPDX-License-Identifier: LGPL-2.1-or-later
//
// JitterStream: the streaming side of wsbridgejitterbuffer, from GstBuffers and events to the pure
// JitterBuffer and back. It owns the packets held and the timer of a run. Everything is called with
// the sink pad's stream lock, by whoever pushes or by the timer, except where it says otherwise: so
// order holds, and the way of a packet in order takes no lock of its own. The element owns it.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include <gst/gst.h>

#include "jitter/HoldTimer.hpp"
#include "rtp/JitterBuffer.hpp"

namespace wsbridge {

class JitterStream {
 public:
  static constexpr guint kDefaultMaxWaitMs = 60;
  static constexpr guint kDefaultMaxPackets = 256;
  static constexpr guint kDefaultMaxLostMs = 1000;

  JitterStream(GstElement* element, GstPad* sink, GstPad* src);
  JitterStream(const JitterStream&) = delete;
  JitterStream& operator=(const JitterStream&) = delete;

  /// Without the lock, while the pads are not active.
  void start(std::shared_ptr<MediaLoop> loop, HoldTimer::Handler handler);
  void stop();

  /// Takes the buffer.
  GstFlowReturn take(GstBuffer* buffer);
  /// False, and an error is posted, when the element cannot work with it.
  bool takeCaps(GstEvent* event);
  bool takeSegment(GstEvent* event);
  /// True: a packet that wsbridgertpsrc has taken and kept to itself, so that it is not missing.
  bool takeSkipped(GstEvent* event);
  /// Pushes all that is held, gaps reported.
  void releaseAll();
  /// Throws away all that is held.
  void flush();
  /// Pushes what is due; when it wants to be called next.
  GstClockTime onTimer(GstClockTime now);

  /// Any thread.
  void setMaxWait(guint ms);
  [[nodiscard]] GstStructure* stats() const;

  // Any thread.
  std::atomic<guint> max_wait_ms{kDefaultMaxWaitMs};
  std::atomic<guint> max_packets{kDefaultMaxPackets};
  std::atomic<guint> max_lost_ms{kDefaultMaxLostMs};

 private:
  GstClockTime arrivalOf(GstBuffer* buffer);
  GstFlowReturn deliver(JitterBuffer::Action& action);
  void reportLost(const JitterBuffer::Action& action);
  void release(GstClockTime now);
  [[nodiscard]] GstClockTime deadline() const;
  void applyLimits();
  /// The packets' own time line, moved on to this moment.
  [[nodiscard]] GstClockTime arrivalLineNow(GstClockTime arrival) const;
  GstFlowReturn noClockRate();

  GstElement* const element_;
  GstPad* const sink_;
  GstPad* const src_;

  JitterBuffer buffer_;
  std::shared_ptr<HoldTimer> timer_;
  GstSegment segment_{};
  bool has_caps_ = false;
  std::string encoding_;
  gint payload_ = -1;
  GstFlowReturn flow_ = GST_FLOW_OK;
  GstClockTime last_arrival_ = 0;
  JitterBuffer::Gauge<uint64_t> invalid_;

  std::mutex timer_mutex_;
  std::shared_ptr<HoldTimer> live_timer_;  // guarded by timer_mutex_; the same
};

}  // namespace wsbridge
