// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tls/HandshakeGate.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>

namespace wsbridge {

namespace {

struct Host {
  size_t inside = 0;
  std::deque<HandshakeGate::Place*> waiting;
};
struct Gate {
  std::mutex mutex;
  std::map<std::string, Host> hosts;  // those with anybody inside
};
Gate& gate() {
  static auto* instance = new Gate;  // outlives loops that end during process exit
  return *instance;
}

}  // namespace

std::unique_ptr<HandshakeGate::Place> HandshakeGate::enter(const std::string& host,
                                                           std::function<void()> admitted) {
  std::unique_ptr<Place> place(new Place(host, std::move(admitted)));
  {
    const std::lock_guard lock(gate().mutex);
    Host& entered = gate().hosts[host];
    place->inside_ = entered.inside < kMaxPerHost;
    if (place->inside_) {
      ++entered.inside;
    } else {
      entered.waiting.push_back(place.get());
    }
    if (!place->inside_) return place;
  }
  place->admitted_();
  return place;
}

HandshakeGate::Place::~Place() {
  const std::lock_guard lock(gate().mutex);
  const auto found = gate().hosts.find(host_);
  Host& host = found->second;
  if (!inside_) {
    std::erase(host.waiting, this);
    return;
  }
  if (host.waiting.empty()) {
    if (--host.inside == 0) gate().hosts.erase(found);
    return;
  }
  Place* next = host.waiting.front();
  host.waiting.pop_front();
  next->inside_ = true;
  next->admitted_();  // posts; the lock keeps `next` alive meanwhile
}

}  // namespace wsbridge
