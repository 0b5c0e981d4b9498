// SPDX-License-Identifier: LGPL-2.1-or-later
// Which of the calls that are refused before anything is done for them get records of their own,
// and how many of which reason did not: whoever may call can be refused as often as he likes. Calls
// of one reason, and all of them together, have a few at once and then a few a second. Pure: the
// caller brings the clock, monotonic µs. SIP thread only.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/CallEnd.hpp"
#include "log/LogAllowance.hpp"
#include "log/Throttle.hpp"

namespace launcher {

class RefusedCalls {
 public:
  /// True: its records are written. Otherwise it is counted.
  [[nodiscard]] bool allows(EndReason reason, std::int64_t nowUs);

  struct Sum {
    std::uint64_t calls = 0;
    std::string reasons;  ///< such as "uri-missing 12, too-many-calls 300"
  };
  /// What has been left out since the last sum, once a second; nothing when there is none.
  [[nodiscard]] std::optional<Sum> due(std::int64_t nowUs);
  /// The same at the end, without waiting.
  [[nodiscard]] std::optional<Sum> rest();

  static constexpr int kOfOneReason = 10;  ///< at once, then one a second
  static constexpr int kOfAll = 16;        ///< at once, then kOfAllASecond
  static constexpr int kOfAllASecond = 4;

 private:
  std::map<EndReason, log::LogAllowance> by_reason_;
  log::LogAllowance all_{kOfAll, kOfAllASecond};
  std::map<EndReason, std::uint64_t> left_out_;
  log::Throttle sums_;
};

}  // namespace launcher
