// SPDX-License-Identifier: LGPL-2.1-or-later
// The floor under the gateway's figures: the same calls, packets and WebSocket frames with nothing
// but system calls. It owns the SIP socket, one loop per core and the calls; run() belongs to one
// thread, stop() may come from a signal handler.
//
// What it leaves out: jitter buffer, concealment, a resampler with a filter, RTCP, dialects,
// authentication, transactions (it trusts loopback to lose nothing), and anything that can fail
// politely.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <netinet/in.h>

#include "FileDescriptor.hpp"
#include "FloorLoop.hpp"
#include "wire/SipMessage.hpp"

namespace bench {

using namespace wire;

class FloorRelay {
 public:
  // Empty, or what failed. `gather`: see FloorLoop.
  std::string listen(const sockaddr_in& address, unsigned loops, Nanoseconds gather);
  const sockaddr_in& address() const { return address_; }
  void run();
  void stop();

 private:
  struct Line {
    std::shared_ptr<FloorCall> call;
    FloorLoop* loop = nullptr;
  };

  void receive();
  void onInvite(const SipMessage& message, const sockaddr_in& from);
  void send(const std::string& text, const sockaddr_in& to) const;

  FileDescriptor socket_, wake_;
  sockaddr_in address_{};
  std::vector<std::unique_ptr<FloorLoop>> loops_;
  std::unordered_map<std::string, Line> lines_;
  uint32_t calls_ = 0;
};

}  // namespace bench
