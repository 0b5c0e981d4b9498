// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What a fuzz target says of a broken invariant. libFuzzer takes the abort for a crash and keeps
// the input; a replay ends with the name of the file.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace fuzz {

inline void require(bool holds, const char* invariant) {
  if (holds) return;
  std::fprintf(stderr, "broken invariant: %s\n", invariant);
  std::abort();
}

}  // namespace fuzz
