// SPDX-License-Identifier: LGPL-2.1-or-later
// The few threads that parse pipelines, change their states and take them down: everything in
// GStreamer that may block. Tasks of one key run in order, one at a time. Any thread may post.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace launcher {

class PipelineWorkers {
 public:
  using Task = std::function<void()>;

  explicit PipelineWorkers(int threads);
  /// Finishes what is queued, then joins.
  ~PipelineWorkers();
  PipelineWorkers(const PipelineWorkers&) = delete;
  PipelineWorkers& operator=(const PipelineWorkers&) = delete;

  void post(std::uint64_t key, Task task);

 private:
  struct Entry {
    std::uint64_t key;
    Task task;
  };
  void work();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Entry> queue_;
  std::set<std::uint64_t> busy_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace launcher
