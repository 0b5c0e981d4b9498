// SPDX-License-Identifier: LGPL-2.1-or-later
// Tells a doubled RTP packet from a late one: remembers which of the last sequence numbers have
// come. Pure. One streaming thread.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>

namespace launcher {

class SequenceWindow {
 public:
  /// Notes a packet; true when that sequence number has come before.
  bool isDuplicate(std::uint16_t sequence);

  /// How far back it remembers; more than two seconds of the shortest packets.
  static constexpr std::size_t kPackets = 256;

 private:
  bool started_ = false;
  std::uint16_t highest_ = 0;
  std::bitset<kPackets> seen_;  ///< by sequence number modulo kPackets
};

}  // namespace launcher
