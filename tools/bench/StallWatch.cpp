// SPDX-License-Identifier: LGPL-2.1-or-later
#include "StallWatch.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <string>

#include <sched.h>

namespace bench {
namespace {

constexpr Nanoseconds kPeriod = 2 * kMillisecond;
constexpr Nanoseconds kNoticed = 2 * kMillisecond;  // beyond the period
constexpr size_t kExpected = 4096;
constexpr double kMostBusy = 0.95;  // a busier machine would never be done

bool highestPriorityOn(unsigned core) {
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(core, &only);
  if (sched_setaffinity(0, sizeof only, &only) != 0) return false;
  sched_param priority{};
  priority.sched_priority = sched_get_priority_max(SCHED_FIFO);
  return sched_setscheduler(0, SCHED_FIFO, &priority) == 0;
}

struct CpuTime {
  double idle = 0, all = 0;  // without what the hypervisor gave to others
};

// The first line of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal.
CpuTime cpuTime() {
  std::ifstream file("/proc/stat");
  std::string word;
  file >> word;
  CpuTime time;
  double value = 0;
  for (int i = 0; i < 7 && file >> value; ++i) {
    time.all += value;
    if (i == 3 || i == 4) time.idle += value;
  }
  return time;
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

Backlog::Backlog(const Stalls& stalls, double busy)
    : stalls_(stalls), idle_(1 - std::clamp(busy, 0.0, kMostBusy)) {
  behind_.reserve(stalls.size());
  for (const Stall& stall : stalls)
    behind_.push_back(at(stall.from));
}

Nanoseconds Backlog::at(Nanoseconds due) const {
  const auto next = std::ranges::lower_bound(stalls_, due, {}, &Stall::from);
  // While they are gathered, only those before it are there.
  const auto before = std::min(static_cast<size_t>(next - stalls_.begin()), behind_.size());
  if (before == 0) return 0;
  const Stall& last = stalls_[before - 1];
  const auto done = static_cast<Nanoseconds>(idle_ * static_cast<double>(due - last.from));
  return std::max<Nanoseconds>(0, behind_[before - 1] + last.to - last.from - done);
}

Nanoseconds Backlog::owed(Nanoseconds due, Nanoseconds arrival) const {
  Nanoseconds sum = at(due);
  for (auto stall = std::ranges::lower_bound(stalls_, due, {}, &Stall::from);
       stall != stalls_.end() && stall->from < arrival; ++stall)
    sum += std::min(arrival, stall->to) - stall->from;
  return sum;
}

void StallWatch::begin() {
  const CpuTime time = cpuTime();
  idle_before_ = time.idle;
  all_before_ = time.all;
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  std::vector<unsigned> cores;
  for (unsigned core = 0; core < CPU_SETSIZE; ++core)
    if (CPU_ISSET(core, &allowed)) cores.push_back(core);
  per_core_.resize(cores.size());
  for (size_t i = 0; i < cores.size(); ++i)
    threads_.emplace_back([this, core = cores[i], &seen = per_core_[i]] { watch(core, seen); });
}

void StallWatch::finish() {
  if (threads_.empty()) return;
  ending_ = true;
  for (std::thread& thread : threads_)
    thread.join();
  threads_.clear();
  if (!watched()) return;
  Stalls all;
  for (const Stalls& seen : per_core_)
    all.insert(all.end(), seen.begin(), seen.end());
  const CpuTime time = cpuTime();
  const double passed = time.all - all_before_;
  const double busy = passed > 0 ? 1 - (time.idle - idle_before_) / passed : 0;
  backlog_ = Backlog(merged(std::move(all)), busy);
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
