// SPDX-License-Identifier: LGPL-2.1-or-later
#include "runtime/MediaLoop.hpp"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <utility>

#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "runtime/BufferCache.hpp"

namespace wsbridge {

namespace {

/// A late tick is heard, a late anything else is not. Real time as FreeSWITCH and Asterisk ask for
/// theirs, low among real-time threads; where that is not allowed, nice as sound servers are.
constexpr int kRealTimePriority = 5;
constexpr int kNice = -11;
/// A source attached or made ready by this thread does not wake it up: nothing waits for longer.
constexpr int64_t kMaxIdleUs = 50'000;
/// Percent of its time that a loop works: from here on it gathers for longer, and for twice as long
/// at the second.
constexpr int64_t kBusyPercent = 35;
constexpr int64_t kVeryBusyPercent = 50;
/// So many rounds it takes to notice.
constexpr int64_t kSmoothedRounds = 64;
/// A round of less than this cannot make anybody late; a timer that is less late is not looked
/// into.
constexpr int64_t kShortRoundUs = 1'000;
constexpr int64_t kLateTimerUs = 5'000;

struct Registry {
  std::mutex mutex;
  std::map<std::string, std::weak_ptr<MediaLoop>> loops;
};

Registry& registry() {
  static auto* instance = new Registry;  // outlives loops that end during process exit
  return *instance;
}

/// Of this thread, not of those that it starts. Without any right to do so this changes nothing.
void raisePriority() {
  sched_param wanted{};
  wanted.sched_priority = kRealTimePriority;
  if (sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &wanted) != 0)
    setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNice);
}

LoopLateness::Times timesOfThread(int64_t now_us) {
  timespec cpu{};
  rusage usage{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
  getrusage(RUSAGE_THREAD, &usage);
  return {now_us, cpu.tv_sec * 1'000'000 + cpu.tv_nsec / 1000, usage.ru_nvcsw};
}

}  // namespace

SocketWatch::SocketWatch(MediaLoop& loop, int fd, Handler handler)
    : loop_(loop), fd_(fd), handler_(std::move(handler)) {}

SocketWatch::~SocketWatch() {
  want(false, false);
  loop_.forget(this);
}

void SocketWatch::want(bool in, bool out) {
  const uint32_t interest = (in ? uint32_t{EPOLLIN} : 0U) | (out ? uint32_t{EPOLLOUT} : 0U);
  if (interest == interest_ || silenced_) return;
  epoll_event event{};
  event.events = interest;
  event.data.ptr = this;
  const int operation = interest_ == 0  ? EPOLL_CTL_ADD
                        : interest == 0 ? EPOLL_CTL_DEL
                                        : EPOLL_CTL_MOD;
  epoll_ctl(loop_.epoll_fd_, operation, fd_, &event);
  interest_ = interest;
}

void SocketWatch::silence() {
  if (!silenced_.exchange(true)) epoll_ctl(loop_.epoll_fd_, EPOLL_CTL_DEL, fd_, nullptr);
}

MediaLoop::MediaLoop(std::string name, unsigned wait_ms)
    : name_(std::move(name)),
      wait_ms_(wait_ms),
      context_(g_main_context_new()),
      last_wake_us_(g_get_monotonic_time()),
      last_rest_us_(last_wake_us_),
      gather_us_(int64_t{wait_ms} * 1000),
      epoll_fd_(epoll_create1(EPOLL_CLOEXEC)),
      load_(last_wake_us_) {
  watchWakeup();
}

MediaLoop::~MediaLoop() {
  g_main_context_unref(context_);
  close(epoll_fd_);
}

