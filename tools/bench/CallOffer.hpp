// SPDX-License-Identifier: LGPL-2.1-or-later
// What one call of the load generator says in its INVITE. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "LoadOptions.hpp"
#include "SipAgent.hpp"

namespace bench {

SipSettings sipSettings(const LoadOptions& options);

// The SDP offer: the options' codec on this port.
std::string offerOf(const LoadOptions& options, const sockaddr_in& local, uint16_t rtpPort);

// The line that names the endpoint. With an endpoint report the URI carries the run's name and the
// call's index, so that the endpoint's figures can be told apart.
std::string endpointHeader(const LoadOptions& options, std::string_view run, unsigned index);

}  // namespace bench
