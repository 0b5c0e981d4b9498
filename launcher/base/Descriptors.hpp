// SPDX-License-Identifier: LGPL-2.1-or-later
// File descriptors of this process: how many there may be and how many there are. Owns nothing; any
// thread may call.
#pragma once

#include <cstddef>

namespace launcher {

/// Raises the soft limit as far as the hard one allows. Returns what is in force, 0 for no limit.
std::size_t raiseDescriptorLimit();

/// Makes the kernel's table of descriptors large enough for that many at once, as far as the limit
/// allows. Each time that it grows later, the thread that opens one too many waits for all
/// processors (synchronize_rcu in Linux, 10 ms and more); with one thread, now, nobody waits.
void reserveDescriptors(std::size_t count);

/// Reads a directory with one entry for each; not for a thread that must not wait.
[[nodiscard]] std::size_t countDescriptors();

}  // namespace launcher
