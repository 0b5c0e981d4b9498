// SPDX-License-Identifier: LGPL-2.1-or-later
// A bare WebSocket endpoint on one epoll set, the reference that the bridge is measured against. It
// owns its sockets; all of it runs on the thread that calls run(), except stop(), which any thread
// and a signal handler may call.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <netinet/in.h>

#include "FileDescriptor.hpp"

namespace bench {

class EchoServer {
 public:
  // Each connection that was open and ends is a line of JSON in the file `report`, unless it is
  // empty: the request target, messages and bytes of audio, texts.
  explicit EchoServer(bool verbose, std::string report = "");
  ~EchoServer();

  // Empty when all is well, otherwise what failed. Port 0 takes any free one.
  std::string listen(const sockaddr_in& address);
  const sockaddr_in& address() const { return address_; }
  void run();
  void stop();

 private:
  enum class Role { Echo, Burst, Tone };
  struct Connection;

  void accept();
  void read(Connection& connection);
  bool handle(Connection& connection);  // false: close it now
  bool upgrade(Connection& connection);
  void firstText(Connection& connection, std::string_view text);
  void flush(Connection& connection);
  void drop(Connection& connection);
  void tick();
  void queueTone(Connection& connection);

  void reportEnd(const Connection& connection) const;

  bool verbose_;
  std::string report_;
  FileDescriptor listener_, epoll_, wake_, timer_;
  sockaddr_in address_{};
  std::unordered_map<int, std::unique_ptr<Connection>> connections_;
  uint64_t accepted_ = 0, frames_ = 0, texts_ = 0;
  int tones_ = 0;
};

}  // namespace bench
