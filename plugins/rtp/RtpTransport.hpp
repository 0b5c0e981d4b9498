// SPDX-License-Identifier: LGPL-2.1-or-later
//
// RtpTransport: the UDP sockets of one RTP session, whose packets are taken and where ours go.
// Shared by a wsbridgertpsrc, which supplies the sockets and reads them, and a wsbridgertpsink,
// which sends, by name. Any thread; the lock is held during the system call that sends, so that a
// socket cannot be taken away under it.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <string>

#include <sys/uio.h>

#include "rtp/RtcpSession.hpp"
#include "rtp/SourceLatch.hpp"
#include "runtime/GlibPtr.hpp"

namespace wsbridge {

class RtpTransport {
 public:
  enum class Channel { Rtp, Rtcp };
  enum class Sent {
    Ok,
    Nowhere,  ///< no socket, or no address yet
    Failed,   ///< errno says why
  };
  struct Accepted {
    bool taken = false;
    bool latched = false;  ///< the source is new
    SourceLatch::How how = SourceLatch::How::None;
  };
  struct Source {
    RtpAddress address;
    SourceLatch::How how;
  };
  struct Counters {
    std::atomic<uint64_t> rtp_received{0};
    std::atomic<uint64_t> rtp_bytes_received{0};
    std::atomic<uint64_t> rtp_ignored{0};
    std::atomic<uint64_t> rtcp_received{0};
    std::atomic<uint64_t> rtp_sent{0};
    std::atomic<uint64_t> rtp_bytes_sent{0};
    std::atomic<uint64_t> rtp_unsent{0};
    std::atomic<uint64_t> rtcp_sent{0};
    std::atomic<int64_t> last_rtp_us{0};  ///< monotonic; 0 before the first packet
  };

  /// The transport of that name, or a new one; an empty name always makes a new one.
  static std::shared_ptr<RtpTransport> acquire(const std::string& name);

  /// One reader at a time; false: there is another.
  bool claimReader() { return !reader_.exchange(true); }
  void releaseReader() { reader_ = false; }

  /// With `mux` RTCP is sent from the RTP socket, RFC 5761; `rtcp` may be null then.
  void setSockets(GObjectPtr<GSocket> rtp, GObjectPtr<GSocket> rtcp, bool mux);
  void clearSockets();

  /// Where the other side says it is.
  void announce(const RtpAddress& rtp, const RtpAddress& rtcp);
  /// The host that the signalling comes from; all zero: not known.
  void setSignalling(const RtpAddress& host);
  /// Whether the announced address is sent to before a packet has come; who latches always is.
  void setAimAtAnnounced(bool on);
  /// Nothing is sent, reports neither, until this is off again or the announced address latches.
  void setAwaitSource(bool on);
  void setLatching(bool on);

  /// `packet` is valid RTP of an agreed type; without it nothing is noted for the reports.
  Accepted acceptRtp(const RtpAddress& from, int64_t now_us, std::span<const uint8_t> packet = {},
                     bool agreed = true);
  Accepted acceptRtcp(const RtpAddress& from, int64_t now_us, std::span<const uint8_t> packet = {});
  [[nodiscard]] std::optional<Source> source() const;

  /// `bytes`: of all parts.
  Sent send(Channel channel, const iovec* parts, size_t count, size_t bytes);

  /// Reports are made here from now on; without it RTCP is somebody else's.
  void beginReports(uint32_t clock_rate);
  /// Until the next one is due; 0: there are none.
  int64_t reportIntervalUs();
  void sendReport();
  /// A BYE, when anybody can know of us; the reports end.
  void endReports();
  /// Our SSRC, once, when somebody else was found to have it as well, RFC 3550 8.2: whoever chose
  /// it has to choose another, and before the first packet with that a BYE goes out for the old
  /// one.
  std::optional<uint32_t> takeCollision();
  [[nodiscard]] std::optional<RtcpSession::Remote> remote() const;

  Counters& counters() { return counters_; }

 private:
  struct Way {
    GObjectPtr<GSocket> socket;
    int descriptor = -1;  // what is sent from; with mux that of RTP
    SourceLatch latch;
    sockaddr_storage target{};
    socklen_t target_length = 0;  // 0: nowhere
  };

  RtpTransport() = default;
  Way& wayOf(Channel channel) { return channel == Channel::Rtp ? rtp_ : rtcp_; }
  void aim(Way& way, const RtpAddress& target) const;
  /// At who is latched, or at the announced address where that may be.
  void aimAnew(Way& way) const;
  [[nodiscard]] GSocket* socketOf(const Way& way) const;
  Accepted latchRtp(const RtpAddress& from, std::span<const uint8_t> packet, int64_t now_us,
                    bool agreed);
  Accepted latchRtcp(const RtpAddress& from, int64_t now_us);
  Sent transmit(Way& way, const iovec* parts, size_t count) const;
  void transmitReport(bool goodbye);

  mutable std::mutex mutex_;  // guards all that follows but the atomics
  Way rtp_;
  Way rtcp_;
  bool mux_ = false;
  bool latching_ = true;
  bool aims_at_announced_ = true;
  bool awaits_source_ = false;
  std::optional<RtcpSession> reports_;
  std::optional<RtpAddress> echoing_;  // who was found to use our SSRC
  static constexpr uint64_t kCollided = uint64_t{1} << 32;
  std::atomic<uint64_t> collision_{0};  // kCollided and the SSRC
  std::atomic<bool> reader_{false};
  Counters counters_;
};

}  // namespace wsbridge
