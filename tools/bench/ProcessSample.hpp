// SPDX-License-Identifier: LGPL-2.1-or-later
// What /proc tells about another process at one moment. Any thread.
#pragma once

#include <cstdint>

#include "Clock.hpp"

namespace bench {

struct ProcessSample {
  bool valid = false;
  Nanoseconds time = 0;
  double userSeconds = 0, systemSeconds = 0;
  int threads = 0, descriptors = 0;
  int64_t residentBytes = 0;
  int64_t wakeUps = 0;  // voluntary context switches of the threads that run now
};

ProcessSample sampleProcess(int pid);  // pid 0: not valid
// What does not grow with the number of threads: memory, descriptors, threads.
ProcessSample sampleSize(int pid);
int64_t residentBytesOf(int pid);  // the cheap part of it; −1 when the process is gone

}  // namespace bench
