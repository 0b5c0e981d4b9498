// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The other end of the wire to a SIP agent on loopback: sends bytes, reads what comes back, holds
// it against what SIP looks like, and answers requests so that dialogs end. One thread. It also
// keeps the agent from sending to anybody else: Sofia-SIP's su_vsend() and connect() are its own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace fuzz {

class SipWire {
 public:
  /// `agent`: its port on 127.0.0.1.
  explicit SipWire(uint16_t agent);
  ~SipWire();
  SipWire(const SipWire&) = delete;
  SipWire& operator=(const SipWire&) = delete;

  [[nodiscard]] uint16_t port() const { return port_; }
  /// That the last call which was taken has in To, "none" before.
  [[nodiscard]] const std::string& lastTag() const { return tag_; }

  void send(std::string_view message);
  /// In pieces that `cuts` decides about.
  void sendByTcp(std::string_view message, unsigned cuts);
  void endTcp();
  /// Somebody else's OPTIONS is answered 200 within five seconds.
  void requireAlive();
  /// Takes what has come.
  void drain();

 private:
  void take(const std::string& datagram);
  bool takeNext();
  bool readTcp();

  int udp_ = -1;
  int tcp_ = -1;
  uint16_t agent_;
  uint16_t port_ = 0;
  uint64_t number_ = 0;
  std::string tag_ = "none";
  std::string awaited_;
  bool alive_ = false;
};

}  // namespace fuzz
