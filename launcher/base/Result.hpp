// SPDX-License-Identifier: LGPL-2.1-or-later
// Result of common/, by its short name. Pure.
#pragma once

#include "common/Result.hpp"

namespace launcher {

using wsbridge::common::Failure;
using wsbridge::common::Result;

}  // namespace launcher
