// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The action signals that wsbridgesink and wsbridgesrc have in common. They may be emitted on any
// thread.
#pragma once

#include <glib-object.h>

namespace wsbridge {

void installControlSignals(GObjectClass* klass);

}  // namespace wsbridge
