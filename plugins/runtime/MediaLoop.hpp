// SPDX-License-Identifier: LGPL-2.1-or-later
//
// MediaLoop: one thread with one GMainContext and one epoll set. It owns the sockets, timers and
// WebSockets of all connections assigned to it. acquire(), post(), isCurrent(), load() and
// lateness() may be called from any thread; everything else belongs to the loop's own thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <sys/epoll.h>

#include <glib.h>

#include "runtime/LoopLateness.hpp"
#include "runtime/LoopLoad.hpp"

namespace wsbridge {

class MediaLoop;

/// Registration of one descriptor in a loop's epoll set. Created, used and destroyed on the loop's
/// thread.
class SocketWatch {
 public:
  /// May do anything, destroying any watch included.
  using Handler = std::function<void(uint32_t events)>;

  SocketWatch(MediaLoop& loop, int fd, Handler handler);
  ~SocketWatch();
  SocketWatch(const SocketWatch&) = delete;
  SocketWatch& operator=(const SocketWatch&) = delete;

  /// Leaves the epoll set altogether when neither is wanted: EPOLLHUP cannot be masked otherwise.
  void want(bool in, bool out);
  /// Any thread, while nobody calls want(): leaves the epoll set for good, after which the
  /// descriptor may be closed. An event that has been collected may still come.
  void silence();

 private:
  friend class MediaLoop;

  MediaLoop& loop_;
  int fd_;
  uint32_t interest_ = 0;
  Handler handler_;
  std::atomic<bool> silenced_{false};
};

class MediaLoop {
 public:
  using Task = std::function<void()>;
  using TimerId = uint64_t;
  /// Called when due with the present monotonic time; returns when it wants to be called next, 0
  /// for never again.
  using TimerHandler = std::function<int64_t(int64_t now_us)>;

  /// The running loop of that name, or a new one; an empty name always makes a new one. The loop
  /// ends when the last reference is dropped. `wait_ms`: how long it gathers work before it wakes
  /// up again (the first caller decides); a loop that is busy for half of its time gathers for
  /// twice as long, because fewer and longer rounds cost less.
  static std::shared_ptr<MediaLoop> acquire(const std::string& name, unsigned wait_ms);

  ~MediaLoop();
  MediaLoop(const MediaLoop&) = delete;
  MediaLoop& operator=(const MediaLoop&) = delete;

  /// Any thread. Runs the task on the loop's thread, in order; tasks left when the loop ends are
  /// run before it ends.
  void post(Task task);
  [[nodiscard]] bool isCurrent() const;
  [[nodiscard]] GMainContext* context() const { return context_; }

  [[nodiscard]] LoopLoad::Figures load();
  [[nodiscard]] LoopLateness::Figures lateness() const { return lateness_.read(); }

  /// Loop's thread: a source of the context has been attached or made ready; it is dispatched in
  /// this turn or at once after it.
  void kick() { kicked_ = true; }

  /// Loop's thread: called once, when all that is due in this round has been done.
  void atRoundEnd(void (*task)()) { round_end_ = task; }

  /// Loop's thread: the number of the present round.
  [[nodiscard]] uint64_t round() const { return round_; }

  TimerId addTimer(int64_t due_us, TimerHandler handler);
  void removeTimer(TimerId id);

 private:
  friend class SocketWatch;
  struct Timer {
    TimerId id;
    TimerHandler handler;
  };

  MediaLoop(std::string name, unsigned wait_ms);
  static void run(const std::shared_ptr<MediaLoop>& self);
  void stop();

  bool turn();
  bool wait();
  int64_t gatherUs(int64_t now_us);
  bool waitForAll(int64_t wait_us);
  /// True: the context was woken up.
  bool collectSockets(int64_t wait_us);
  void iterateContext(bool woken);
  void watchWakeup();
  void queryContext(int priority, int& timeout_ms);
  bool hasTasks();
  bool hasEnded();
  bool runTasks();
  void runSockets();
  void runTimers();
  void endRound();
  void forget(SocketWatch* watch);

  const std::string name_;
  const unsigned wait_ms_;
  GMainContext* context_;
  std::vector<GPollFD> context_fds_{1};
  int wakeup_fd_ = -1;   // the context's own descriptor
  bool foreign_ = true;  // the context has more descriptors than its wake-up, or may have
  bool foreign_ready_ = false;
  bool kicked_ = true;
  uint64_t round_ = 0;
  int64_t glib_due_us_ = 0;
  int64_t last_wake_us_;
  int64_t last_rest_us_;
  // Of the last rounds, the newest counting most: how long they worked, and how long they were.
  int64_t worked_us_ = 0;
  int64_t rounds_us_ = 0;
  std::atomic<int64_t> gather_us_;
  int epoll_fd_;

  std::mutex tasks_mutex_;
  std::vector<Task> tasks_;  // guarded by tasks_mutex_
  bool stopping_ = false;    // guarded by tasks_mutex_

  std::vector<Task> running_tasks_;
  static constexpr size_t kMaxEvents = 512;  // in one round; the others come in the next
  std::array<epoll_event, kMaxEvents> ready_;
  size_t ready_count_ = 0;
  LoopLoad load_;
  LoopLateness lateness_;
  std::multimap<int64_t, Timer> timers_;
  void (*round_end_)() = nullptr;
  TimerId next_timer_ = 1;
  TimerId current_timer_ = 0;
  bool current_timer_removed_ = false;
};

}  // namespace wsbridge
