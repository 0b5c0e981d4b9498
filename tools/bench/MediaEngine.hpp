// SPDX-License-Identifier: LGPL-2.1-or-later
// One thread that sends and receives the RTP of all calls. It sleeps until the next packets are due
// and waits on no socket: each is read in batches every few packet times, and the kernel's stamps
// say when something came. So the generator wakes up for its sending times only, and what it
// measures does not depend on when it looks.
//
// It owns the thread; the sessions belong to the caller and must outlive it, except those given to
// retire(). All functions may be called from any thread.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "Histogram.hpp"
#include "MediaSession.hpp"

namespace bench {

class MediaEngine {
 public:
  MediaEngine() = default;
  ~MediaEngine() { shutDown(); }
  MediaEngine(const MediaEngine&) = delete;
  MediaEngine& operator=(const MediaEngine&) = delete;

  void launch();
  // `phase` is the offset of the session's packets within the ptime.
  void start(MediaSession& session, const MediaRemote& remote, Nanoseconds phase,
             Nanoseconds ptime);
  void quieten(MediaSession& session);  // sends no more, still listens
  void stop(MediaSession& session);
  // Stops the session and gives it back by takeRetired(), its sockets closed.
  void retire(std::unique_ptr<MediaSession> session);
  std::vector<std::unique_ptr<MediaSession>> takeRetired();
  void shutDown();  // waits for the thread; after it the sessions' results may be read

  const Histogram& lateness() const { return lateness_; }  // of all sends, after shutDown()

 private:
  static constexpr size_t kSlots = 256;

  void post(std::function<void()> task);
  void run();
  void runTasks();
  void sleep();
  void turn();
  void put(MediaSession& session, Nanoseconds due);
  void release(MediaSession& session);

  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable posted_;
  std::vector<std::function<void()>> tasks_;
  std::vector<std::unique_ptr<MediaSession>> leaving_, retired_;
  bool ending_ = false;
  std::array<std::vector<MediaSession*>, kSlots> wheel_;
  std::vector<MediaSession*> due_;
  size_t scheduled_ = 0;
  int64_t turned_ = 0;  // steps of the wheel up to here are done
  ReceiveBatch batch_;
  Histogram lateness_;
};

}  // namespace bench
