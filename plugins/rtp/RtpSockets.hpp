// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Binds the UDP sockets of wsbridgertpsrc when the application brings none. Any thread.
#pragma once

#include <string>

#include "runtime/GlibPtr.hpp"

namespace wsbridge {

/// Null: `fault` says why. Port 0 takes any.
GObjectPtr<GSocket> bindUdp(const std::string& address, unsigned port, std::string& fault);

/// The port that a socket is bound to, 0 when it is not.
unsigned boundPort(GSocket* socket);

}  // namespace wsbridge
