// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>

// How much slower everything may be in this build: every limit of the tests is written for an
// ordinary build and stretched here, in one place, when a sanitizer is compiled in. Constants only,
// for any thread.
namespace testsupport {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
inline constexpr int kTimeScale = 6;
#else
inline constexpr bool kSanitized = false;
inline constexpr int kTimeScale = 1;
#endif

// A deadline for what must happen is a second or more and is stretched. A shorter limit is a
// window in which something must not happen (or need not): it stays as it is.
constexpr std::chrono::milliseconds stretched(std::chrono::milliseconds limit) {
  return limit >= std::chrono::seconds(1) ? limit * kTimeScale : limit;
}

}  // namespace testsupport
