// SPDX-License-Identifier: LGPL-2.1-or-later
// The SIP connections that others have opened: how many there may be, and which are to be shut: a
// message has to be whole within 10 s, and a connection that no dialog holds is shut after a minute
// without a message. Pure: descriptors are only names here, the caller brings the clock, monotonic
// µs. SIP thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "base/Networks.hpp"
#include "config/Config.hpp"

namespace launcher {

class SipConnections {
 public:
  static constexpr std::int64_t kIdleUs = 60'000'000;
  static constexpr std::int64_t kMessageUs = 10'000'000;

  /// Null when the connection may stay; otherwise the key of the limit that it exceeds. Peers are
  /// counted by source; strangers, all together, have a share of their own.
  [[nodiscard]] const char* open(int descriptor, const IpAddress& from, bool peer,
                                 const Config::Limits& limits, std::int64_t nowUs);
  void closed(int descriptor);
  /// Bytes that are no empty lines.
  void received(int descriptor, std::int64_t nowUs);
  void message(int descriptor, std::int64_t nowUs);
  /// A dialog came in by it: it stays until the dialog's end. The number tells connections apart
  /// that have the same descriptor one after the other; 0 is none.
  [[nodiscard]] std::uint64_t hold(int descriptor);
  void release(std::uint64_t connection);

  /// Those that are to be shut now.
  [[nodiscard]] std::vector<int> overdue(std::int64_t nowUs) const;
  std::size_t size() const { return connections_.size(); }

 private:
  struct Connection {
    std::uint64_t number;
    IpAddress source;
    bool peer;
    std::int64_t lastMessageUs;
    std::int64_t partSinceUs;  ///< 0: no message has begun
    unsigned holds;
  };
  std::map<int, Connection> connections_;
  std::map<IpAddress, std::size_t> by_source_;  ///< of peers
  std::size_t strangers_ = 0;
  std::uint64_t next_number_ = 1;
};

}  // namespace launcher
