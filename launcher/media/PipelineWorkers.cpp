// SPDX-License-Identifier: LGPL-2.1-or-later
#include "media/PipelineWorkers.hpp"

#include <algorithm>
#include <exception>

#include "log/Log.hpp"

namespace launcher {

PipelineWorkers::PipelineWorkers(int threads) {
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

void PipelineWorkers::post(std::uint64_t key, Task task) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back({key, std::move(task)});
  }
  changed_.notify_one();
}

void PipelineWorkers::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    const auto next = std::find_if(queue_.begin(), queue_.end(), [this](const Entry& entry) {
      return busy_.count(entry.key) == 0;
    });
    if (next == queue_.end()) {
      if (stopping_ && queue_.empty()) return;
      changed_.wait(lock);
      continue;
    }
    Entry entry = std::move(*next);
    queue_.erase(next);
    busy_.insert(entry.key);
    lock.unlock();
    try {
      entry.task();
    } catch (const std::exception& fault) {
      log::error("internal-fault", {{"where", "worker"}, {"text", fault.what()}});
    }
    entry.task = nullptr;
    lock.lock();
    busy_.erase(entry.key);
    changed_.notify_all();
  }
}

}  // namespace launcher
