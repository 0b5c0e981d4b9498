// SPDX-License-Identifier: LGPL-2.1-or-later
// Which of a call's endpoints get the configuration's credentials: Authorization, signatures,
// client certificate and the proxy's user. Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include "base/EndpointUri.hpp"
#include "config/Config.hpp"
#include "routing/Routing.hpp"

namespace launcher {

/// Whether `websocket.credentials-for` names the host. Only a plain name or address is compared:
/// one with escapes in it, which others might read differently, is never named.
[[nodiscard]] bool namesHost(const std::vector<std::string>& patterns, const std::string& host);

/// For the element's `credentials-for`: all, none, or the positions in the list.
[[nodiscard]] std::string credentialScope(const std::vector<EndpointUri>& endpoints);

/// The keys whose values some endpoint of the call does not get, for the log; empty when there are
/// none or all endpoints get them.
[[nodiscard]] std::string withheldCredentials(const Config& config, const BridgeRequest& bridge);

}  // namespace launcher
