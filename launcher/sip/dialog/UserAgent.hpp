// SPDX-License-Identifier: LGPL-2.1-or-later
// One SIP user agent on one listening address (UDP, TCP or both on the same port). Owns the nua_t
// and the Legs whose calls are over while their BYE still is on the way. SIP thread only.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sip/dialog/InviteHeaders.hpp"
#include "sip/dialog/Leg.hpp"
#include "sip/door/SipDoor.hpp"
#include "sip/stack/SipThread.hpp"

struct nua_s;
struct nua_handle_s;
struct sip_s;

namespace launcher {

/// An INVITE outside of a dialog.
struct IncomingCall {
  std::unique_ptr<Leg> leg;
  InviteHeaders headers;
  std::string from;
  std::string to;
  std::string sdp;
  bool foreignBody = false;  ///< there is one, and it is not application/sdp
  std::string localAddress;  ///< that the caller sees us at
};

struct ListenGroup {
  std::string host;
  std::uint16_t port = 0;
  bool udp = false;
  bool tcp = false;
};

class UserAgent {
 public:
  struct Callbacks {
    std::function<void(IncomingCall)> incoming;
    /// Why an INVITE would be refused now for lack of capacity, for the answer to OPTIONS.
    std::function<std::optional<EndReason>()> full;
  };

  UserAgent(SipThread& thread, SipDoor& door, ListenGroup group, std::string publicAddress,
            Callbacks callbacks);
  ~UserAgent();
  UserAgent(const UserAgent&) = delete;
  UserAgent& operator=(const UserAgent&) = delete;

  /// False when the address cannot be bound. Port 0 becomes the one that was found.
  [[nodiscard]] bool open();
  void setCallbacks(Callbacks callbacks) { callbacks_ = std::move(callbacks); }
  /// Asynchronous: `closed` is called when nothing is left, then the object may go.
  void close(std::function<void()> closed);

  /// A leg for dialling out.
  [[nodiscard]] std::unique_ptr<Leg> newLeg(const std::string& uri);
  /// Keeps a leg whose call is over until its dialog has ended.
  void linger(std::unique_ptr<Leg> leg);

  [[nodiscard]] const ListenGroup& group() const { return group_; }
  std::string localAddressTowards(const std::string& peer) const;

 private:
  static void onEvent(int event, int status, const char* phrase, nua_s* nua, UserAgent* self,
                      nua_handle_s* handle, Leg* leg, const sip_s* sip, const void* tags);
  void handleInvite(nua_handle_s* handle, const sip_s* sip);
  void handleStray(int event, int status, nua_handle_s* handle);
  [[nodiscard]] bool create();
  /// Of our side of a dialog; empty: the stack's own is right. `local`: our address towards the
  /// other side, or empty.
  [[nodiscard]] std::string contact(bool tcp, const std::string& local) const;
  void dropTerminated();

  SipThread& thread_;
  SipDoor& door_;
  ListenGroup group_;
  std::string public_address_;
  Callbacks callbacks_;
  std::function<void()> closed_;
  nua_s* nua_ = nullptr;
  std::vector<std::unique_ptr<Leg>> lingering_;
};

/// Listening addresses on the same ADDR:PORT share one agent.
[[nodiscard]] std::vector<ListenGroup> groupAddresses(const std::vector<ListenAddress>& addresses);

}  // namespace launcher
