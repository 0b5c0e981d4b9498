// SPDX-License-Identifier: LGPL-2.1-or-later
// Time in nanoseconds of the monotonic clock, and kernel receive stamps turned into it. Any thread.
#pragma once

#include <cstdint>
#include <cstring>
#include <ctime>

#include <sys/socket.h>

namespace bench {

using Nanoseconds = int64_t;
constexpr Nanoseconds kMillisecond = 1000000;
constexpr Nanoseconds kSecond = 1000000000;

inline Nanoseconds readClock(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return time.tv_sec * kSecond + time.tv_nsec;
}

inline Nanoseconds now() {
  return readClock(CLOCK_MONOTONIC);
}

inline double toMs(Nanoseconds time) {
  return static_cast<double>(time) / 1e6;
}

// Both clocks at one moment, so that the kernel's stamps of a whole batch can be turned.
struct Clocks {
  Nanoseconds monotonic, realtime;
};

inline Clocks readClocks() {
  Clocks clocks{};
  for (int attempt = 0; attempt < 8; ++attempt) {
    clocks = {now(), readClock(CLOCK_REALTIME)};
    // Whoever loses the core in between would shift every stamp of the batch.
    if (now() - clocks.monotonic < kMillisecond / 50) break;
  }
  return clocks;
}

// When the kernel took the datagram in; the moment of `clocks`, when it gave no stamp.
inline Nanoseconds arrivalOf(msghdr& message, const Clocks& clocks) {
  for (cmsghdr* item = CMSG_FIRSTHDR(&message); item != nullptr;
       item = CMSG_NXTHDR(&message, item)) {
    if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_TIMESTAMPNS) continue;
    timespec stamp{};
    std::memcpy(&stamp, CMSG_DATA(item), sizeof stamp);
    const Nanoseconds age = clocks.realtime - (stamp.tv_sec * kSecond + stamp.tv_nsec);
    // A step of the wall clock in between would show as a negative or absurd age.
    if (age >= -kMillisecond && age < 10 * kSecond) return clocks.monotonic - age;
  }
  return clocks.monotonic;
}

}  // namespace bench
