// SPDX-License-Identifier: LGPL-2.1-or-later
//
// RtpReceiver: reads the sockets of an RtpTransport on a media loop and pushes what it takes into
// the pads of wsbridgertpsrc, on the loop's thread. Created at READY to PAUSED, stopped at PAUSED
// to READY; play() and pause() in between. play(), pause(), stop() and setOpen() may be called from
// any thread. The stream lock of a pad is held while pushing into it, so deactivating the pad waits
// for that. It outlives the element's run in tasks posted to the loop, which hold the element.
#pragma once

#include <array>
#include <atomic>
#include <bitset>
#include <memory>
#include <mutex>

#include <gst/gst.h>

#include "common/RtpHeader.hpp"
#include "rtp/RtpTransport.hpp"
#include "runtime/BufferCache.hpp"
#include "runtime/MediaLoop.hpp"

namespace wsbridge {

class RtpReceiver : public std::enable_shared_from_this<RtpReceiver> {
 public:
  using PayloadTypes = std::bitset<128>;

  struct Setup {
    GstElement* element;
    GstPad* rtp_pad;
    GstPad* rtcp_pad;  ///< null: RTCP is read and dropped
    std::shared_ptr<MediaLoop> loop;
    std::shared_ptr<RtpTransport> transport;
    GObjectPtr<GSocket> rtp;
    GObjectPtr<GSocket> rtcp;  ///< null: none
    GstCaps* caps;             ///< of rtp_pad; may be null
    PayloadTypes payload_types;
    bool mux;
    bool open;
    bool reports;  ///< RTCP is the transport's own
  };

  static std::shared_ptr<RtpReceiver> create(Setup setup);
  ~RtpReceiver();
  RtpReceiver(const RtpReceiver&) = delete;
  RtpReceiver& operator=(const RtpReceiver&) = delete;

  void play();
  void pause();
  /// After this no descriptor is touched; a push may still be under way.
  void stop();
  /// Any thread, in mid-call too.
  void setPayloadTypes(const PayloadTypes& types) {
    constexpr unsigned kHalf = 64;
    const PayloadTypes low(~uint64_t{0});
    payload_types_[0].store((types & low).to_ullong(), std::memory_order_relaxed);
    payload_types_[1].store((types >> kHalf).to_ullong(), std::memory_order_relaxed);
  }
  /// While closed, packets are read, counted as ignored and dropped. To close it again ends the
  /// reports with a BYE.
  void setOpen(bool open) {
    if (open_.exchange(open) && !open && setup_.reports) setup_.transport->endReports();
  }

 private:
  /// 20 ms of L16/16000 and a header: larger packets have buffers of their own.
  static constexpr size_t kUsualPacket = 704;
  struct Batch;
  struct Way {
    GstPad* pad = nullptr;
    GstCaps* caps = nullptr;
    const char* stream = nullptr;
    // Under the pad's stream lock.
    bool started = false;
    bool ended = false;
    BufferCache buffers{kUsualPacket};
  };

  explicit RtpReceiver(Setup setup);

  void watch();
  void onReadable(int descriptor, bool rtcp_socket);
  void takeRtp(const uint8_t* data, size_t size, const RtpAddress& from, GstClockTime time,
               int64_t arrival_us);
  void takeRtcp(const uint8_t* data, size_t size, const RtpAddress& from, GstClockTime time,
                int64_t arrival_us);
  void skip(const common::RtpHeader& header, GstClockTime time);
  void push(Way& way, const uint8_t* data, size_t size, GstClockTime time);
  void pushStart(Way& way);
  void tellSource(const RtpAddress& from, const RtpTransport::Accepted& accepted, bool rtcp);
  [[nodiscard]] GstClockTime runningTime() const;

  Setup setup_;
  Way rtp_way_;
  Way rtcp_way_;
  std::atomic<bool> open_;
  std::array<std::atomic<uint64_t>, 2> payload_types_{};  // a bit for each, from 0 on
  std::atomic<bool> playing_{false};

  std::mutex watch_mutex_;  // guards the creation and the silencing of the watches
  bool stopped_ = false;    // guarded by watch_mutex_
  std::unique_ptr<SocketWatch> rtp_watch_;
  std::unique_ptr<SocketWatch> rtcp_watch_;
  MediaLoop::TimerId report_timer_ = 0;  // loop's thread

  // Loop's thread, taken at play().
  std::mutex clock_mutex_;
  GstClock* clock_ = nullptr;  // guarded by clock_mutex_
  GstClockTime base_time_ = 0;
  int64_t now_us_ = 0;
};

}  // namespace wsbridge
