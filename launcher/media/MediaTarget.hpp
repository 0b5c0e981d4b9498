// SPDX-License-Identifier: LGPL-2.1-or-later
// Where the RTP of a call may go: a caller names an address in its SDP, which may be anybody's.
// Pure, but for reachesSocket(), which reads the table of the network interfaces.
#pragma once

#include <string>
#include <vector>

namespace launcher {

/// When the announced address is sent to.
enum class Aim {
  AtOnce,
  OnceLatched,  ///< a private one: not before its packets have come; elsewhere if others' do
  Never,        ///< as if nothing were announced
};

struct MediaTarget {
  Aim aim = Aim::Never;
  std::string signalling;  ///< where the SIP of the other side comes from; empty: not known

  bool operator==(const MediaTarget&) const = default;
};

/// `announced` and `signalling` are addresses as text; what is no address is never aimed at.
/// `allow`: the networks of rtp.allow.
[[nodiscard]] Aim aimOf(const std::string& announced, const std::string& signalling,
                        const std::vector<std::string>& allow);

/// Whether a socket that is bound to `bound` can send to `address`: an address, no name, and of the
/// same family.
[[nodiscard]] bool canReach(const std::string& bound, const std::string& address);

/// Whether a packet to `address` comes to a socket that is bound to one of `bound`.
[[nodiscard]] bool reachesSocket(const std::string& address, const std::vector<std::string>& bound);

}  // namespace launcher
