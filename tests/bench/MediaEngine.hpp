// SPDX-License-Identifier: LGPL-2.1-or-later
// One thread that sends and receives the RTP of all calls: one epoll set, one timer. It owns the
// thread; the sessions belong to the caller and must outlive it. start(), stop() and shutDown() may
// be called from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <queue>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "FileDescriptor.hpp"
#include "MediaSession.hpp"

namespace bench {

class MediaEngine {
 public:
  MediaEngine() = default;
  ~MediaEngine() { shutDown(); }
  MediaEngine(const MediaEngine&) = delete;
  MediaEngine& operator=(const MediaEngine&) = delete;

  std::string launch();  // empty, or what failed
  // `phase` is the offset of the session's packets within the ptime.
  void start(MediaSession& session, const MediaRemote& remote, Nanoseconds phase,
             Nanoseconds ptime);
  void stop(MediaSession& session);
  void shutDown();  // waits for the thread; after it the sessions' results may be read

 private:
  struct Due {
    Nanoseconds time;
    MediaSession* session;
    bool operator>(const Due& other) const { return time > other.time; }
  };

  void post(std::function<void()> task);
  void run();
  void runTasks();
  void sendDue();
  void arm();
  void watch(int fd, bool on);

  FileDescriptor epoll_, wake_, timer_;
  std::thread thread_;
  std::mutex mutex_;
  std::vector<std::function<void()>> tasks_;
  bool ending_ = false;
  Nanoseconds armed_ = 0;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  std::unordered_map<int, MediaSession*> rtp_, rtcp_;
};

}  // namespace bench
