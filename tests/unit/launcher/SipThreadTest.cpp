// SPDX-License-Identifier: LGPL-2.1-or-later
#include <chrono>
#include <future>
#include <memory>

#include <gtest/gtest.h>

#include "sip/stack/SipThread.hpp"

namespace launcher {

namespace {

TEST(SipThread, WhatIsPostedRunsOnIt) {
  SipThread sip;
  ASSERT_TRUE(sip.start());
  std::promise<bool> current;
  sip.post([&] {
    sip.assertOn();
    current.set_value(sip.isCurrent());
  });
  EXPECT_TRUE(current.get_future().get());
  EXPECT_FALSE(sip.isCurrent());
}

TEST(SipThread, ATimerRunsOnItOnce) {
  SipThread sip;
  ASSERT_TRUE(sip.start());
  std::promise<bool> due;
  std::unique_ptr<SipTimer> timer;
  sip.post([&] {
    timer = std::make_unique<SipTimer>(sip);
    timer->start(std::chrono::milliseconds(1), [&] { due.set_value(sip.isCurrent()); });
  });
  EXPECT_TRUE(due.get_future().get());
  std::promise<void> gone;
  sip.post([&] {
    timer.reset();
    gone.set_value();
  });
  gone.get_future().wait();
}

TEST(SipThreadDeathTest, WhatBelongsToItEndsTheProcessElsewhere) {
  ::testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_DEATH(
      {
        SipThread sip;
        static_cast<void>(sip.start());
        SipTimer(sip).start(std::chrono::seconds(1), [] {});
      },
      "belongs to the SIP thread");
}

}  // namespace

}  // namespace launcher
