// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "Waiting.hpp"

namespace testsupport {

// A name server on real sockets, UDP and TCP on one port of 127.0.0.1, in a thread of its own. What
// it knows nothing of does not exist (NXDOMAIN). All functions may be called from any thread.
class DnsServer {
 public:
  enum class Kind { Answer, ServerFailure, Refused, Silent, ClosesTcp };
  struct Record {
    Kind kind = Kind::Answer;
    std::vector<std::string> addresses = {};  // IPv4 and IPv6; none of a family: no data
    uint32_t ttl = 300;                       // s
    Millis delay = Millis(0);
    std::string alias = {};   // a CNAME in front, with its own TTL
    uint32_t aliasTtl = 300;  // s
    bool truncated = false;   // over UDP; the whole answer comes over TCP
  };

  DnsServer();
  ~DnsServer();
  DnsServer(const DnsServer&) = delete;
  DnsServer& operator=(const DnsServer&) = delete;

  // A name in lower case; `*.` in front stands for every name below.
  void set(const std::string& name, const Record& record);
  // As of websocket.name-servers.
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  // Questions for that name so far, of one type (1: A, 28: AAAA).
  size_t asked(const std::string& name, int type = 1) const;
  bool waitAsked(const std::string& name, size_t number, Millis limit) const;
  size_t askedByTcp() const { return by_tcp_; }
  // Ports that the questions came from, without repetition.
  size_t ports() const;

 private:
  struct Late {
    Clock::time_point at;
    std::string bytes;
    std::vector<char> to;  // a socket address
  };

  void run();
  void answerUdp();
  void answerTcp();
  int sendLate();
  const Record* find(const std::string& name) const;
  // The answer, empty when there is to be none.
  std::string answer(const std::string& question, bool tcp, Millis& delay, bool& close);

  int udp_ = -1;
  int tcp_ = -1;
  int port_ = 0;
  std::vector<Late> late_;
  Monitor state_;
  // Under state_:
  std::map<std::string, Record> records_;
  std::map<std::pair<std::string, int>, size_t> asked_;
  std::map<int, size_t> from_;
  std::atomic<size_t> by_tcp_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace testsupport
