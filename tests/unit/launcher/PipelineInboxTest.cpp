// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>

#include "log/LogAllowance.hpp"
#include "media/PipelineInbox.hpp"

namespace launcher {
namespace {

using Kind = PipelineEvent::Kind;
using Added = PipelineInbox::Added;

PipelineEvent event(Kind kind, const std::string& text = {}, const std::string& who = {}) {
  return {kind, text, {}, who, 0, 0};
}

TEST(PipelineInbox, OneTakeForAllThatWaits) {
  PipelineInbox inbox;
  EXPECT_EQ(inbox.add(event(Kind::Opened)), Added::First);
  EXPECT_EQ(inbox.add(event(Kind::FirstAudio)), Added::Waiting);
  EXPECT_EQ(inbox.add(event(Kind::Closed)), Added::Waiting);
  const auto events = inbox.take();
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[0].kind, Kind::Opened);
  EXPECT_EQ(events[2].kind, Kind::Closed);
  EXPECT_TRUE(inbox.take().empty());
  EXPECT_EQ(inbox.add(event(Kind::Opened)), Added::First);
}

TEST(PipelineInbox, WhatRepeatsIsCounted) {
  PipelineInbox inbox;
  for (int i = 0; i < 1000; ++i) {
    inbox.add(event(Kind::Control, "clear"));
    inbox.add(event(Kind::Control, i % 2 == 0 ? "mute" : "pause"));
    inbox.add(event(Kind::Digit, "", "from-endpoint"));
    inbox.add(event(Kind::KeyLost));
  }
  const auto events = inbox.take();
  ASSERT_EQ(events.size(), 5U);
  EXPECT_EQ(events[0].text, "clear");
  EXPECT_EQ(events[0].count, 1000U);
  EXPECT_EQ(events[1].count, 500U);
}

TEST(PipelineInbox, EverNewWordsAreOneInTheEnd) {
  PipelineInbox inbox;
  for (int i = 0; i < 1000; ++i)
    EXPECT_NE(inbox.add(event(Kind::Control, "x" + std::to_string(i))), Added::Refused);
  EXPECT_EQ(inbox.add(event(Kind::Control, "hangup")), Added::Waiting);
  const auto events = inbox.take();
  ASSERT_LE(events.size(), PipelineInbox::kMaxControls + 2);
  EXPECT_EQ(events.back().text, "hangup") << "what counts is not lost";
}

TEST(PipelineInbox, MessagesKeysAndTransfersAreRefusedAboveTheirLimit) {
  PipelineInbox inbox;
  for (size_t i = 0; i < PipelineInbox::kMaxMessages; ++i)
    EXPECT_NE(inbox.add(event(Kind::Message, std::to_string(i))), Added::Refused);
  EXPECT_EQ(inbox.add(event(Kind::Message, "more")), Added::Refused);
  for (size_t i = 0; i < PipelineInbox::kMaxKeys; ++i)
    EXPECT_NE(inbox.add(event(Kind::Key, "1")), Added::Refused);
  EXPECT_EQ(inbox.add(event(Kind::Key, "1")), Added::Refused);
  for (size_t i = 0; i < PipelineInbox::kMaxTransfers; ++i)
    EXPECT_NE(inbox.add(event(Kind::Control, "transfer", "sip:a@b")), Added::Refused);
  EXPECT_EQ(inbox.add(event(Kind::Control, "transfer", "sip:a@b")), Added::Refused);
  EXPECT_EQ(inbox.add(event(Kind::Closed)), Added::Waiting);
  inbox.take();
  EXPECT_EQ(inbox.add(event(Kind::Message, "more")), Added::First);
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
