// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sip/door/SipConnections.hpp"

#include <algorithm>

namespace launcher {

const char* SipConnections::open(int descriptor, const IpAddress& from, bool peer,
                                 const Config::Limits& limits, std::int64_t nowUs) {
  closed(descriptor);
  const IpAddress source = from.source();
  const auto over = [](std::size_t count, int most) {
    return most > 0 && count >= static_cast<std::size_t>(most);
  };
  if (over(connections_.size(), limits.connections)) return "limits.connections";
  const auto found = by_source_.find(source);
  if (peer && found != by_source_.end() && over(found->second, limits.peerConnections))
    return "limits.peer-connections";
  if (!peer && over(strangers_, limits.strangerConnections)) return "limits.stranger-connections";
  if (peer) {
    ++by_source_[source];
  } else {
    ++strangers_;
  }
  connections_[descriptor] = {next_number_++, source, peer, nowUs, 0, 0};
  return nullptr;
}

void SipConnections::closed(int descriptor) {
  const auto found = connections_.find(descriptor);
  if (found == connections_.end()) return;
  if (!found->second.peer) {
    --strangers_;
  } else if (--by_source_[found->second.source] == 0) {
    by_source_.erase(found->second.source);
  }
  connections_.erase(found);
}

void SipConnections::received(int descriptor, std::int64_t nowUs) {
  const auto found = connections_.find(descriptor);
  if (found != connections_.end() && found->second.partSinceUs == 0)
    found->second.partSinceUs = nowUs;
}

void SipConnections::message(int descriptor, std::int64_t nowUs) {
  const auto found = connections_.find(descriptor);
  if (found == connections_.end()) return;
  found->second.partSinceUs = 0;
  found->second.lastMessageUs = nowUs;
}

std::uint64_t SipConnections::hold(int descriptor) {
  const auto found = connections_.find(descriptor);
  if (found == connections_.end()) return 0;
  ++found->second.holds;
  return found->second.number;
}

void SipConnections::release(std::uint64_t connection) {
  const auto found =
      std::find_if(connections_.begin(), connections_.end(),
                   [connection](const auto& entry) { return entry.second.number == connection; });
  if (found != connections_.end() && found->second.holds > 0) --found->second.holds;
}

std::vector<int> SipConnections::overdue(std::int64_t nowUs) const {
  std::vector<int> all;
  for (const auto& [descriptor, connection] : connections_) {
    const bool part = connection.partSinceUs != 0 && nowUs - connection.partSinceUs >= kMessageUs;
    const bool idle = connection.holds == 0 && nowUs - connection.lastMessageUs >= kIdleUs;
    if (part || idle) all.push_back(descriptor);
  }
  return all;
}

}  // namespace launcher
