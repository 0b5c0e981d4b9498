// SPDX-License-Identifier: LGPL-2.1-or-later
// The UDP ports of the calls: an even one for RTP and the next for RTCP, bound before the SDP is
// written, drawn at random so that nobody can tell those of the next call. Owns the list of what is
// in use; a pair that was given back rests for a while, so that late packets of one call do not
// reach the next. Any thread may call.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <gio/gio.h>

#include "base/Result.hpp"
#include "config/Config.hpp"

namespace launcher {

enum class PortFault { None, RangeUsed, NoSocket };

struct RtpSockets {
  std::uint16_t port = 0;
  std::shared_ptr<GSocket> rtp;
  std::shared_ptr<GSocket> rtcp;
};

class RtpPorts {
 public:
  explicit RtpPorts(PortRange range);
  RtpPorts(const RtpPorts&) = delete;
  RtpPorts& operator=(const RtpPorts&) = delete;

  /// The fault: no pair is free, or the process gets no socket at all.
  Result<RtpSockets, PortFault> take(const std::string& address);
  /// The fault of a take() in words, with what the kernel says.
  [[nodiscard]] std::string explain(const std::string& address, PortFault fault) const;
  /// Why take() would find nothing, without trying: all pairs are in use, or the last attempt,
  /// which was not long ago, has found nothing, and nothing has been given back since.
  [[nodiscard]] PortFault lacking() const;
  /// Closes the sockets.
  void giveBack(const RtpSockets& sockets);
  [[nodiscard]] std::size_t inUse() const;
  /// A UDP port that this process listens on for something else than RTP.
  void addOwn(const std::string& address, std::uint16_t port);
  /// The addresses at which this process listens on that port: RTP and RTCP of calls, and what
  /// addOwn() has named.
  [[nodiscard]] std::vector<std::string> boundTo(std::uint16_t port) const;
  /// How many there are in the range.
  [[nodiscard]] std::size_t pairs() const;

 private:
  [[nodiscard]] bool resting(std::uint16_t port) const;
  Result<RtpSockets, PortFault> find(const std::string& address);

  mutable std::mutex mutex_;
  PortRange range_;
  std::map<std::uint16_t, std::string> used_;  ///< RTP port and address
  std::vector<std::pair<std::uint16_t, std::string>> others_;
  std::deque<std::pair<std::uint16_t, std::int64_t>> rested_;  ///< port and until when, µs
  PortFault last_fault_ = PortFault::None;
  std::int64_t failed_at_ = 0;  ///< µs
};

}  // namespace launcher
