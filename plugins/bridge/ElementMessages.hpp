// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The messages of docs/elements.md, made of a connection's events and counters. Any thread.
#pragma once

#include <gst/gst.h>

#include "session/Session.hpp"

namespace wsbridge {

/// Posts the element message of `event`; for a Failure the error message with its details too.
void postSessionEvent(GstElement* element, const Session& session, const SessionEvent& event);

GstStructure* statsStructure(const SessionStats& stats);

}  // namespace wsbridge