std::shared_ptr<MediaLoop> MediaLoop::acquire(const std::string& name, unsigned wait_ms) {
  Registry& known = registry();
  const std::lock_guard lock(known.mutex);
  if (!name.empty()) {
    std::erase_if(known.loops, [](const auto& entry) { return entry.second.expired(); });
    if (auto found = known.loops.find(name); found != known.loops.end()) {
      if (auto loop = found->second.lock()) return loop;
    }
  }
  // Two owners: the thread keeps `self` until it has stopped; users hold `handle`, whose deleter
  // stops the thread. So the last user may be the loop's own thread.
  std::shared_ptr<MediaLoop> self(new MediaLoop(name, wait_ms));
  std::thread thread([self] { run(self); });
  auto runner = std::make_shared<std::thread>(std::move(thread));
  std::shared_ptr<MediaLoop> handle(self.get(), [self, runner](MediaLoop* loop) mutable {
    const bool current = loop->isCurrent();
    loop->stop();
    if (current) {
      runner->detach();
    } else {
      runner->join();
    }
    self.reset();  // the registry's weak pointer keeps this deleter for longer
  });
  if (!name.empty()) known.loops[name] = handle;
  return handle;
}

void MediaLoop::post(Task task) {
  bool first = false;
  {
    const std::lock_guard lock(tasks_mutex_);
    first = tasks_.empty();
    tasks_.push_back(std::move(task));
  }
  if (first && !isCurrent()) g_main_context_wakeup(context_);
}

bool MediaLoop::isCurrent() const {
  return g_main_context_is_owner(context_) != FALSE;
}

void MediaLoop::stop() {
  {
    const std::lock_guard lock(tasks_mutex_);
    stopping_ = true;
  }
  g_main_context_wakeup(context_);
}

LoopLoad::Figures MediaLoop::load() {
  LoopLoad::Figures figures = load_.read(g_get_monotonic_time());
  figures.delay_us =
      std::max<int64_t>(0, figures.delay_us - gather_us_.load(std::memory_order_relaxed));
  return figures;
}

void MediaLoop::run(const std::shared_ptr<MediaLoop>& self) {
  const std::string title = "wsb-" + (self->name_.empty() ? "private" : self->name_);
  prctl(PR_SET_NAME, title.substr(0, 15).c_str());
  raisePriority();
  const BufferCache::OfThread buffers;
  g_main_context_acquire(self->context_);
  g_main_context_push_thread_default(self->context_);
  const int64_t now_us = g_get_monotonic_time();
  self->lateness_.awake(timesOfThread(now_us), now_us, true);
  while (self->turn()) {
  }
  g_main_context_pop_thread_default(self->context_);
  g_main_context_release(self->context_);
}

/// One round: wait, then everything that is due. False: the loop has ended.
bool MediaLoop::turn() {
  if (hasEnded()) return false;
  ++round_;
  const bool woken = wait();
  const bool tasks_ran = runTasks();
  runSockets();
  runTimers();
  endRound();
  // GLib asks all sources of a context, so it is left alone while nothing concerns it. It
  // dispatches once per round: what follows from that is done in the next one, which begins at
  // once, so that sockets and timers have their turn in between.
  if (woken || tasks_ran || kicked_ || foreign_ready_ || glib_due_us_ <= g_get_monotonic_time())
    iterateContext(woken);
  endRound();
  return true;
}

void MediaLoop::endRound() {
  if (round_end_ != nullptr) std::exchange(round_end_, nullptr)();
}

/// How long after the last wake-up the next one is to be, now that this round's work is done.
int64_t MediaLoop::gatherUs(int64_t now_us) {
  worked_us_ += now_us - last_wake_us_ - worked_us_ / kSmoothedRounds;
  rounds_us_ += now_us - std::exchange(last_rest_us_, now_us) - rounds_us_ / kSmoothedRounds;
  const int64_t percent = rounds_us_ > 0 ? worked_us_ * 100 / rounds_us_ : 0;
  const int64_t over = std::clamp(percent, kBusyPercent, kVeryBusyPercent) - kBusyPercent;
  int64_t gather_us = int64_t{wait_ms_} * 1000;
  gather_us += gather_us * over / (kVeryBusyPercent - kBusyPercent);
  gather_us_.store(gather_us, std::memory_order_relaxed);
  return gather_us;
}

