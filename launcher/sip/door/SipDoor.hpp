// SPDX-License-Identifier: LGPL-2.1-or-later
// The door that every SIP message and connection passes before Sofia-SIP makes anything of it: asks
// RequestGate and SipConnections, answers what is refused once and without state, and tells of it
// once a second. One for all agents; owned by the Gateway, SIP thread only. Agents go before it.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "base/CallEnd.hpp"
#include "config/Config.hpp"
#include "log/Throttle.hpp"
#include "sip/door/RequestGate.hpp"
#include "sip/door/SipConnections.hpp"
#include "sip/door/StatelessAnswer.hpp"
#include "sip/stack/SipThread.hpp"
#include "sip/stack/SofiaGuards.hpp"

namespace launcher {

class SipDoor final : public SipGuard {
 public:
  /// `descriptorLimit`: of the process, 0 for none.
  SipDoor(SipThread& thread, ConfigPtr config, std::size_t descriptorLimit);
  ~SipDoor() override;
  SipDoor(const SipDoor&) = delete;
  SipDoor& operator=(const SipDoor&) = delete;

  void setConfig(ConfigPtr config);
  /// Why an INVITE would be refused now for lack of capacity, for the answer to OPTIONS.
  void setFull(std::function<std::optional<EndReason>()> full) { full_ = std::move(full); }

  /// What a dialog holds: its Call-ID is known here, and the connection that it came by stays.
  class Pass {
   public:
    Pass() = default;
    Pass(SipDoor& door, std::string callId, std::uint64_t connection);
    ~Pass();
    Pass(Pass&& other) noexcept;
    Pass& operator=(Pass&& other) noexcept;

   private:
    SipDoor* door_ = nullptr;
    std::string call_id_;
    std::uint64_t connection_ = 0;
  };
  /// For a dialog that the message begins which is dealt with now.
  [[nodiscard]] Pass admit(const std::string& callId);
  /// For one that begins with a request of ours.
  [[nodiscard]] Pass admitOwn(const std::string& callId) { return {*this, callId, 0}; }

  /// Whether a redirection of a call of ours may lead anywhere.
  [[nodiscard]] bool followsRedirects() const { return !config_->sip.redirectAllow.empty(); }

  /// Whether the P-wsbridge-* headers of a caller count; warns, once a second, when they do not.
  [[nodiscard]] bool takesHeaders(const std::string& address);

  [[nodiscard]] bool request(sip_s* sip, const Origin& origin) noexcept override;
  bool connection(int descriptor, const sockaddr* from) noexcept override;
  void received(int descriptor) noexcept override { connections_.received(descriptor, now()); }
  void closed(int descriptor) noexcept override { connections_.closed(descriptor); }

 private:
  [[nodiscard]] static std::int64_t now();
  static void reply(const sip_s* sip, const Origin& origin, const AnswerWords& words);
  void tell(const char* key, const IpAddress& from, log::Throttle& throttle) const;
  void sweep();

  ConfigPtr config_;
  const std::size_t descriptor_limit_;
  RequestGate gate_;
  SipConnections connections_;
  SipTimer sweeper_;
  std::function<std::optional<EndReason>()> full_;
  int arrived_by_ = -1;  ///< connection of the message that is dealt with, -1 for a datagram
  std::array<log::Throttle, 6> refused_;  ///< by RequestGate::Limit
  log::Throttle too_many_;
  log::Throttle ignored_;
};

}  // namespace launcher
