// SPDX-License-Identifier: LGPL-2.1-or-later
// What can be told of a call to another thread. Values only.
#pragma once

#include <cstdint>
#include <string>

namespace launcher {

struct CallSnapshot {
  enum class Status { Ringing, InProgress, Completed, Cancelled };

  std::string from;
  std::string to;
  bool outgoing = false;  ///< we have dialled
  Status status = Status::Ringing;
  // Unix time in seconds; 0: not yet.
  std::int64_t startedAt = 0;
  std::int64_t answeredAt = 0;
  std::int64_t endedAt = 0;
};

}  // namespace launcher