/// True: the context was woken up.
bool MediaLoop::wait() {
  const bool more = kicked_ || hasTasks();
  load_.asleep(g_get_monotonic_time());
  // Behind the locks: who waits for one is late by himself.
  int64_t now_us = g_get_monotonic_time();
  if (now_us - last_wake_us_ > kShortRoundUs) lateness_.asleep(timesOfThread(now_us));
  const int64_t earliest_us = last_wake_us_ + gatherUs(now_us);
  const bool gathers = !more && now_us < earliest_us;
  int64_t planned_us = now_us;
  if (gathers) {
    planned_us = earliest_us;
    const timespec until = {earliest_us / 1'000'000, (earliest_us % 1'000'000) * 1000};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
    now_us = g_get_monotonic_time();
  }
  int64_t due_us = more ? now_us : glib_due_us_;
  if (!timers_.empty()) due_us = std::min(due_us, timers_.begin()->first);
  const int64_t wait_us = std::max<int64_t>(due_us - now_us, 0);
  const bool woken = foreign_ ? waitForAll(wait_us) : collectSockets(wait_us);
  last_wake_us_ = g_get_monotonic_time();
  lateness_.awake(timesOfThread(last_wake_us_), std::max(planned_us, due_us),
                  gathers || wait_us > 0);
  load_.awake(last_wake_us_);
  return woken;
}

/// While somebody connects, the context has descriptors of its own.
bool MediaLoop::waitForAll(int64_t wait_us) {
  std::vector<pollfd> all;
  all.reserve(context_fds_.size() + 1);
  for (const GPollFD& descriptor : context_fds_) {
    all.push_back(
        {.fd = descriptor.fd, .events = static_cast<short>(descriptor.events), .revents = 0});
  }
  all.push_back({.fd = epoll_fd_, .events = POLLIN, .revents = 0});
  const timespec wait = {wait_us / 1'000'000, (wait_us % 1'000'000) * 1000};
  const int ready = ppoll(all.data(), all.size(), &wait, nullptr);
  bool woken = false;
  if (ready > 0 && all.back().revents != 0) woken = collectSockets(0);
  all.pop_back();
  foreign_ready_ =
      std::any_of(all.begin(), all.end(), [](const pollfd& fd) { return fd.revents != 0; });
  return woken;
}

void MediaLoop::iterateContext(bool woken) {
  kicked_ = false;
  foreign_ready_ = false;
  gint priority = 0;
  gint timeout_ms = -1;
  g_main_context_prepare(context_, &priority);
  queryContext(priority, timeout_ms);
  foreign_ = std::any_of(context_fds_.begin(), context_fds_.end(),
                         [this](const GPollFD& one) { return one.fd != wakeup_fd_; });
  const auto count = static_cast<guint>(context_fds_.size());
  if (foreign_) {
    g_poll(context_fds_.data(), count, 0);
  } else if (count > 0) {
    context_fds_.front().revents = woken ? G_IO_IN : 0;
  }
  const int64_t now_us = g_get_monotonic_time();
  const int64_t rest_us = timeout_ms < 0 ? kMaxIdleUs : int64_t{timeout_ms} * 1000;
  glib_due_us_ = now_us + std::min(rest_us, kMaxIdleUs);
  if (g_main_context_check(context_, priority, context_fds_.data(), static_cast<gint>(count)) ==
      FALSE)
    return;
  g_main_context_dispatch(context_);
  kicked_ = true;  // something may follow from it
}

/// The descriptors that the context wants polled, sorted by their numbers.
void MediaLoop::queryContext(int priority, int& timeout_ms) {
  for (;;) {
    const gint count = g_main_context_query(context_, priority, &timeout_ms, context_fds_.data(),
                                            static_cast<gint>(context_fds_.size()));
    const bool all = static_cast<size_t>(count) <= context_fds_.size();
    context_fds_.resize(static_cast<size_t>(count));
    if (all) return;
  }
}

