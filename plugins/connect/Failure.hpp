// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Failure: why a connection could not be opened or broke. A value.
#pragma once

#include <string>

#include "common/FailureKind.hpp"

namespace wsbridge {

using common::FailureKind;
using common::nameOf;

struct Failure {
  FailureKind kind = FailureKind::Lost;
  std::string text;
  unsigned http_status = 0;
  unsigned close_code = 0;
  std::string close_reason;
  bool temporary = false;  ///< of a connect: the same endpoint may answer better in a moment
};

}  // namespace wsbridge
