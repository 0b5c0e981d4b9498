// SPDX-License-Identifier: LGPL-2.1-or-later
#include "media/SequenceWindow.hpp"

namespace launcher {

bool SequenceWindow::isDuplicate(std::uint16_t sequence) {
  const std::size_t slot = sequence % kPackets;
  const int ahead = started_ ? static_cast<std::int16_t>(sequence - highest_) : 1;
  if (ahead <= -static_cast<int>(kPackets)) return false;
  if (ahead <= 0) {
    const bool before = seen_[slot];
    seen_.set(slot);
    return before;
  }
  if (!started_ || ahead >= static_cast<int>(kPackets)) {
    seen_.reset();
  } else {
    for (int skipped = 1; skipped < ahead; ++skipped)
      seen_.reset((highest_ + static_cast<std::size_t>(skipped)) % kPackets);
  }
  started_ = true;
  highest_ = sequence;
  seen_.set(slot);
  return false;
}

}  // namespace launcher