/// A context without sources has one descriptor, by which other threads wake it up. Apart from the
/// times when somebody connects it has no other.
void MediaLoop::watchWakeup() {
  int timeout_ms = -1;
  queryContext(G_MAXINT, timeout_ms);
  wakeup_fd_ = context_fds_.front().fd;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = this;
  epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, wakeup_fd_, &event);
}

bool MediaLoop::collectSockets(int64_t wait_us) {
  constexpr int kMost = kMaxEvents;
  const timespec wait = {wait_us / 1'000'000, (wait_us % 1'000'000) * 1000};
  int count = epoll_pwait2(epoll_fd_, ready_.data(), kMost, &wait, nullptr);
  if (count < 0 && (errno == ENOSYS || errno == EPERM)) {  // an old kernel, a strict container
    const int wait_ms = static_cast<int>((wait_us + 999) / 1000);
    count = epoll_wait(epoll_fd_, ready_.data(), kMost, wait_ms);
  }
  ready_count_ = static_cast<size_t>(std::max(count, 0));
  bool woken = false;
  for (size_t i = 0; i < ready_count_; ++i) {
    if (ready_[i].data.ptr != this) continue;
    woken = true;
    ready_[i].data.ptr = nullptr;
  }
  return woken;
}

void MediaLoop::forget(SocketWatch* watch) {
  for (size_t i = 0; i < ready_count_; ++i) {
    if (ready_[i].data.ptr == watch) ready_[i].data.ptr = nullptr;
  }
}

bool MediaLoop::hasTasks() {
  const std::lock_guard lock(tasks_mutex_);
  return !tasks_.empty();
}

bool MediaLoop::hasEnded() {
  const std::lock_guard lock(tasks_mutex_);
  return stopping_ && tasks_.empty();
}

bool MediaLoop::runTasks() {
  {
    const std::lock_guard lock(tasks_mutex_);
    running_tasks_.swap(tasks_);
  }
  const bool any = !running_tasks_.empty();
  for (Task& task : running_tasks_) {
    task();
    task = nullptr;  // what it holds is released on this thread, now
  }
  running_tasks_.clear();
  return any;
}

void MediaLoop::runSockets() {
  for (size_t i = 0; i < ready_count_; ++i) {
    if (auto* watch = static_cast<SocketWatch*>(ready_[i].data.ptr))
      watch->handler_(ready_[i].events);
  }
  ready_count_ = 0;
}

MediaLoop::TimerId MediaLoop::addTimer(int64_t due_us, TimerHandler handler) {
  const TimerId id = next_timer_++;
  timers_.emplace(due_us, Timer{id, std::move(handler)});
  return id;
}

void MediaLoop::removeTimer(TimerId id) {
  if (id == current_timer_) current_timer_removed_ = true;
  const auto found = std::find_if(timers_.begin(), timers_.end(),
                                  [id](const auto& entry) { return entry.second.id == id; });
  if (found == timers_.end()) return;
  auto node = timers_.extract(
      found);  // the handler may own the caller: let it go after the map is consistent
}

void MediaLoop::runTimers() {
  int64_t delays_us = 0;
  int64_t count = 0;
  for (;;) {
    const int64_t now_us = g_get_monotonic_time();
    if (timers_.empty() || timers_.begin()->first > now_us) break;
    auto node = timers_.extract(timers_.begin());
    const int64_t delay_us = now_us - node.key();
    // Gathering is what it was told to do.
    const int64_t late_us =
        std::max<int64_t>(delay_us - gather_us_.load(std::memory_order_relaxed), 0);
    if (late_us < kLateTimerUs) {
      lateness_.timer(late_us);
    } else {
      lateness_.timer(late_us, timesOfThread(now_us));
    }
    delays_us += delay_us;
    ++count;
    current_timer_ = node.mapped().id;
    current_timer_removed_ = false;
    const int64_t next_us = node.mapped().handler(now_us);
    current_timer_ = 0;
    if (next_us == 0 || current_timer_removed_) continue;
    node.key() = next_us;
    timers_.insert(std::move(node));
  }
  if (count > 0) load_.timersLate(delays_us, count);
}

}  // namespace wsbridge
