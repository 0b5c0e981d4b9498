// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sip/stack/SipThread.hpp"

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <future>

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <sofia-sip/su.h>
#include <sofia-sip/su_wait.h>

#include "log/Log.hpp"

namespace launcher {

namespace {

void runGuarded(const SipThread::Task& task) {
  try {
    task();
  } catch (const std::exception& fault) {
    log::error("internal-fault", {{"where", "sip"}, {"text", fault.what()}});
  }
}

}  // namespace

SipThread::SipThread() = default;

SipThread::~SipThread() {
  stop();
}

bool SipThread::start() {
  wake_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (wake_fd_ < 0) return false;
  std::promise<bool> started;
  auto result = started.get_future();
  thread_ = std::thread([this, &started] { run([&started](bool ok) { started.set_value(ok); }); });
  const bool ok = result.get();
  if (!ok) thread_.join();
  return ok;
}

void SipThread::run(const std::function<void(bool)>& started) {
  pthread_setname_np(pthread_self(), "sip");
  su_init();
  root_ = su_root_create(this);
  if (!root_) {
    started(false);
    su_deinit();
    return;
  }
  // nua must share this thread instead of starting one of its own.
  su_root_threading(root_, 0);
  su_wait_t wait[1] = {};
  su_wait_create(wait, wake_fd_, SU_WAIT_IN);
  const auto callback = [](su_root_magic_t* magic, su_wait_t*, su_wakeup_arg_t*) noexcept -> int {
    reinterpret_cast<SipThread*>(magic)->drain();
    return 0;
  };
  const int index = su_root_register(root_, wait, callback, nullptr, 0);
  started(index >= 0);
  if (index >= 0) {
    su_root_run(root_);
    su_root_deregister(root_, index);
  }
  su_root_destroy(root_);
  root_ = nullptr;
  su_deinit();
}

void SipThread::assertOn() const {
  if (isCurrent()) return;
  std::fputs("internal fault: what belongs to the SIP thread is done on another one\n", stderr);
  std::abort();
}

void SipThread::wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_fd_, &one, sizeof one);
}

void SipThread::post(Task task) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  tasks_.push_back(std::move(task));
  if (!woken_) {
    woken_ = true;
    wake();
  }
}

void SipThread::drain() {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(wake_fd_, &count, sizeof count);
  std::deque<Task> tasks;
  bool stopping = false;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(tasks_);
    woken_ = false;
    stopping = stopping_;
  }
  for (const Task& task : tasks)
    runGuarded(task);
  if (stopping) su_root_break(root_);
}

void SipThread::stop() {
  if (thread_.joinable()) {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      woken_ = true;
      wake();
    }
    thread_.join();
  }
  const std::lock_guard lock(mutex_);
  tasks_.clear();
  if (wake_fd_ >= 0) ::close(wake_fd_);
  wake_fd_ = -1;
}

SipTimer::SipTimer(SipThread& thread) : thread_(thread) {}

SipTimer::~SipTimer() {
  if (timer_) su_timer_destroy(timer_);
}

void SipTimer::start(std::chrono::milliseconds after, SipThread::Task task) {
  thread_.assertOn();
  // Made once and set anew: Sofia-SIP looks at a timer again after its callback.
  if (!timer_) timer_ = su_timer_create(su_root_task(thread_.root()), 0);
  task_ = std::move(task);
  const auto callback = [](su_root_magic_t*, su_timer_t*, su_timer_arg_t* argument) noexcept {
    auto* self = reinterpret_cast<SipTimer*>(argument);
    const SipThread::Task due = std::move(self->task_);
    self->task_ = nullptr;
    if (due) runGuarded(due);
  };
  su_timer_set_interval(timer_, callback, reinterpret_cast<su_timer_arg_t*>(this),
                        static_cast<su_duration_t>(after.count()));
}

void SipTimer::cancel() {
  thread_.assertOn();
  if (timer_) su_timer_reset(timer_);
  task_ = nullptr;
}

}  // namespace launcher
