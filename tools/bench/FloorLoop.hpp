// SPDX-License-Identifier: LGPL-2.1-or-later
// One thread of the floor: an epoll set, and the ticks of its calls. It owns the calls that are
// added until they are removed or their WebSocket ends. add(), remove() and shutDown() may come
// from any thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "FloorCall.hpp"

namespace bench {

class FloorLoop {
 public:
  // `gather` is how long after a wake-up at least it sleeps before the next one.
  explicit FloorLoop(Nanoseconds gather) : gather_(gather) {}
  ~FloorLoop() { shutDown(); }
  FloorLoop(const FloorLoop&) = delete;
  FloorLoop& operator=(const FloorLoop&) = delete;

  std::string launch();  // empty, or what failed
  void add(std::shared_ptr<FloorCall> call);
  void remove(std::shared_ptr<FloorCall> call);
  void shutDown();

 private:
  struct Tick {
    std::weak_ptr<FloorCall> call;
    Nanoseconds due;
    unsigned placement;
  };

  void post(std::function<void()> task);
  void run();
  void runTasks();
  void runTicks();
  void place(const std::shared_ptr<FloorCall>& call, Nanoseconds due);
  void handle(int fd, uint32_t events);
  void follow(const std::shared_ptr<FloorCall>& call);
  void drop(const std::shared_ptr<FloorCall>& call);

  const Nanoseconds gather_;
  FileDescriptor epoll_, wake_;
  std::thread thread_;
  std::mutex mutex_;
  std::vector<std::function<void()>> tasks_;
  bool ending_ = false;
  std::vector<std::shared_ptr<FloorCall>> by_descriptor_;
  std::deque<Tick> ticks_;  // by time: all have the same period, so the next one goes to the end
};

}  // namespace bench
