// SPDX-License-Identifier: LGPL-2.1-or-later
// From the INVITE's headers and the configured routes to one checked request for a bridge. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/CallEnd.hpp"
#include "base/EndpointUri.hpp"
#include "base/Result.hpp"
#include "config/Config.hpp"
#include "sip/dialog/InviteHeaders.hpp"

namespace launcher {

struct BridgeRequest {
  std::vector<EndpointUri> endpoints;  ///< at least one, in the order in which they are tried
  std::string headers;                 ///< JSON object or empty
  std::string contentType;
  int rate = 0;  ///< Hz
  std::string dialect;
  AuthorizationConfig authorization;
  bool ownAuthorization = false;  ///< the INVITE's: goes to all endpoints of the call
  std::string route;              ///< name of the route taken, or empty
  bool uriFromInvite = false;     ///< the caller names the endpoints: what he learns is bounded
};

Result<BridgeRequest, Refusal> routeCall(const Config& config, const InviteHeaders& invite);

/// What a caller may be transferred to: one sip:, sips: or tel: URI without anything around it.
[[nodiscard]] bool isTransferTarget(const std::string& uri);
/// Whether the configuration lets callers be transferred to such a target.
[[nodiscard]] bool mayTransferTo(const Config::Sip& sip, const std::string& uri);

}  // namespace launcher
