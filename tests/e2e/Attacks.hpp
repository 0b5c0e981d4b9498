// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <memory>
#include <ostream>
#include <vector>

#include "DnsServer.hpp"
#include "Gateway.hpp"
#include "RawEndpoint.hpp"
#include "SoupEndpoint.hpp"
#include "Stranger.hpp"

// Attacks on a running gateway by those who may send to it: callers, endpoints, and whoever finds
// its ports.
namespace e2e {

// What attackers know and use. Owned by the test, shared by attacks that run side by side.
struct Target {
  Target();

  DnsServer dns;  // *.black.test is never answered
  SoupEndpoint good{SoupEndpoint::Options{.echo = true, .record = false}};
  RawEndpoint silent{Misbehaviour::NeverAnswers};
  std::unique_ptr<RawEndpoint> flooder;  // sends endpointFloods(), one after the other
  std::unique_ptr<Gateway> gateway;      // made by the test, with `dns` as its name server
  std::vector<int> rtpPorts;             // of calls in progress, at the gateway
};

struct Attack {
  const char* name;
  void (*run)(Target& target, unsigned round, Clock::time_point until);

  friend std::ostream& operator<<(std::ostream& out, const Attack& attack) {
    return out << attack.name;
  }
};

// Each returns at `until` or soon after. With another round, other sources and names are used.
const std::vector<Attack>& attacks();

}  // namespace e2e
