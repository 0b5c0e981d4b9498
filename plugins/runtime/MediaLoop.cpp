// SPDX-License-Identifier: LGPL-2.1-or-later
#include "runtime/MediaLoop.hpp"

#include <algorithm>
#include <cerrno>
#include <ctime>

#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace wsbridge {

namespace {

constexpr int kMaxEvents = 512;
constexpr int kNice = -11;  // as sound servers do

thread_local MediaLoop* current_loop = nullptr;

struct Registry {
  std::mutex mutex;
  std::map<std::string, std::weak_ptr<MediaLoop>> loops;
};

Registry& registry() {
  static auto* instance = new Registry;  // outlives loops that end during process exit
  return *instance;
}

}  // namespace

SocketWatch::SocketWatch(MediaLoop& loop, int fd, Handler handler, Runs runs)
    : loop_(loop), fd_(fd), handler_(std::move(handler)), runs_(runs) {}

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

struct MediaLoop::Source {
  GSource base;
  MediaLoop* loop;

  static MediaLoop& of(GSource* source) { return *reinterpret_cast<Source*>(source)->loop; }
  static gboolean onPrepare(GSource* source, gint* timeout) { return of(source).prepare(timeout); }
  static gboolean onCheck(GSource* source) { return of(source).collect(); }
  static gboolean onDispatch(GSource* source, GSourceFunc, gpointer) {
    of(source).dispatch();
    return G_SOURCE_CONTINUE;
  }
};

MediaLoop::MediaLoop(std::string name, unsigned wait_ms)
    : name_(std::move(name)),
      wait_ms_(wait_ms),
      context_(g_main_context_new()),
      epoll_fd_(epoll_create1(EPOLL_CLOEXEC)),
      ready_(kMaxEvents),
      load_(g_get_monotonic_time()) {
  static GSourceFuncs funcs = {Source::onPrepare, Source::onCheck, Source::onDispatch,
                               nullptr,           nullptr,         nullptr};
  source_ = g_source_new(&funcs, sizeof(Source));
  reinterpret_cast<Source*>(source_)->loop = this;
  g_source_set_can_recurse(source_, TRUE);  // spares GLib's wake-up write at each dispatch
  g_source_attach(source_, context_);
  g_main_context_set_poll_func(context_, poll);
}

MediaLoop::~MediaLoop() {
  g_source_destroy(source_);
  g_source_unref(source_);
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
  figures.delay_us = std::max<int64_t>(0, figures.delay_us - int64_t{wait_ms_} * 1000);
  return figures;
}

gint MediaLoop::poll(GPollFD* descriptors, guint count, gint timeout_ms) {
  MediaLoop& loop = *current_loop;
  for (guint i = 0; i < count; ++i)
    descriptors[i].revents = 0;
  if (loop.gathering_) return 0;
  const int64_t now_us = g_get_monotonic_time();
  int64_t wait_us = timeout_ms < 0 ? -1 : int64_t{timeout_ms} * 1000;
  // GLib's milliseconds would make each tick up to one of them late.
  if (wait_us > 0 && !loop.timers_.empty()) {
    wait_us = std::clamp<int64_t>(loop.timers_.begin()->first - now_us, 0, wait_us);
  }
  if (wait_us != 0) loop.load_.asleep(now_us);
  // Apart from the times when somebody connects, the context's only descriptor is its wake-up.
  const int ready = count == 1 ? loop.waitForSockets(descriptors, wait_us)
                               : loop.waitForAll(descriptors, count, wait_us);
  if (wait_us != 0) loop.load_.awake(g_get_monotonic_time());
  return ready;
}

int MediaLoop::waitForSockets(GPollFD* wakeup, int64_t wait_us) {
  if (wakeup_fd_ != wakeup->fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = this;
    epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, wakeup->fd, &event);
    wakeup_fd_ = wakeup->fd;
  }
  if (collectSockets(wait_us)) wakeup->revents = G_IO_IN;
  return wakeup->revents != 0 ? 1 : 0;
}

int MediaLoop::waitForAll(GPollFD* descriptors, guint count, int64_t wait_us) {
  std::vector<pollfd> all(count + 1);
  for (guint i = 0; i < count; ++i) {
    all[i] = {
        .fd = descriptors[i].fd, .events = static_cast<short>(descriptors[i].events), .revents = 0};
  }
  all[count] = {.fd = epoll_fd_, .events = POLLIN, .revents = 0};
  const timespec wait = {wait_us / 1'000'000, (wait_us % 1'000'000) * 1000};
  const int ready = ppoll(all.data(), all.size(), wait_us < 0 ? nullptr : &wait, nullptr);
  if (ready <= 0) return ready;
  for (guint i = 0; i < count; ++i)
    descriptors[i].revents = static_cast<gushort>(all[i].revents);
  if (all[count].revents != 0) collectSockets(0);
  return ready;
}

