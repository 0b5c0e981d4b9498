// SPDX-License-Identifier: LGPL-2.1-or-later
// A called party with known faults, to test the load generator against: it answers every INVITE and
// sends RTP back as it came, except for what its settings spoil. It owns its sockets and its
// thread; the counters may be read after end().
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <netinet/in.h>

#include "Clock.hpp"
#include "FileDescriptor.hpp"

namespace bench {

struct EchoPhoneFaults {
  int delayMs = 0;
  int dropEach = 0;      // every so many packets one is not sent back
  bool crossed = false;  // what one caller says goes to the next one
  int refuse = 0;        // SIP status instead of 200
};

class EchoPhone {
 public:
  explicit EchoPhone(EchoPhoneFaults faults);
  ~EchoPhone() { end(); }
  EchoPhone(const EchoPhone&) = delete;
  EchoPhone& operator=(const EchoPhone&) = delete;

  std::string uri() const;
  void end();
  unsigned dropped() const { return dropped_; }
  unsigned byes() const { return byes_; }
  // Of the RTP packets that came: how many, and how many behind one with a higher number.
  unsigned received() const { return received_; }
  unsigned reordered() const { return reordered_; }

 private:
  struct Line {
    std::string callId;
    FileDescriptor rtp;
    sockaddr_in caller{};
    uint16_t highest = 0;
    bool heard = false;
  };
  struct Pending {
    Nanoseconds due;
    size_t line;
    std::string packet;
  };

  void run();
  void onSip();
  void onRtp(size_t line);
  void sendDue();

  const EchoPhoneFaults faults_;
  sockaddr_in address_{};  // written while sip_ is made, so before it
  FileDescriptor sip_;
  std::vector<Line> lines_;
  std::vector<Pending> pending_;
  unsigned received_ = 0, reordered_ = 0;
  unsigned packets_ = 0, dropped_ = 0, byes_ = 0;
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

}  // namespace bench
