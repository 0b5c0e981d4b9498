// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <memory>

#include <gtest/gtest.h>

#include "Waiting.hpp"
#include "runtime/MediaLoop.hpp"

namespace testsupport {

/// Runs it on the loop's thread, to its end. Any other thread may call.
inline void onLoop(const std::shared_ptr<wsbridge::MediaLoop>& loop,
                   const std::function<void()>& what) {
  const Monitor monitor;
  bool done = false;
  loop->post([&] {
    what();
    const auto lock = monitor.lock();
    done = true;
    monitor.notify();
  });
  ASSERT_TRUE(monitor.waitFor([&] { return done; }, 5s));
}

}  // namespace testsupport
