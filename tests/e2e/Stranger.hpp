// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "Waiting.hpp"

// What those send who are no phones: sockets on loopback addresses of their own, and requests as
// text. A socket belongs to one thread.
namespace e2e {

using namespace testsupport;

// 127.x.y.z for a number, never 127.0.0.1; the numbers repeat after some ten thousand.
std::string loopbackHost(unsigned number);

// An UDP socket on `host`, connected to a port of 127.0.0.1. Throws std::runtime_error when there
// is none.
class Datagrams {
 public:
  explicit Datagrams(int port, const std::string& host = "127.0.0.1");
  ~Datagrams();
  Datagrams(const Datagrams&) = delete;
  Datagrams& operator=(const Datagrams&) = delete;

  // Never waits: what the kernel has no room for is lost.
  void send(const std::string& bytes) const;
  // Empty at the limit; 0 ms takes what is there.
  std::optional<std::string> receive(Millis limit) const;
  // Throws away what has come; how many that were.
  size_t drain() const;
  const std::string& host() const { return host_; }

 private:
  std::string host_;
  int fd_;
};

// A TCP connection from `host` to a port of 127.0.0.1 that says what it likes.
class Line {
 public:
  explicit Line(int port, const std::string& host = "127.0.0.1");
  ~Line();
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  bool connected() const { return connected_; }
  // Waits for a second at most; what is not taken until then is left out.
  void say(const std::string& bytes) const;
  // What has come when the other side closes or the time is over; `closed` tells which.
  std::string hear(Millis limit, bool* closed) const;
  // As soon as something has come; empty when that was the end or the time is over.
  std::string hearSome(Millis limit, bool* closed) const;

 private:
  int fd_;
  bool connected_ = false;
};

// One request of a stranger. `headers` are whole lines; Via, From, To, Call-ID and CSeq are made
// of `id`.
struct Strange {
  std::string method = "INVITE";
  std::string id;
  std::string headers = {};
  std::string body = {};
  std::string uri = "sip:x@127.0.0.1";
  std::string via = "SIP/2.0/UDP 127.0.0.1:9;rport";
  std::string toTag = {};

  std::string text() const;
};

// Header lines of INVITEs whose targets the stack must never keep: those that are refused for it
// first, then those to which nothing can be sent.
struct BadTargets {
  std::vector<std::string> lines;
  size_t refused;
};
const BadTargets& badTargets();

}  // namespace e2e
