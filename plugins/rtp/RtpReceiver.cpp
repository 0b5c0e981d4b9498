// SPDX-License-Identifier: LGPL-2.1-or-later
#include "rtp/RtpReceiver.hpp"

#include <algorithm>
#include <cstring>
#include <ctime>

#include "common/RtpHeader.hpp"
#include "runtime/Debug.hpp"
#include "runtime/StreamLock.hpp"

namespace wsbridge {

namespace {

constexpr size_t kBatch = 8;
constexpr size_t kMaxPacket = 2048;
/// A stamp older than this comes from a clock that was set, not from a queue.
constexpr int64_t kMaxAgeNs = 1'000'000'000;

int64_t realtimeNs() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

/// How long a datagram has waited in the kernel; 0 without a stamp.
int64_t ageNs(const msghdr& message, int64_t now_ns) {
  for (const cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(const_cast<msghdr*>(&message), const_cast<cmsghdr*>(part))) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_TIMESTAMPNS) continue;
    timespec stamp{};
    std::memcpy(&stamp, CMSG_DATA(part), sizeof stamp);
    const int64_t age_ns = now_ns - (int64_t{stamp.tv_sec} * 1'000'000'000 + stamp.tv_nsec);
    return age_ns < 0 || age_ns > kMaxAgeNs ? 0 : age_ns;
  }
  return 0;
}

}  // namespace

/// Where the kernel writes to; one per thread, because a loop reads one socket at a time.
struct RtpReceiver::Batch {
  Batch() {
    for (size_t i = 0; i < kBatch; ++i) {
      parts[i] = {.iov_base = data[i].data(), .iov_len = kMaxPacket};
      messages[i].msg_hdr.msg_name = &from[i];
      messages[i].msg_hdr.msg_iov = &parts[i];
      messages[i].msg_hdr.msg_iovlen = 1;
      messages[i].msg_hdr.msg_control = control[i].data();
    }
  }

  int receive(int descriptor) {
    for (mmsghdr& message : messages) {
      message.msg_hdr.msg_namelen = sizeof(sockaddr_storage);
      message.msg_hdr.msg_controllen = kControl;
      message.msg_hdr.msg_flags = 0;
    }
    return recvmmsg(descriptor, messages.data(), kBatch, MSG_DONTWAIT, nullptr);
  }

  static constexpr size_t kControl = CMSG_SPACE(sizeof(timespec));
  std::array<mmsghdr, kBatch> messages{};
  std::array<iovec, kBatch> parts{};
  std::array<sockaddr_storage, kBatch> from{};
  alignas(cmsghdr) std::array<std::array<uint8_t, kControl>, kBatch> control{};
  std::array<std::array<uint8_t, kMaxPacket>, kBatch> data{};
};

std::shared_ptr<RtpReceiver> RtpReceiver::create(Setup setup) {
  return std::shared_ptr<RtpReceiver>(new RtpReceiver(std::move(setup)));
}

