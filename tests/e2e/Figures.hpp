// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "Gateway.hpp"
#include "RtpPeer.hpp"
#include "Stranger.hpp"

// What an attack costs others, in figures.
namespace e2e {

// The longest time between two packets in ms; a gap in their numbers fails the test.
double longestGap(const std::vector<RtpPacket>& packets);

// The same, and it fails when a gap is one that is heard.
void expectSteadyRtp(const std::vector<RtpPacket>& packets);

// Where a value lies that this share of all does not exceed; 0 of none.
double quantile(std::vector<double> values, double share);

// How long the SIP thread of a gateway was ready to run and had no core, in ms since its start.
// Any thread may ask.
class CoreDelay {
 public:
  explicit CoreDelay(pid_t pid);
  double ms() const;

 private:
  std::string path_;
};

// Sums of the ticks that loops missed, from the log: all, and those by the gateway's own doing.
struct MissedTicks {
  double all = 0;
  double own = 0;
};
MissedTicks missedTicks(const Gateway& gateway);

// Datagrams that the kernel had no room for at the gateway's UDP port.
unsigned long droppedAt(const Gateway& gateway);

// Asks with OPTIONS from an address of its own, at a steady pace whatever comes back, in a thread
// of its own, for as long as it lives. Any thread may call its functions.
class OptionsProbe {
 public:
  struct Report {
    size_t asked = 0;
    size_t lost = 0;         // never answered, though there was time for it
    std::vector<double> ms;  // from asking to the answer, less the time without a core
    double rawWorst = 0;     // with it
  };

  OptionsProbe(const Gateway& gateway, const std::string& host);
  ~OptionsProbe();
  OptionsProbe(const OptionsProbe&) = delete;
  OptionsProbe& operator=(const OptionsProbe&) = delete;

  // Waits for the last answers, and ends it.
  Report finish();

 private:
  struct Question {
    Clock::time_point at;
    double coreDelay;
  };

  void run();
  void take();

  Datagrams socket_;
  CoreDelay core_delay_;
  std::map<std::string, Question> open_;  // by Call-ID; of the thread
  Report report_;                         // of the thread, until it has ended
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace e2e
