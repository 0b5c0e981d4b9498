// SPDX-License-Identifier: LGPL-2.1-or-later
// The priorities of the benchmark's threads. Generator and endpoint stand for other machines: they
// must not be what waits for a core. The floor's loops have the priority of the gateway's.
#pragma once

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

namespace bench {

inline constexpr int kOtherMachine = 10;
inline constexpr int kMediaLoop = 5;

/// Real time for the calling thread, or as near to it as is allowed.
inline void raisePriority(int priority) {
  constexpr int kNice = -11;
  sched_param wanted{};
  wanted.sched_priority = priority;
  if (sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &wanted) != 0)
    setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()),
                priority > kMediaLoop ? kNice - 4 : kNice);
}

}  // namespace bench
