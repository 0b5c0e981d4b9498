// SPDX-License-Identifier: LGPL-2.1-or-later
#include "rtp/RtpTransport.hpp"

#include <map>

namespace wsbridge {

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
  aim(rtp_, rtp_.latch.announced());
  aim(rtcp_, rtcp_.latch.announced());
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
    aim(rtp_, rtp);
  }
  if (rtcp != rtcp_.latch.announced()) {
    rtcp_.latch.announce(rtcp);
    aim(rtcp_, rtcp);
  }
}

void RtpTransport::setLatching(bool on) {
  const std::lock_guard lock(mutex_);
  latching_ = on;
}

RtpTransport::Accepted RtpTransport::acceptRtp(const RtpAddress& from, int64_t now_us) {
  const std::lock_guard lock(mutex_);
  if (!latching_) return {.taken = true, .latched = false};
  switch (rtp_.latch.packet(from, now_us)) {
    case SourceLatch::Verdict::Take:
      return {.taken = true, .latched = false};
    case SourceLatch::Verdict::Ignore:
      return {};
    case SourceLatch::Verdict::TakeAndLatch:
      break;
  }
  aim(rtp_, from);
  if (mux_) aim(rtcp_, from);
  return {.taken = true, .latched = true};
}

RtpTransport::Accepted RtpTransport::acceptRtcp(const RtpAddress& from, int64_t now_us) {
  const std::lock_guard lock(mutex_);
  if (!latching_) return {.taken = true, .latched = false};
  // Reports count only from the host that the audio comes from.
  const auto& audio = rtp_.latch.latched();
  if (audio && !audio->sameHost(from)) return {};
  const SourceLatch::Verdict verdict = rtcp_.latch.packet(from, now_us);
  if (verdict == SourceLatch::Verdict::Ignore) return {};
  if (verdict == SourceLatch::Verdict::TakeAndLatch) aim(rtcp_, from);
  return {.taken = true, .latched = verdict == SourceLatch::Verdict::TakeAndLatch};
}

std::optional<RtpAddress> RtpTransport::source() const {
  const std::lock_guard lock(mutex_);
  return rtp_.latch.latched();
}

RtpTransport::Sent RtpTransport::send(Channel channel, const iovec* parts, size_t count) {
  const std::lock_guard lock(mutex_);
  Way& way = wayOf(channel);
  if (way.descriptor < 0 || way.target_length == 0) return Sent::Nowhere;
  msghdr message{};
  message.msg_name = &way.target;
  message.msg_namelen = way.target_length;
  message.msg_iov = const_cast<iovec*>(parts);
  message.msg_iovlen = count;
  constexpr int kFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
  return sendmsg(way.descriptor, &message, kFlags) < 0 ? Sent::Failed : Sent::Ok;
}

GSocket* RtpTransport::socketOf(const Way& way) const {
  return &way == &rtcp_ && mux_ ? rtp_.socket.get() : way.socket.get();
}

void RtpTransport::aim(Way& way, const RtpAddress& target) const {
  GSocket* socket = socketOf(way);
  way.target_length = 0;
  if (socket == nullptr || target.isNowhere()) return;
  const int family = g_socket_get_family(socket);
  way.target_length = target.toSockaddr(family, way.target);
}

}  // namespace wsbridge
