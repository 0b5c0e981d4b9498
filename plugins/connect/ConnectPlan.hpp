// SPDX-License-Identifier: LGPL-2.1-or-later
//
// ConnectPlan: which endpoint is tried next, when, and for how long. Every endpoint is tried once,
// in order; what is left of the time is shared evenly by those that are still to come. Then, as
// often as retries are allowed, those whose failure may pass are tried again, after a pause that
// doubles. Pure; times are monotonic, µs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace wsbridge {

class ConnectPlan {
 public:
  struct Attempt {
    size_t candidate;
    int64_t at_us;
    int64_t until_us;
  };

  /// At least one candidate.
  ConnectPlan(size_t candidates, unsigned retries, int64_t start_us, int64_t budget_us);

  Attempt first();
  /// Empty: it was the last one. `temporary`: the same endpoint may answer better soon.
  std::optional<Attempt> afterFailure(bool temporary, int64_t now_us);

 private:
  Attempt next(int64_t at_us);

  std::vector<size_t> round_;  // candidates of this round
  std::vector<size_t> again_;  // those of them that a further round is worth while for
  size_t position_ = 0;        // in round_
  unsigned retries_;
  int64_t pause_us_;
  int64_t start_us_;
  int64_t end_us_;
};

}  // namespace wsbridge
