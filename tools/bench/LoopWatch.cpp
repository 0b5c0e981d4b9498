// SPDX-License-Identifier: LGPL-2.1-or-later
#include "LoopWatch.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <limits>
#include <string>

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "Priority.hpp"
#include "wire/Text.hpp"

namespace bench {

using namespace wire;
namespace {

constexpr Nanoseconds kPeriod = 10 * kMillisecond;
constexpr Nanoseconds kNoticed = 1 * kMillisecond;
constexpr size_t kExpected = 4096;

/// The second number: nanoseconds on a run queue; −1 when the thread is gone.
int64_t waitedSoFar(const FileDescriptor& file) {
  std::array<char, 96> text{};
  const ssize_t count = pread(file.get(), text.data(), text.size() - 1, 0);
  if (count <= 0) return -1;
  char* rest = nullptr;
  std::strtoll(text.data(), &rest, 10);
  return std::strtoll(rest, nullptr, 10);
}

}  // namespace

void LoopWatch::begin(int pid) {
  if (pid <= 0) return;
  const std::string tasks = format("/proc/%d/task/", pid);
  DIR* directory = opendir(tasks.c_str());
  if (directory == nullptr) return;
  while (const dirent* entry = readdir(directory)) {
    const int thread = std::atoi(entry->d_name);
    const int policy = thread > 0 ? sched_getscheduler(thread) & ~SCHED_RESET_ON_FORK : -1;
    if (policy != SCHED_RR && policy != SCHED_FIFO) continue;
    const std::string path = tasks + entry->d_name + "/schedstat";
    Loop loop{FileDescriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC))};
    if (!loop.file.valid()) continue;
    loop.waited = waitedSoFar(loop.file);
    loops_.push_back(std::move(loop));
  }
  closedir(directory);
  if (loops_.empty()) return;
  thread_ = std::thread([this] { watch(); });
  begun_.wait(false);
}

void LoopWatch::finish() {
  ending_ = true;
  if (thread_.joinable()) thread_.join();
}

void LoopWatch::watch() {
  raisePriority(kOtherMachine + 1);
  waits_.reserve(kExpected);
  Nanoseconds due = now();
  begun_ = true;
  begun_.notify_one();
  while (!ending_) {
    due += kPeriod;
    const timespec until{due / kSecond, due % kSecond};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
    const Nanoseconds present = now();
    Nanoseconds least = std::numeric_limits<Nanoseconds>::max();
    for (Loop& loop : loops_) {
      const int64_t waited = waitedSoFar(loop.file);
      if (waited < 0) return;
      least = std::min<Nanoseconds>(least, waited - loop.waited);
      loop.waited = waited;
    }
    due = std::max(due, present - kPeriod);
    if (least < kNoticed) continue;
    waits_.push_back({present - least, present});
    waited_ += least;
  }
}

}  // namespace bench
