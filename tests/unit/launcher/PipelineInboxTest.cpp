// SPDX-License-Identifier: LGPL-2.1-or-later
#include <variant>

#include <gtest/gtest.h>

#include "log/LogAllowance.hpp"
#include "media/PipelineInbox.hpp"

namespace launcher {
namespace {

using Added = PipelineInbox::Added;

TEST(PipelineInbox, OneTakeForAllThatWaits) {
  PipelineInbox inbox;
  EXPECT_EQ(inbox.add(Opened{}), Added::First);
  EXPECT_EQ(inbox.add(FirstAudio{}), Added::Waiting);
  EXPECT_EQ(inbox.add(WebSocketClosed{}), Added::Waiting);
  const auto events = inbox.take();
  ASSERT_EQ(events.size(), 3U);
  EXPECT_TRUE(std::holds_alternative<Opened>(events[0].event));
  EXPECT_TRUE(std::holds_alternative<WebSocketClosed>(events[2].event));
  EXPECT_TRUE(inbox.take().empty());
  EXPECT_EQ(inbox.add(Opened{}), Added::First);
}

TEST(PipelineInbox, WhatRepeatsIsCounted) {
  PipelineInbox inbox;
  for (int i = 0; i < 1000; ++i) {
    static_cast<void>(inbox.add(ControlAsked{"clear", {}}));
    static_cast<void>(inbox.add(ControlAsked{i % 2 == 0 ? "mute" : "pause", {}}));
    static_cast<void>(inbox.add(DigitPassed{"from-endpoint"}));
    static_cast<void>(inbox.add(DigitLost{}));
  }
  const auto events = inbox.take();
  ASSERT_EQ(events.size(), 5U);
  EXPECT_EQ(std::get<ControlAsked>(events[0].event).action, "clear");
  EXPECT_EQ(events[0].count, 1000U);
  EXPECT_EQ(events[1].count, 500U);
}

TEST(PipelineInbox, EverNewWordsAreOneInTheEnd) {
  PipelineInbox inbox;
  for (int i = 0; i < 1000; ++i)
    EXPECT_NE(inbox.add(ControlAsked{"x" + std::to_string(i), {}}), Added::Refused);
  EXPECT_EQ(inbox.add(ControlAsked{"hangup", {}}), Added::Waiting);
  const auto events = inbox.take();
  ASSERT_LE(events.size(), PipelineInbox::kMaxControls + 2);
  EXPECT_EQ(std::get<ControlAsked>(events.back().event).action, "hangup")
      << "what counts is not lost";
}

TEST(PipelineInbox, MessagesDigitsAndTransfersAreRefusedAboveTheirLimit) {
  PipelineInbox inbox;
  for (size_t i = 0; i < PipelineInbox::kMaxMessages; ++i)
    EXPECT_NE(inbox.add(MessageAsked{"text/plain", std::to_string(i)}), Added::Refused);
  EXPECT_EQ(inbox.add(MessageAsked{"text/plain", "more"}), Added::Refused);
  for (size_t i = 0; i < PipelineInbox::kMaxDigits; ++i)
    EXPECT_NE(inbox.add(DigitWanted{"1", 100}), Added::Refused);
  EXPECT_EQ(inbox.add(DigitWanted{"1", 100}), Added::Refused);
  for (size_t i = 0; i < PipelineInbox::kMaxTransfers; ++i)
    EXPECT_NE(inbox.add(ControlAsked{"transfer", "sip:a@b"}), Added::Refused);
  EXPECT_EQ(inbox.add(ControlAsked{"transfer", "sip:a@b"}), Added::Refused);
  EXPECT_EQ(inbox.add(WebSocketClosed{}), Added::Waiting);
  static_cast<void>(inbox.take());
  EXPECT_EQ(inbox.add(MessageAsked{"text/plain", "more"}), Added::First);
}

TEST(LogAllowance, AFewThenOneASecondAndTheRestIsCounted) {
  constexpr std::int64_t kSecond = 1000000;
  log::LogAllowance lines(8);
  std::int64_t now = 5 * kSecond;
  int written = 0;
  for (int i = 0; i < 10000; ++i, now += kSecond / 1000)
    written += lines.allows(now, 2) ? 1 : 0;
  EXPECT_EQ(written, 17);
  EXPECT_EQ(lines.takeLeftOut(now), 2U * (10000 - 17));
  now += 10 * kSecond;
  EXPECT_EQ(lines.takeLeftOut(now), 0U);
  for (int i = 0; i < 60; ++i, now += kSecond)
    EXPECT_TRUE(lines.allows(now)) << "one a second is never left out";
}

}  // namespace
}  // namespace launcher
