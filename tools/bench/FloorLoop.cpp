// SPDX-License-Identifier: LGPL-2.1-or-later
#include "FloorLoop.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "Priority.hpp"

namespace bench {
namespace {

constexpr Nanoseconds kTick = 20 * kMillisecond;
// From the endpoint's first audio to the tick that plays it: what a frame may be late before a tick
// finds nothing.
constexpr Nanoseconds kMargin = 4 * kMillisecond;

}  // namespace

std::string FloorLoop::launch() {
  epoll_ = FileDescriptor(epoll_create1(EPOLL_CLOEXEC));
  wake_ = FileDescriptor(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = wake_.get();
  if (!epoll_.valid() || !wake_.valid() ||
      epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) != 0)
    return std::string("floor loop: ") + std::strerror(errno);
  thread_ = std::thread([this] { run(); });
  return "";
}

void FloorLoop::post(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof one);
}

void FloorLoop::add(std::shared_ptr<FloorCall> call) {
  post([this, call = std::move(call)] {
    if (!call->connect()) {
      call->decide(false);
      return;
    }
    const std::pair<int, uint32_t> sockets[] = {{call->webSocket(), EPOLLIN | EPOLLOUT},
                                                {call->rtpSocket(), EPOLLIN}};
    for (const auto& [fd, events] : sockets) {
      if (by_descriptor_.size() <= static_cast<size_t>(fd))
        by_descriptor_.resize(static_cast<size_t>(fd) + 256);
      by_descriptor_[static_cast<size_t>(fd)] = call;
      epoll_event event{};
      event.events = events;
      event.data.fd = fd;
      epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
    }
  });
}

void FloorLoop::remove(std::shared_ptr<FloorCall> call) {
  post([this, call = std::move(call)] { drop(call); });
}

void FloorLoop::shutDown() {
  if (!thread_.joinable()) return;
  post([this] { ending_ = true; });
  thread_.join();
}

void FloorLoop::drop(const std::shared_ptr<FloorCall>& call) {
  call->decide(false);
  ++call->placement;
  for (const int fd : {call->webSocket(), call->rtpSocket()}) {
    if (fd < 0 || by_descriptor_.size() <= static_cast<size_t>(fd) ||
        by_descriptor_[static_cast<size_t>(fd)] != call)
      continue;
    by_descriptor_[static_cast<size_t>(fd)].reset();
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  }
}

void FloorLoop::place(const std::shared_ptr<FloorCall>& call, Nanoseconds due) {
  Tick tick{call, due, ++call->placement};
  const auto after = std::ranges::upper_bound(ticks_, due, {}, &Tick::due);
  ticks_.insert(after, std::move(tick));
}

void FloorLoop::handle(int fd, uint32_t events) {
  if (by_descriptor_.size() <= static_cast<size_t>(fd)) return;
  FloorCall* call = by_descriptor_[static_cast<size_t>(fd)].get();
  if (call == nullptr) return;
  if (fd == call->rtpSocket()) {
    call->onRtp();
    if (call->wantsToWrite() != call->watchingWrite)
      follow(by_descriptor_[static_cast<size_t>(fd)]);
    return;
  }
  const std::shared_ptr<FloorCall> held = by_descriptor_[static_cast<size_t>(fd)];
  const bool wasOpen = call->open();
  if (!call->onWebSocket(events)) {
    drop(held);
    return;
  }
  follow(held);
  if (!wasOpen && call->open()) place(held, now() + kTick);
  if (call->takeFirstAudio()) place(held, now() + kMargin);
}

void FloorLoop::follow(const std::shared_ptr<FloorCall>& call) {
  if (call->wantsToWrite() == call->watchingWrite) return;
  call->watchingWrite = call->wantsToWrite();
  epoll_event event{};
  event.events = EPOLLIN | (call->watchingWrite ? static_cast<uint32_t>(EPOLLOUT) : 0u);
  event.data.fd = call->webSocket();
  epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, call->webSocket(), &event);
}

void FloorLoop::runTicks() {
  const Nanoseconds present = now();
  while (!ticks_.empty() && ticks_.front().due <= present) {
    Tick tick = std::move(ticks_.front());
    ticks_.pop_front();
    const auto call = tick.call.lock();
    if (!call || call->placement != tick.placement) continue;
    call->tick();
    tick.due += kTick;
    // After a stall the order by time is no longer that of insertion.
    if (ticks_.empty() || ticks_.back().due <= tick.due)
      ticks_.push_back(std::move(tick));
    else
      ticks_.insert(std::ranges::upper_bound(ticks_, tick.due, {}, &Tick::due), std::move(tick));
  }
}

void FloorLoop::runTasks() {
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = read(wake_.get(), &count, sizeof count);
  std::vector<std::function<void()>> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(tasks_);
  }
  for (const auto& task : tasks)
    task();
}

void FloorLoop::run() {
  raisePriority(kMediaLoop);
  epoll_event events[256];
  Nanoseconds woken = now();
  while (!ending_) {
    if (gather_ > 0 && now() < woken + gather_) {
      const timespec until{(woken + gather_) / kSecond, (woken + gather_) % kSecond};
      clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
    }
    timespec wait{};
    if (!ticks_.empty()) {
      const Nanoseconds left = std::max<Nanoseconds>(0, ticks_.front().due - now());
      wait = {left / kSecond, left % kSecond};
    }
    const int count =
        epoll_pwait2(epoll_.get(), events, 256, ticks_.empty() ? nullptr : &wait, nullptr);
    woken = now();
    for (int i = 0; i < count; ++i) {
      if (events[i].data.fd == wake_.get())
        runTasks();
      else
        handle(events[i].data.fd, events[i].events);
    }
    // After the sockets: what came during a stall is there for the ticks that it has delayed.
    runTicks();
  }
  by_descriptor_.clear();
  ticks_.clear();
}

}  // namespace bench