RtpReceiver::RtpReceiver(Setup setup) : setup_(std::move(setup)), open_(setup_.open) {
  setPayloadTypes(setup_.payload_types);
  rtp_way_.pad = GST_PAD(gst_object_ref(setup_.rtp_pad));
  rtp_way_.caps = setup_.caps != nullptr ? gst_caps_ref(setup_.caps) : nullptr;
  rtp_way_.stream = "rtp";
  if (setup_.rtcp_pad != nullptr) {
    rtcp_way_.pad = GST_PAD(gst_object_ref(setup_.rtcp_pad));
    rtcp_way_.caps = gst_caps_new_empty_simple("application/x-rtcp");
    rtcp_way_.stream = "rtcp";
  }
  const int on = 1;
  for (GSocket* socket : {setup_.rtp.get(), setup_.rtcp.get()}) {
    // Without stamps the time of reading is taken.
    if (socket != nullptr) {
      setsockopt(g_socket_get_fd(socket), SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    }
  }
}

RtpReceiver::~RtpReceiver() {
  for (Way* way : {&rtp_way_, &rtcp_way_}) {
    if (way->pad != nullptr) gst_object_unref(way->pad);
    if (way->caps != nullptr) gst_caps_unref(way->caps);
  }
  if (clock_ != nullptr) gst_object_unref(clock_);
}

void RtpReceiver::play() {
  {
    const std::lock_guard lock(clock_mutex_);
    if (clock_ != nullptr) gst_object_unref(clock_);
    clock_ = gst_element_get_clock(setup_.element);
    base_time_ = gst_element_get_base_time(setup_.element);
  }
  playing_ = true;
  // The element outlives the watches, which are let go on the loop's thread.
  auto* element = static_cast<GstElement*>(gst_object_ref(setup_.element));
  setup_.loop->post([self = shared_from_this(), element] {
    const std::shared_ptr<GstElement> held(element, gst_object_unref);
    self->watch();
  });
}

void RtpReceiver::watch() {
  const std::lock_guard lock(watch_mutex_);
  if (stopped_ || rtp_watch_) return;
  const auto make = [this](GSocket* socket, bool rtcp) {
    const int descriptor = g_socket_get_fd(socket);
    auto watch = std::make_unique<SocketWatch>(
        *setup_.loop, descriptor,
        [this, descriptor, rtcp](uint32_t) { onReadable(descriptor, rtcp); });
    watch->want(true, false);
    return watch;
  };
  rtp_watch_ = make(setup_.rtp.get(), false);
  if (setup_.rtcp) rtcp_watch_ = make(setup_.rtcp.get(), true);
  if (!setup_.reports) return;
  RtpTransport& transport = *setup_.transport;
  report_timer_ = setup_.loop->addTimer(g_get_monotonic_time() + transport.reportIntervalUs(),
                                        [this, &transport](int64_t now_us) {
                                          if (open_) transport.sendReport();
                                          const int64_t wait_us = transport.reportIntervalUs();
                                          return wait_us == 0 ? 0 : now_us + wait_us;
                                        });
}

void RtpReceiver::pause() {
  playing_ = false;
}

void RtpReceiver::stop() {
  playing_ = false;
  {
    const std::lock_guard lock(watch_mutex_);
    stopped_ = true;
    for (const auto* watch : {&rtp_watch_, &rtcp_watch_}) {
      if (*watch) (*watch)->silence();
    }
  }
  auto* element = static_cast<GstElement*>(gst_object_ref(setup_.element));
  setup_.loop->post([self = shared_from_this(), element] {
    const std::shared_ptr<GstElement> held(element, gst_object_unref);
    if (self->report_timer_ != 0) self->setup_.loop->removeTimer(self->report_timer_);
    self->rtp_watch_.reset();
    self->rtcp_watch_.reset();
  });
}

GstClockTime RtpReceiver::runningTime() const {
  if (clock_ == nullptr) return 0;
  const GstClockTime now = gst_clock_get_time(clock_);
  return now > base_time_ ? now - base_time_ : 0;
}

void RtpReceiver::onReadable(int descriptor, bool rtcp_socket) {
  static thread_local Batch batch;
  int count = 0;
  {
    const std::lock_guard lock(watch_mutex_);  // once stopped, the descriptor may be another's
    if (!stopped_) count = batch.receive(descriptor);
  }
  if (count <= 0) return;  // a pending ICMP error has been cleared by reading it
  now_us_ = g_get_monotonic_time();
  const int64_t real_ns = realtimeNs();
  GstClockTime now = 0;
  {
    const std::lock_guard lock(clock_mutex_);
    now = runningTime();
  }
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    const mmsghdr& message = batch.messages[i];
    const size_t size = message.msg_len;
    if (!playing_ || (message.msg_hdr.msg_flags & MSG_TRUNC) != 0) {
      if (!rtcp_socket) ++setup_.transport->counters().rtp_ignored;
      continue;
    }
    const auto age = static_cast<GstClockTime>(ageNs(message.msg_hdr, real_ns));
    const GstClockTime time = now > age ? now - age : 0;
    const int64_t arrival_us = now_us_ - static_cast<int64_t>(age) / 1000;
    const uint8_t* data = batch.data[i].data();
    const RtpAddress from = RtpAddress::of(batch.from[i]);
    if (rtcp_socket || (setup_.mux && common::isRtcp({data, size}))) {
      takeRtcp(data, size, from, time, arrival_us);
    } else {
      takeRtp(data, size, from, time, arrival_us);
    }
  }
}

void RtpReceiver::takeRtp(const uint8_t* data, size_t size, const RtpAddress& from,
                          GstClockTime time, int64_t arrival_us) {
  RtpTransport::Counters& counters = setup_.transport->counters();
  const auto packet = common::parseRtpPacket({data, size});
  if (!open_ || !packet) {
    ++counters.rtp_ignored;
    return;
  }
  const auto type = static_cast<unsigned>(packet->header.type);
  const bool agreed =
      (payload_types_[type / 64].load(std::memory_order_relaxed) >> (type % 64) & 1) != 0;
  const RtpTransport::Accepted accepted =
      setup_.transport->acceptRtp(from, arrival_us, {data, size}, agreed);
  if (!accepted.taken) {
    ++counters.rtp_ignored;
    return;
  }
  if (accepted.latched) tellSource(from, accepted, false);
  counters.last_rtp_us.store(now_us_, std::memory_order_relaxed);
  if (!agreed) return skip(packet->header, time);
  counters.rtp_received.fetch_add(1, std::memory_order_relaxed);
  counters.rtp_bytes_received.fetch_add(size, std::memory_order_relaxed);
  push(rtp_way_, data, size, time);
}

