// SPDX-License-Identifier: LGPL-2.1-or-later
#include "rtp/RtpTransport.hpp"

#include <map>

namespace wsbridge {

namespace {

/// The fixed header of an RTP packet; empty when its first part is shorter.
std::span<const uint8_t> headerOf(const iovec* parts, size_t count) {
  constexpr size_t kHeader = 12;
  if (count == 0 || parts->iov_len < kHeader) return {};
  return {static_cast<const uint8_t*>(parts->iov_base), kHeader};
}

SourceLatch::Stream streamOf(std::span<const uint8_t> packet) {
  constexpr size_t kHeader = 12;
  if (packet.size() < kHeader) return {};
  return {.ssrc = uint32_t{packet[8]} << 24 | uint32_t{packet[9]} << 16 |
                  uint32_t{packet[10]} << 8 | packet[11],
          .sequence = static_cast<uint16_t>(packet[2] << 8 | packet[3])};
}

}  // namespace

std::shared_ptr<RtpTransport> RtpTransport::acquire(const std::string& name) {
  static std::mutex mutex;
  static std::map<std::string, std::weak_ptr<RtpTransport>> known;
  std::shared_ptr<RtpTransport> fresh(new RtpTransport);
  if (name.empty()) return fresh;
  const std::lock_guard lock(mutex);
  std::erase_if(known, [](const auto& entry) { return entry.second.expired(); });
  std::weak_ptr<RtpTransport>& entry = known[name];
  if (auto transport = entry.lock()) return transport;
  entry = fresh;
  return fresh;
}

void RtpTransport::setSockets(GObjectPtr<GSocket> rtp, GObjectPtr<GSocket> rtcp, bool mux) {
  const std::lock_guard lock(mutex_);
  rtp_.socket = std::move(rtp);
  rtcp_.socket = std::move(rtcp);
  mux_ = mux;
  for (Way* way : {&rtp_, &rtcp_}) {
    GSocket* socket = socketOf(*way);
    way->descriptor = socket != nullptr ? g_socket_get_fd(socket) : -1;
  }
  aimAnew(rtp_);
  aimAnew(rtcp_);
}

void RtpTransport::clearSockets() {
  const std::lock_guard lock(mutex_);
  for (Way* way : {&rtp_, &rtcp_}) {
    way->socket.reset();
    way->descriptor = -1;
    way->target_length = 0;
  }
}

void RtpTransport::announce(const RtpAddress& rtp, const RtpAddress& rtcp) {
  const std::lock_guard lock(mutex_);
  if (rtp != rtp_.latch.announced()) {
    rtp_.latch.announce(rtp);
    aimAnew(rtp_);
  }
  if (rtcp != rtcp_.latch.announced()) {
    rtcp_.latch.announce(rtcp);
    aimAnew(rtcp_);
  }
}

void RtpTransport::setSignalling(const RtpAddress& host) {
  const std::lock_guard lock(mutex_);
  for (Way* way : {&rtp_, &rtcp_})
    way->latch.setSignalling(host);
}

void RtpTransport::setAimAtAnnounced(bool on) {
  const std::lock_guard lock(mutex_);
  aims_at_announced_ = on;
  aimAnew(rtp_);
  aimAnew(rtcp_);
}

void RtpTransport::setAwaitSource(bool on) {
  const std::lock_guard lock(mutex_);
  awaits_source_ = on && rtp_.latch.how() != SourceLatch::How::Announced;
}

void RtpTransport::setLatching(bool on) {
  const std::lock_guard lock(mutex_);
  latching_ = on;
}

RtpTransport::Accepted RtpTransport::acceptRtp(const RtpAddress& from, int64_t now_us,
                                               std::span<const uint8_t> packet, bool agreed) {
  const std::lock_guard lock(mutex_);
  const Accepted accepted = latchRtp(from, packet, now_us, agreed);
  if (!accepted.taken || !reports_ || packet.empty()) return accepted;
  // From the same address again it is an echo of what we send, which needs no further SSRC.
  if (!reports_->received(packet, now_us) && reports_->isKnown() && echoing_ != from) {
    echoing_ = from;
    collision_ = kCollided | reports_->ssrc();
  }
  return accepted;
}

RtpTransport::Accepted RtpTransport::latchRtp(const RtpAddress& from,
                                              std::span<const uint8_t> packet, int64_t now_us,
                                              bool agreed) {
  if (!latching_) return {.taken = true};
  if (rtp_.latch.hears(from, now_us)) return {.taken = true};
  if (!agreed) return {};
  switch (rtp_.latch.packet(from, streamOf(packet), now_us)) {
    case SourceLatch::Verdict::Take:
      return {.taken = true};
    case SourceLatch::Verdict::Ignore:
      return {};
    case SourceLatch::Verdict::TakeAndLatch:
      break;
  }
  const SourceLatch::How how = rtp_.latch.how();
  if (how == SourceLatch::How::Announced) awaits_source_ = false;
  aim(rtp_, from);
  if (mux_) aim(rtcp_, from);
  // Reports that came first from somewhere else are not those of this stream.
  const auto& reporter = rtcp_.latch.latched();
  if (!mux_ && reporter && !reporter->sameHost(from) && *reporter != rtcp_.latch.announced()) {
    rtcp_.latch.release();
    aimAnew(rtcp_);
  }
  return {.taken = true, .latched = true, .how = how};
}

RtpTransport::Accepted RtpTransport::acceptRtcp(const RtpAddress& from, int64_t now_us,
                                                std::span<const uint8_t> packet) {
  const std::lock_guard lock(mutex_);
  const Accepted accepted = latchRtcp(from, now_us);
  if (accepted.taken && reports_) reports_->takeReport(packet, now_us);
  return accepted;
}

RtpTransport::Accepted RtpTransport::latchRtcp(const RtpAddress& from, int64_t now_us) {
  if (!latching_) return {.taken = true};
  const auto& audio = rtp_.latch.latched();
  // On one port there is one source.
  if (mux_ && audio) return {.taken = *audio == from};
  const SourceLatch::Verdict verdict = rtcp_.latch.report(from, audio, now_us);
  if (verdict == SourceLatch::Verdict::Ignore) return {};
  const bool latched = verdict == SourceLatch::Verdict::TakeAndLatch;
  if (latched) aim(rtcp_, from);
  return {.taken = true, .latched = latched, .how = rtcp_.latch.how()};
}

std::optional<RtpTransport::Source> RtpTransport::source() const {
  const std::lock_guard lock(mutex_);
  const auto& latched = rtp_.latch.latched();
  if (!latched) return std::nullopt;
  return Source{*latched, rtp_.latch.how()};
}

RtpTransport::Sent RtpTransport::send(Channel channel, const iovec* parts, size_t count,
                                      size_t bytes) {
  const std::lock_guard lock(mutex_);
  const auto header =
      reports_ && channel == Channel::Rtp ? headerOf(parts, count) : std::span<const uint8_t>();
  if (!header.empty() && reports_->isKnown() && !reports_->isOurs(header)) transmitReport(true);
  const Sent sent = transmit(wayOf(channel), parts, count);
  if (!header.empty() && sent == Sent::Ok) {
    reports_->sent(header, bytes - header.size(), g_get_monotonic_time());
  }
  return sent;
}

RtpTransport::Sent RtpTransport::transmit(Way& way, const iovec* parts, size_t count) const {
  if (way.descriptor < 0 || way.target_length == 0 || awaits_source_) return Sent::Nowhere;
  constexpr int kFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
  const auto* target = reinterpret_cast<const sockaddr*>(&way.target);
  ssize_t sent = -1;
  if (count == 1) {
    sent =
        sendto(way.descriptor, parts->iov_base, parts->iov_len, kFlags, target, way.target_length);
  } else {
    msghdr message{};
    message.msg_name = const_cast<sockaddr*>(target);
    message.msg_namelen = way.target_length;
    message.msg_iov = const_cast<iovec*>(parts);
    message.msg_iovlen = count;
    sent = sendmsg(way.descriptor, &message, kFlags);
  }
  return sent < 0 ? Sent::Failed : Sent::Ok;
}

void RtpTransport::beginReports(uint32_t clock_rate) {
  const uint64_t seed = uint64_t{g_random_int()} << 32 | g_random_int();
  const std::lock_guard lock(mutex_);
  reports_.emplace(clock_rate, seed);
  echoing_.reset();
}

void RtpTransport::transmitReport(bool goodbye) {
  std::vector<uint8_t> report =
      reports_->report(g_get_monotonic_time(), g_get_real_time(), goodbye);
  const iovec part = {.iov_base = report.data(), .iov_len = report.size()};
  if (transmit(rtcp_, &part, 1) == Sent::Ok) {
    counters_.rtcp_sent.fetch_add(1, std::memory_order_relaxed);
  }
}

int64_t RtpTransport::reportIntervalUs() {
  const std::lock_guard lock(mutex_);
  return reports_ ? reports_->nextIntervalUs() : 0;
}

void RtpTransport::sendReport() {
  const std::lock_guard lock(mutex_);
  if (reports_) transmitReport(false);
}

void RtpTransport::endReports() {
  const std::lock_guard lock(mutex_);
  if (reports_ && reports_->isKnown()) transmitReport(true);
  reports_.reset();
}

std::optional<uint32_t> RtpTransport::takeCollision() {
  if (collision_.load(std::memory_order_relaxed) == 0) return std::nullopt;
  return static_cast<uint32_t>(collision_.exchange(0));
}

std::optional<RtcpSession::Remote> RtpTransport::remote() const {
  const std::lock_guard lock(mutex_);
  return reports_ ? reports_->remote() : std::nullopt;
}

GSocket* RtpTransport::socketOf(const Way& way) const {
  return &way == &rtcp_ && mux_ ? rtp_.socket.get() : way.socket.get();
}

void RtpTransport::aimAnew(Way& way) const {
  const auto& audio = rtp_.latch.latched();
  const auto& latched = mux_ && audio ? audio : way.latch.latched();
  aim(way, latched ? *latched : aims_at_announced_ ? way.latch.announced() : RtpAddress{});
}

void RtpTransport::aim(Way& way, const RtpAddress& target) const {
  GSocket* socket = socketOf(way);
  way.target_length = 0;
  if (socket == nullptr || target.isNowhere()) return;
  const int family = g_socket_get_family(socket);
  way.target_length = target.toSockaddr(family, way.target);
}

}  // namespace wsbridge
