// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The messages of docs/elements.md, made of a connection's events and counters. Any thread.
#pragma once

#include <gst/gst.h>

#include "connection/Connection.hpp"

namespace wsbridge {

/// Posts the element message of `event`; for a Failure the error message with its details too.
void postConnectionEvent(GstElement* element, const Connection& connection,
                         const ConnectionEvent& event);

GstStructure* statsStructure(const ConnectionStats& stats);

}  // namespace wsbridge
