// SPDX-License-Identifier: LGPL-2.1-or-later
// A caller's side of SIP over UDP: owns the socket and the calls, hands each message to its call.
// One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <netinet/in.h>

#include "Clock.hpp"
#include "FileDescriptor.hpp"
#include "SipCall.hpp"
#include "wire/SipMessage.hpp"

namespace bench {

using namespace wire;

struct SipSettings {
  std::string targetUri;
  sockaddr_in target{};
  std::string extraHeaders;  // complete lines of the INVITE
};

class SipAgent {
 public:
  // Called on state changes of a call and on each provisional response.
  using Listener = std::function<void(SipCall&)>;

  SipAgent(SipSettings settings, Listener listener);
  std::string open();  // empty, or what failed
  SipCall& addCall();
  const std::vector<std::unique_ptr<SipCall>>& calls() const { return calls_; }
  const sockaddr_in& local() const { return local_; }
  // Handles messages and timers until `until` at most, returns after each batch of them.
  void poll(Nanoseconds until);

 private:
  friend class SipCall;
  void send(const std::string& text, const sockaddr_in& to);
  void send(const std::string& text) { send(text, settings_.target); }
  void receive();
  std::string newToken();

  SipSettings settings_;
  Listener listener_;
  FileDescriptor socket_;
  sockaddr_in local_{};
  uint64_t tokens_ = 0, salt_ = 0;
  std::vector<std::unique_ptr<SipCall>> calls_;
  std::vector<SipCall*> live_;  // those that may still have timers
  std::unordered_map<std::string, SipCall*> by_call_id_;
};

}  // namespace bench