void MediaLoop::run(const std::shared_ptr<MediaLoop>& self) {
  current_loop = self.get();
  const std::string title = "wsb-" + (self->name_.empty() ? "private" : self->name_);
  prctl(PR_SET_NAME, title.substr(0, 15).c_str());
  // A late tick is heard, a late anything else is not. Without the right to do so this changes
  // nothing.
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNice);
  g_main_context_acquire(self->context_);
  g_main_context_push_thread_default(self->context_);
  int64_t last_wake_us = 0;
  for (;;) {
    {
      const std::lock_guard lock(self->tasks_mutex_);
      if (self->stopping_ && self->tasks_.empty()) break;
    }
    g_main_context_iteration(self->context_, TRUE);
    self->throttle(last_wake_us);
  }
  g_main_context_pop_thread_default(self->context_);
  g_main_context_release(self->context_);
}

void MediaLoop::throttle(int64_t& last_wake_us) {
  if (wait_ms_ == 0) return;
  // What the last events have made ready is finished without asking for new ones.
  gathering_ = true;
  while (g_main_context_iteration(context_, FALSE)) {
  }
  gathering_ = false;
  const int64_t next_us = last_wake_us + int64_t{wait_ms_} * 1000;
  const int64_t now_us = g_get_monotonic_time();
  if (now_us < next_us) {
    const timespec until = {next_us / 1'000'000, (next_us % 1'000'000) * 1000};
    load_.asleep(now_us);
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
    load_.awake(g_get_monotonic_time());
    last_wake_us = next_us;
  } else {
    last_wake_us = now_us;
  }
}

bool MediaLoop::prepare(int* timeout_ms) {
  *timeout_ms = -1;
  {
    const std::lock_guard lock(tasks_mutex_);
    if (!tasks_.empty()) return true;
  }
  if (timers_.empty()) return false;
  const int64_t wait_us = timers_.begin()->first - g_get_monotonic_time();
  if (wait_us <= 0) return true;
  *timeout_ms = static_cast<int>(std::min<int64_t>((wait_us + 999) / 1000, 60'000));
  return false;
}

bool MediaLoop::collect() {
  if (!noted_.empty()) return true;
  {
    const std::lock_guard lock(tasks_mutex_);
    if (!tasks_.empty()) return true;
  }
  return !timers_.empty() && timers_.begin()->first <= g_get_monotonic_time();
}

bool MediaLoop::collectSockets(int64_t wait_us) {
  bool woken = false;
  ready_.resize(kMaxEvents);
  const timespec wait = {wait_us / 1'000'000, (wait_us % 1'000'000) * 1000};
  int count =
      epoll_pwait2(epoll_fd_, ready_.data(), kMaxEvents, wait_us < 0 ? nullptr : &wait, nullptr);
  if (count < 0 && (errno == ENOSYS || errno == EPERM)) {  // an old kernel, a strict container
    const int wait_ms = wait_us < 0 ? -1 : static_cast<int>((wait_us + 999) / 1000);
    count = epoll_wait(epoll_fd_, ready_.data(), kMaxEvents, wait_ms);
  }
  ready_.resize(static_cast<size_t>(std::max(count, 0)));
  for (size_t i = 0; i < ready_.size(); ++i) {
    const epoll_event event = ready_[i];
    if (event.data.ptr == this) {
      woken = true;
      continue;
    }
    auto* watch = static_cast<SocketWatch*>(event.data.ptr);
    if (watch == nullptr) continue;
    if (watch->runs_ == SocketWatch::Runs::Dispatching) {
      noted_.push_back(event);
    } else {
      watch->handler_(event.events);
    }
  }
  ready_.clear();
  return woken;
}

void MediaLoop::forget(SocketWatch* watch) {
  for (auto* events : {&ready_, &noted_}) {
    for (epoll_event& event : *events) {
      if (event.data.ptr == watch) event.data.ptr = nullptr;
    }
  }
}

void MediaLoop::dispatch() {
  {
    const std::lock_guard lock(tasks_mutex_);
    running_tasks_.swap(tasks_);
  }
  for (Task& task : running_tasks_) {
    task();
    task = nullptr;  // what it holds is released on this thread, now
  }
  running_tasks_.clear();
  for (size_t i = 0; i < noted_.size(); ++i) {
    if (auto* watch = static_cast<SocketWatch*>(noted_[i].data.ptr)) {
      watch->handler_(noted_[i].events);
    }
  }
  noted_.clear();
  runTimers();
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
  for (;;) {
    const int64_t now_us = g_get_monotonic_time();
    if (timers_.empty() || timers_.begin()->first > now_us) return;
    auto node = timers_.extract(timers_.begin());
    load_.timerLate(now_us - node.key());
    current_timer_ = node.mapped().id;
    current_timer_removed_ = false;
    const int64_t next_us = node.mapped().handler(now_us);
    current_timer_ = 0;
    if (next_us == 0 || current_timer_removed_) continue;
    node.key() = next_us;
    timers_.insert(std::move(node));
  }
}

}  // namespace wsbridge