/// A packet that nobody agreed to, such as comfort noise, is not missing.
void RtpReceiver::skip(const common::RtpHeader& header, GstClockTime time) {
  ++setup_.transport->counters().rtp_ignored;
  const StreamLock lock(rtp_way_.pad);
  if (!rtp_way_.started || rtp_way_.ended || GST_PAD_IS_FLUSHING(rtp_way_.pad)) return;
  GstStructure* fields = gst_structure_new(
      "wsbridge-rtp-skipped", "payload", G_TYPE_UINT, static_cast<guint>(header.type), "seqnum",
      G_TYPE_UINT, guint{header.sequence}, "rtptime", G_TYPE_UINT, header.timestamp, "ssrc",
      G_TYPE_UINT, header.ssrc, "arrival", G_TYPE_UINT64, static_cast<guint64>(time), nullptr);
  gst_pad_push_event(rtp_way_.pad, gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM, fields));
}

void RtpReceiver::takeRtcp(const uint8_t* data, size_t size, const RtpAddress& from,
                           GstClockTime time, int64_t arrival_us) {
  if (!open_ || (rtcp_way_.pad == nullptr && !setup_.reports) || !common::isRtcp({data, size}))
    return;
  const RtpTransport::Accepted accepted =
      setup_.transport->acceptRtcp(from, arrival_us, {data, size});
  if (!accepted.taken) return;
  if (accepted.latched) tellSource(from, accepted, true);
  setup_.transport->counters().rtcp_received.fetch_add(1, std::memory_order_relaxed);
  if (rtcp_way_.pad != nullptr) push(rtcp_way_, data, size, time);
}

void RtpReceiver::push(Way& way, const uint8_t* data, size_t size, GstClockTime time) {
  const StreamLock lock(way.pad);
  if (way.ended || GST_PAD_IS_FLUSHING(way.pad)) return;
  if (!way.started) pushStart(way);
  GstBuffer* buffer = way.buffers.take(size);
  gst_buffer_fill(buffer, 0, data, size);
  GST_BUFFER_PTS(buffer) = time;
  GST_BUFFER_DTS(buffer) = time;
  const GstFlowReturn flow = gst_pad_push(way.pad, gst_buffer_ref(buffer));
  if (flow == GST_FLOW_OK || flow == GST_FLOW_FLUSHING) return;
  way.ended = true;
  // Reports that nobody wants are no fault.
  if (&way == &rtcp_way_ || flow == GST_FLOW_EOS) return;
  GST_ELEMENT_FLOW_ERROR(setup_.element, flow);
  gst_pad_push_event(way.pad, gst_event_new_eos());
}

void RtpReceiver::pushStart(Way& way) {
  way.started = true;
  g_autofree char* id = gst_pad_create_stream_id(way.pad, setup_.element, way.stream);
  GstEvent* start = gst_event_new_stream_start(id);
  gst_event_set_group_id(start, gst_util_group_id_next());
  gst_pad_push_event(way.pad, start);
  if (way.caps != nullptr) gst_pad_push_event(way.pad, gst_event_new_caps(way.caps));
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  gst_pad_push_event(way.pad, gst_event_new_segment(&segment));
}

void RtpReceiver::tellSource(const RtpAddress& from, const RtpTransport::Accepted& accepted,
                             bool rtcp) {
  GST_CAT_DEBUG_OBJECT(rtpDebug(), setup_.element, "%s is taken from %s port %u now (%s)",
                       rtcp ? "RTCP" : "RTP", from.ipText().c_str(), unsigned{from.port},
                       latchName(accepted.how));
  gst_element_post_message(
      setup_.element,
      gst_message_new_element(
          GST_OBJECT(setup_.element),
          gst_structure_new("wsbridge-rtp-source", "address", G_TYPE_STRING, from.ipText().c_str(),
                            "port", G_TYPE_UINT, guint{from.port}, "rtcp", G_TYPE_BOOLEAN,
                            static_cast<gboolean>(rtcp), "latch", G_TYPE_STRING,
                            latchName(accepted.how), nullptr)));
}

}  // namespace wsbridge
