// SPDX-License-Identifier: LGPL-2.1-or-later
#include "call/RefusedCalls.hpp"

namespace launcher {

bool RefusedCalls::allows(EndReason reason, std::int64_t nowUs) {
  log::LogAllowance& own = by_reason_.try_emplace(reason, kOfOneReason).first->second;
  // The own one first: a flood of one reason leaves something for the others.
  if (own.allows(nowUs) && all_.allows(nowUs)) return true;
  ++left_out_[reason];
  return false;
}

std::optional<RefusedCalls::Sum> RefusedCalls::due(std::int64_t nowUs) {
  if (left_out_.empty() || sums_.note(nowUs) == 0) return std::nullopt;
  return rest();
}

std::optional<RefusedCalls::Sum> RefusedCalls::rest() {
  if (left_out_.empty()) return std::nullopt;
  Sum sum;
  for (const auto& [reason, count] : left_out_) {
    sum.calls += count;
    if (!sum.reasons.empty()) sum.reasons += ", ";
    sum.reasons.append(callEnd(reason).label).append(" ").append(std::to_string(count));
  }
  left_out_.clear();
  return sum;
}

}  // namespace launcher
