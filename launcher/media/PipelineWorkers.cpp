// SPDX-License-Identifier: LGPL-2.1-or-later
#include "media/PipelineWorkers.hpp"

#include <algorithm>
#include <exception>

#include <sys/resource.h>
#include <unistd.h>

#include <glib.h>

#include "log/Log.hpp"

namespace launcher {

namespace {

// As the media loops. GLib's types, signals and memory have locks of the whole process: a worker
// that is not let run while it holds one keeps every loop waiting, which costs calls in progress
// more than the millisecond of a set-up.
constexpr int kNice = -11;

}  // namespace

PipelineWorkers::PipelineWorkers(int threads, std::int64_t patienceUs)
    : patience_us_(patienceUs), most_take_downs_(std::max(1, threads - 1)) {
  for (int i = 0; i < threads; ++i)
    threads_.emplace_back([this] { work(); });
}

PipelineWorkers::~PipelineWorkers() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_)
    thread.join();
}

void PipelineWorkers::post(std::uint64_t key, Kind kind, Task task) {
  {
    const std::lock_guard lock(mutex_);
    Queue& queue = kind == Kind::SetUp ? set_ups_ : take_downs_;
    queue.push_back({key, kind, std::move(task), g_get_monotonic_time()});
  }
  changed_.notify_one();
}

std::optional<PipelineWorkers::Entry> PipelineWorkers::takeFrom(Queue& queue) {
  const auto free = std::find_if(queue.begin(), queue.end(), [this](const Entry& entry) {
    return busy_.count(entry.key) == 0;
  });
  if (free == queue.end()) return std::nullopt;
  Entry entry = std::move(*free);
  queue.erase(free);
  return entry;
}

std::optional<PipelineWorkers::Entry> PipelineWorkers::next() {
  if (taking_down_ >= most_take_downs_) return takeFrom(set_ups_);
  const std::int64_t now = g_get_monotonic_time();
  const bool impatient = !take_downs_.empty() && now - take_downs_.front().postedAt >= patience_us_;
  if (auto first = takeFrom(impatient ? take_downs_ : set_ups_)) return first;
  return takeFrom(impatient ? set_ups_ : take_downs_);
}

void PipelineWorkers::work() {
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNice);  // where it may
  std::unique_lock lock(mutex_);
  for (;;) {
    std::optional<Entry> found = next();
    if (!found) {
      if (stopping_ && set_ups_.empty() && take_downs_.empty()) return;
      changed_.wait(lock);
      continue;
    }
    Entry& entry = *found;
    busy_.insert(entry.key);
    const int takeDown = entry.kind == Kind::TakeDown ? 1 : 0;
    taking_down_ += takeDown;
    lock.unlock();
    try {
      entry.task();
    } catch (const std::exception& fault) {
      log::error("internal-fault", {{"where", "worker"}, {"text", fault.what()}});
    }
    entry.task = nullptr;
    lock.lock();
    busy_.erase(entry.key);
    taking_down_ -= takeDown;
    changed_.notify_all();
  }
}

}  // namespace launcher
