// SPDX-License-Identifier: LGPL-2.1-or-later
#include "MediaEngine.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "Priority.hpp"

namespace bench {
namespace {

constexpr Nanoseconds kStep = 500000;  // of the wheel, and of the phases of the calls
constexpr Nanoseconds kLongestSleep = 5 * kMillisecond;

}  // namespace

void MediaEngine::launch() {
  turned_ = now() / kStep;
  thread_ = std::thread([this] { run(); });
}

void MediaEngine::post(std::function<void()> task) {
  const std::lock_guard lock(mutex_);
  tasks_.push_back(std::move(task));
  posted_.notify_one();
}

void MediaEngine::start(MediaSession& session, const MediaRemote& remote, Nanoseconds phase,
                        Nanoseconds ptime) {
  post([this, &session, remote, phase, ptime] {
    Nanoseconds first = now() / ptime * ptime + phase;
    while (first <= now())
      first += ptime;
    session.start(remote, first);
    ++scheduled_;
    put(session, first);
  });
}

void MediaEngine::quieten(MediaSession& session) {
  post([&session] { session.quieten(); });
}

void MediaEngine::stop(MediaSession& session) {
  post([this, &session] {
    if (session.running()) session.stop(batch_);
  });
}

void MediaEngine::retire(std::unique_ptr<MediaSession> session) {
  auto* raw = session.release();
  post([this, raw] {
    std::unique_ptr<MediaSession> held(raw);
    const bool onWheel = held->running();
    if (onWheel) held->stop(batch_);
    held->close();
    if (onWheel) {
      leaving_.push_back(std::move(held));
    } else {
      const std::lock_guard lock(mutex_);
      retired_.push_back(std::move(held));
    }
  });
}

std::vector<std::unique_ptr<MediaSession>> MediaEngine::takeRetired() {
  const std::lock_guard lock(mutex_);
  return std::exchange(retired_, {});
}

void MediaEngine::shutDown() {
  if (!thread_.joinable()) return;
  post([this] { ending_ = true; });
  thread_.join();
  for (auto& session : leaving_)
    retired_.push_back(std::move(session));
  leaving_.clear();
}

void MediaEngine::runTasks() {
  std::vector<std::function<void()>> tasks;
  {
    std::unique_lock lock(mutex_);
    if (scheduled_ == 0) posted_.wait(lock, [this] { return !tasks_.empty(); });
    if (tasks_.empty()) return;
    tasks.swap(tasks_);
  }
  for (const auto& task : tasks)
    task();
}

// Each session that runs has one place on the wheel, at most one turn ahead; one that is due later
// is looked at once a turn.
void MediaEngine::put(MediaSession& session, Nanoseconds due) {
  const int64_t step = std::clamp<int64_t>((due + kStep - 1) / kStep, turned_ + 1,
                                           turned_ + static_cast<int64_t>(kSlots) - 1);
  wheel_[static_cast<size_t>(step) % kSlots].push_back(&session);
}

void MediaEngine::release(MediaSession& session) {
  --scheduled_;
  const auto found = std::ranges::find(leaving_, &session, &std::unique_ptr<MediaSession>::get);
  if (found == leaving_.end()) return;
  const std::lock_guard lock(mutex_);
  retired_.push_back(std::move(*found));
  leaving_.erase(found);
}

void MediaEngine::turn() {
  const int64_t until = now() / kStep;
  // A stall longer than a turn leaves nothing behind: every slot is passed once.
  turned_ = std::max(turned_, until - static_cast<int64_t>(kSlots));
  while (turned_ < until) {
    ++turned_;
    due_.clear();
    due_.swap(wheel_[static_cast<size_t>(turned_) % kSlots]);
    for (MediaSession* session : due_) {
      if (session->running())
        put(*session, session->work(batch_, lateness_));
      else
        release(*session);
    }
  }
}

void MediaEngine::sleep() {
  const Nanoseconds present = now();
  int64_t step = turned_ + 1;
  while (wheel_[static_cast<size_t>(step) % kSlots].empty() &&
         step * kStep < present + kLongestSleep)
    ++step;
  const Nanoseconds wake = step * kStep;
  if (wake <= present) return;
  const timespec until{wake / kSecond, wake % kSecond};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
  }
}

void MediaEngine::run() {
  // The measure must not wait for what it measures, nor for anything else on the machine. Without
  // the right to do so this changes nothing.
  raisePriority(kOtherMachine);
  while (!ending_) {
    runTasks();
    turn();
    if (scheduled_ > 0) sleep();
  }
}

}  // namespace bench
