// SPDX-License-Identifier: LGPL-2.1-or-later
#include <string>

#include <gtest/gtest.h>

#include "rtp/DigitSender.hpp"

namespace wsbridge {
namespace {

constexpr int kRate = 8000;
constexpr size_t kFrame = 160;

/// The digits that come out until all is sent, in packet times of 20 ms.
std::string sendAll(DigitSender& sender) {
  std::string sent;
  while (sender.active()) {
    const auto payload = sender.next(kFrame, kRate, kRate);
    if (payload.completed != 0) sent += payload.completed;
  }
  return sent;
}

std::string press(DigitSender& sender, size_t count) {
  std::string pressed;
  for (size_t i = 0; i < count; ++i) {
    const char digit = "0123456789*#ABCD"[i % 16];
    sender.press({digit, 40});
    pressed += digit;
  }
  return pressed;
}

TEST(DigitSender, ANumberIsSentInItsOrder) {
  DigitSender sender;
  const std::string pressed = press(sender, 12);
  EXPECT_EQ(sender.room(), DigitSender::kMaxDigits - 12);
  EXPECT_EQ(sendAll(sender), pressed);
  EXPECT_EQ(sender.room(), DigitSender::kMaxDigits);
}

TEST(DigitSender, AtTheLimitAllAreSent) {
  DigitSender sender;
  const std::string pressed = press(sender, DigitSender::kMaxDigits);
  EXPECT_EQ(sender.room(), 0U);
  EXPECT_EQ(sendAll(sender), pressed);
}

TEST(DigitSender, WhatIsAboveTheLimitIsLeftOutAndTheRestIsAsItWas) {
  DigitSender sender;
  const std::string pressed = press(sender, DigitSender::kMaxDigits);
  for (int i = 0; i < 10'000; ++i)
    sender.press({'#', 60000});
  EXPECT_EQ(sender.room(), 0U);
  EXPECT_EQ(sendAll(sender), pressed);
}

TEST(DigitSender, AKeyHoldsItsPlaceUntilItsLastPacket) {
  DigitSender sender;
  press(sender, DigitSender::kMaxDigits);
  while (sender.next(kFrame, kRate, kRate).completed == 0) {
    EXPECT_EQ(sender.room(), 0U);
  }
  EXPECT_EQ(sender.room(), 1U);
  sender.press({'7', 40});
  sender.press({'8', 40});
  EXPECT_EQ(sender.room(), 0U);
  const std::string sent = sendAll(sender);
  EXPECT_EQ(sent.size(), DigitSender::kMaxDigits);
  EXPECT_EQ(sent.back(), '7');
}

TEST(DigitSender, AKeyThatLastsTooLongIsCutToWhatAPacketCanSay) {
  DigitSender sender;
  sender.press({'5', 60000});
  unsigned last = 0;
  size_t packets = 0;
  while (sender.active()) {
    const auto payload = sender.next(kFrame, kRate, kRate);
    const unsigned duration = payload.bytes[2] * 256U + payload.bytes[3];
    EXPECT_GE(duration, last);
    last = duration;
    ++packets;
  }
  EXPECT_EQ(last, 0xFFFFU);
  EXPECT_EQ(packets, 0xFFFFU / kFrame + 3) << "8.2 s and the three of the end";
}

}  // namespace
}  // namespace wsbridge
