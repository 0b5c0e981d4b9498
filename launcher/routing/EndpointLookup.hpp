// SPDX-License-Identifier: LGPL-2.1-or-later
// Finds the addresses of a call's endpoints, and holds every one against the policy, before any
// socket is opened. SIP thread only. Held by its Call; look-ups under way hold it weakly, and are
// cancelled with it. Addresses from the resolver's cache are held against the policy of this call's
// configuration like any other.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/CallEnd.hpp"
#include "base/EndpointUri.hpp"
#include "base/Result.hpp"
#include "config/Config.hpp"
#include "names/NameResolver.hpp"
#include "sip/stack/SipThread.hpp"

namespace launcher {

class EndpointLookup : public std::enable_shared_from_this<EndpointLookup> {
 public:
  struct Found {
    EndpointUri endpoint;
    std::vector<std::string> addresses;  ///< empty: allowed by name, to be resolved by others
  };
  using Result = wsbridge::common::Result<std::vector<Found>, Refusal>;
  struct Events {
    /// A name that does not resolve, while there are other endpoints.
    std::function<void(const EndpointUri&, const std::string& why)> skipped;
    std::function<void(Result)> done;
  };

  /// `source`: whoever the look-ups count for.
  EndpointLookup(SipThread& sip, NameResolver& resolver, ConfigPtr config, std::string source,
                 Events events);
  EndpointLookup(const EndpointLookup&) = delete;
  EndpointLookup& operator=(const EndpointLookup&) = delete;

  /// At least one endpoint, none of them with a host that the policy forbids. `done` comes at once
  /// when there is no name to look up.
  void start(const std::vector<EndpointUri>& endpoints);
  /// Nobody wants to know any more: the look-ups end, and nothing is told.
  void cancel();

 private:
  struct Entry {
    EndpointUri endpoint;
    std::vector<std::string> addresses;
    std::string fault = {};
    bool pending = false;
    bool byProxy = false;  ///< who resolves the name
    int retries = 0;
    NameLookup lookup = {};
    NameAnswer::Kind kind = NameAnswer::Kind::Found;
  };

  void resolve(std::size_t index);
  void answered(std::size_t index, const NameAnswer& answer);
  [[nodiscard]] bool anyPending() const;
  EndReason reasonOf(const Entry& entry) const;
  void finish();
  [[nodiscard]] bool retry(std::size_t index);

  SipThread& sip_;
  NameResolver& resolver_;
  const ConfigPtr config_;
  const std::string source_;
  Events events_;
  std::vector<Entry> entries_;
  std::vector<std::unique_ptr<SipTimer>> pauses_;
  SipTimer deadline_;
  bool late_ = false;
  bool over_ = false;
};

}  // namespace launcher
