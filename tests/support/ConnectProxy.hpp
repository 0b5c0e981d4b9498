// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "Waiting.hpp"

namespace testsupport {

// An HTTP proxy on 127.0.0.1 that knows CONNECT and nothing else: one thread accepts, one relays
// for each connection. All functions may be called from any thread.
class ConnectProxy {
 public:
  struct Options {
    std::string credentials = {};  // user:password that it wants; empty wants none
    unsigned rejectStatus = 0;     // answers every CONNECT with this
  };

  ConnectProxy() : ConnectProxy(Options{}) {}
  // Throws std::runtime_error when it cannot listen.
  explicit ConnectProxy(Options options);
  ~ConnectProxy();
  ConnectProxy(const ConnectProxy&) = delete;
  ConnectProxy& operator=(const ConnectProxy&) = delete;

  int port() const { return port_; }
  // http://[credentials@]127.0.0.1:PORT
  std::string uri(const std::string& credentials = {}) const;
  // What was asked for so far, such as "127.0.0.1:8080".
  std::vector<std::string> targets() const;

 private:
  void listenLoop();
  void serve(int client);
  void relay(int client, int server) const;

  Options options_;
  std::atomic<bool> stopping_{false};
  int listener_ = -1;
  int port_ = 0;
  mutable Monitor state_;
  std::vector<std::string> targets_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace testsupport
