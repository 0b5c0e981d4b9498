// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Those of the properties of wsbridgesink and wsbridgesrc that say how the WebSocket is opened:
// further endpoints, retries, authorization. Values in and out of a SessionSettings; the caller
// holds its lock.
#pragma once

#include <glib-object.h>

#include "session/SessionSettings.hpp"

namespace wsbridge {

/// The ids of these start here.
constexpr guint kFirstHandshakeProperty = 32;

void installHandshakeProperties(GObjectClass* klass);
/// False: not one of these.
bool setHandshakeProperty(SessionSettings& settings, guint id, const GValue* value);
bool getHandshakeProperty(const SessionSettings& settings, guint id, GValue* value);

}  // namespace wsbridge
