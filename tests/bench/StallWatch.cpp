// SPDX-License-Identifier: LGPL-2.1-or-later
#include "StallWatch.hpp"

#include <algorithm>
#include <cerrno>

#include <sched.h>

namespace bench {
namespace {

constexpr Nanoseconds kPeriod = 2 * kMillisecond;
constexpr Nanoseconds kNoticed = 2 * kMillisecond;  // beyond the period
constexpr size_t kExpected = 4096;

bool highestPriorityOn(unsigned core) {
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(core, &only);
  if (sched_setaffinity(0, sizeof only, &only) != 0) return false;
  sched_param priority{};
  priority.sched_priority = sched_get_priority_max(SCHED_FIFO);
  return sched_setscheduler(0, SCHED_FIFO, &priority) == 0;
}

}  // namespace

Stalls merged(Stalls stalls) {
  std::ranges::sort(stalls, {}, &Stall::from);
  Stalls result;
  for (const Stall& stall : stalls)
    if (!result.empty() && stall.from <= result.back().to)
      result.back().to = std::max(result.back().to, stall.to);
    else
      result.push_back(stall);
  return result;
}

Nanoseconds stillBetween(const Stalls& stalls, Nanoseconds from, Nanoseconds to) {
  Nanoseconds sum = 0;
  for (auto stall = std::ranges::lower_bound(stalls, from, {}, &Stall::to);
       stall != stalls.end() && stall->from < to; ++stall)
    sum += std::min(to, stall->to) - std::max(from, stall->from);
  return sum;
}

void StallWatch::begin() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  std::vector<unsigned> cores;
  for (unsigned core = 0; core < CPU_SETSIZE; ++core)
    if (CPU_ISSET(core, &allowed)) cores.push_back(core);
  perCore_.resize(cores.size());
  for (size_t i = 0; i < cores.size(); ++i)
    threads_.emplace_back([this, core = cores[i], &seen = perCore_[i]] { watch(core, seen); });
}

void StallWatch::finish() {
  if (threads_.empty()) return;
  ending_ = true;
  for (std::thread& thread : threads_)
    thread.join();
  threads_.clear();
  if (!watched()) return;
  Stalls all;
  for (const Stalls& seen : perCore_)
    all.insert(all.end(), seen.begin(), seen.end());
  stalls_ = merged(std::move(all));
}

void StallWatch::watch(unsigned core, Stalls& seen) {
  if (!highestPriorityOn(core)) {
    unwatched_ = true;
    return;
  }
  seen.reserve(kExpected);
  Nanoseconds due = now();
  while (!ending_) {
    due += kPeriod;
    const timespec until{due / kSecond, due % kSecond};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
    }
    const Nanoseconds woke = now();
    if (woke - due < kNoticed) continue;
    seen.push_back({due, woke});
    due = woke;
  }
}

}  // namespace bench
