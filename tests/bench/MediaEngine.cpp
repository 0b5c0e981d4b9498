// SPDX-License-Identifier: LGPL-2.1-or-later
#include "MediaEngine.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

namespace bench {

std::string MediaEngine::launch() {
  epoll_ = FileDescriptor(epoll_create1(EPOLL_CLOEXEC));
  wake_ = FileDescriptor(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  timer_ = FileDescriptor(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
  if (!epoll_.valid() || !wake_.valid() || !timer_.valid())
    return std::string("media engine: ") + std::strerror(errno);
  watch(wake_.get(), true);
  watch(timer_.get(), true);
  thread_ = std::thread([this] { run(); });
  return "";
}

void MediaEngine::watch(int fd, bool on) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  epoll_ctl(epoll_.get(), on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, fd, &event);
}

void MediaEngine::post(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof one);
}

void MediaEngine::start(MediaSession& session, const MediaRemote& remote, Nanoseconds phase,
                        Nanoseconds ptime) {
  post([this, &session, remote, phase, ptime] {
    Nanoseconds first = now() / ptime * ptime + phase;
    while (first <= now())
      first += ptime;
    session.start(remote, first);
    rtp_[session.rtpSocket()] = &session;
    rtcp_[session.rtcpSocket()] = &session;
    watch(session.rtpSocket(), true);
    watch(session.rtcpSocket(), true);
    due_.push({first, &session});
  });
}

void MediaEngine::stop(MediaSession& session) {
  post([this, &session] {
    if (!session.running()) return;
    session.stop();
    watch(session.rtpSocket(), false);
    watch(session.rtcpSocket(), false);
    rtp_.erase(session.rtpSocket());
    rtcp_.erase(session.rtcpSocket());
  });
}

void MediaEngine::shutDown() {
  if (!thread_.joinable()) return;
  post([this] { ending_ = true; });
  thread_.join();
}

void MediaEngine::runTasks() {
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

void MediaEngine::sendDue() {
  while (!due_.empty() && due_.top().time <= now()) {
    MediaSession* session = due_.top().session;
    due_.pop();
    if (session->running()) due_.push({session->sendDue(), session});
  }
}

void MediaEngine::arm() {
  const Nanoseconds next = due_.empty() ? 0 : due_.top().time;
  if (next == armed_) return;
  armed_ = next;
  itimerspec when{};
  when.it_value.tv_sec = next / kSecond;
  when.it_value.tv_nsec = next % kSecond;
  timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
}

void MediaEngine::run() {
  epoll_event events[32];
  while (!ending_) {
    arm();
    const int count = epoll_wait(epoll_.get(), events, 32, -1);
    sendDue();
    for (int i = 0; i < count; ++i) {
      const int fd = events[i].data.fd;
      if (fd == wake_.get()) {
        runTasks();
      } else if (fd == timer_.get()) {
        uint64_t expired = 0;
        [[maybe_unused]] const ssize_t got = read(timer_.get(), &expired, sizeof expired);
        armed_ = -1;
      } else if (const auto session = rtp_.find(fd); session != rtp_.end()) {
        session->second->receiveRtp();
      } else if (const auto control = rtcp_.find(fd); control != rtcp_.end()) {
        control->second->receiveRtcp();
      }
    }
  }
}

}  // namespace bench
