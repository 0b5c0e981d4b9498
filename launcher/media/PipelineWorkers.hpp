// SPDX-License-Identifier: LGPL-2.1-or-later
// The few threads that build pipelines, change their states and take them down: everything in
// GStreamer that may block. Tasks of one key run one at a time, and in order as long as no set-up
// follows a take-down. Any thread may post. They run at the priority of the media loops.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <vector>

namespace launcher {

class PipelineWorkers {
 public:
  using Task = std::function<void()>;
  /// Callers wait for a set-up; nobody does for a take-down, but it frees what the next call needs.
  /// Take-downs may wait for a last RTCP packet, so with several threads one is left to set-ups.
  enum class Kind { SetUp, TakeDown };
  /// A take-down that has waited this long goes before every set-up.
  static constexpr std::int64_t kPatienceUs = 200000;

  explicit PipelineWorkers(int threads, std::int64_t patienceUs = kPatienceUs);
  /// Finishes what is queued, then joins.
  ~PipelineWorkers();
  PipelineWorkers(const PipelineWorkers&) = delete;
  PipelineWorkers& operator=(const PipelineWorkers&) = delete;

  void post(std::uint64_t key, Kind kind, Task task);

 private:
  struct Entry {
    std::uint64_t key;
    Kind kind;
    Task task;
    std::int64_t postedAt;  ///< monotonic, µs
  };
  using Queue = std::deque<Entry>;
  void work();
  [[nodiscard]] std::optional<Entry> next();
  std::optional<Entry> takeFrom(Queue& queue);

  const std::int64_t patience_us_;
  const int most_take_downs_;  ///< at once
  std::mutex mutex_;
  std::condition_variable changed_;
  Queue set_ups_;
  Queue take_downs_;
  std::set<std::uint64_t> busy_;
  int taking_down_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace launcher
