// SPDX-License-Identifier: LGPL-2.1-or-later
// The one thread on which Sofia-SIP, every Call and the CallManager live. Owns the su_root and runs
// what is posted to it, in order. `post()` may be called from any thread; everything else belongs
// to the SIP thread itself.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

struct su_root_s;
struct su_timer_s;

namespace launcher {

class SipThread {
 public:
  using Task = std::function<void()>;

  SipThread();
  ~SipThread();
  SipThread(const SipThread&) = delete;
  SipThread& operator=(const SipThread&) = delete;

  /// False when Sofia-SIP cannot make its event loop.
  [[nodiscard]] bool start();
  /// Ends the loop and joins; what is still queued is dropped.
  void stop();
  void post(Task task);

  [[nodiscard]] su_root_s* root() const { return root_; }
  [[nodiscard]] bool isCurrent() const { return std::this_thread::get_id() == thread_.get_id(); }
  /// Ends the process on any other thread. In all builds: it stands where a call, a dialog or a
  /// timer is begun or ended, never where packets or ticks pass.
  void assertOn() const;

 private:
  void run(const std::function<void(bool)>& started);
  void wake();
  void drain();

  std::thread thread_;
  su_root_s* root_ = nullptr;
  std::mutex mutex_;
  std::deque<Task> tasks_;
  bool woken_ = false;
  bool stopping_ = false;
  int wake_fd_ = -1;
};

/// A one-shot timer of the SIP thread; destruction cancels it, but must not happen within its task.
class SipTimer {
 public:
  explicit SipTimer(SipThread& thread);
  ~SipTimer();
  SipTimer(const SipTimer&) = delete;
  SipTimer& operator=(const SipTimer&) = delete;

  void start(std::chrono::milliseconds after, SipThread::Task task);
  void cancel();

 private:
  SipThread& thread_;
  su_timer_s* timer_ = nullptr;
  SipThread::Task task_;
};

}  // namespace launcher
