// SPDX-License-Identifier: LGPL-2.1-or-later
// The rows of the table of configuration keys for `[websocket]`. Pure.
#pragma once

#include <vector>

#include "config/ConfigKeys.hpp"

namespace launcher {

[[nodiscard]] std::vector<ConfigKey> websocketKeys();

}  // namespace launcher
