// SPDX-License-Identifier: LGPL-2.1-or-later
#include <array>

#include <gtest/gtest.h>

#include "media/SourceLatch.hpp"

namespace launcher {

using Verdict = SourceLatch::Verdict;

TEST(SourceLatch, theFirstSourceIsKept) {
  SourceLatch latch({"10.0.0.1", 4000});
  EXPECT_EQ(latch.packet({"10.0.0.1", 4000}, 0), Verdict::TakeAndLatch);
  EXPECT_EQ(latch.packet({"10.0.0.1", 4000}, 20), Verdict::Take);
  EXPECT_EQ(latch.packet({"10.0.0.9", 4000}, 30), Verdict::Ignore);
  EXPECT_EQ(latch.packet({"10.0.0.1", 4001}, 40), Verdict::Ignore);
}

TEST(SourceLatch, theAnnouncedOneWinsWithinASecond) {
  SourceLatch latch({"10.0.0.1", 4000});
  EXPECT_EQ(latch.packet({"10.0.0.9", 1}, 0), Verdict::TakeAndLatch);
  EXPECT_EQ(latch.packet({"10.0.0.1", 4000}, 500), Verdict::TakeAndLatch);
  EXPECT_EQ(latch.packet({"10.0.0.9", 1}, 510), Verdict::Ignore);
  SourceLatch slow({"10.0.0.1", 4000});
  EXPECT_EQ(slow.packet({"10.0.0.9", 1}, 0), Verdict::TakeAndLatch);
  EXPECT_EQ(slow.packet({"10.0.0.1", 4000}, 1500), Verdict::Ignore);
}

TEST(SourceLatch, aNewAnnouncementStartsOver) {
  SourceLatch latch({"10.0.0.1", 4000});
  latch.packet({"10.0.0.1", 4000}, 0);
  latch.announce({"10.0.0.1", 4000});
  EXPECT_EQ(latch.packet({"10.0.0.2", 5000}, 5000), Verdict::Ignore);
  latch.announce({"10.0.0.2", 5000});
  EXPECT_EQ(latch.packet({"10.0.0.2", 5000}, 5020), Verdict::TakeAndLatch);
}

TEST(SourceLatch, onlyNegotiatedRtpIsValid) {
  std::array<std::uint8_t, 172> packet{};
  packet[0] = 0x80;
  EXPECT_TRUE(isValidRtp(packet.data(), packet.size(), 0, 101));
  packet[1] = 0x80 | 101;
  EXPECT_TRUE(isValidRtp(packet.data(), packet.size(), 0, 101));
  EXPECT_FALSE(isValidRtp(packet.data(), packet.size(), 0, -1));
  packet[1] = 0;
  EXPECT_FALSE(isValidRtp(packet.data(), 11, 0, 101));
  packet[0] = 0x40;
  EXPECT_FALSE(isValidRtp(packet.data(), packet.size(), 0, 101));
  packet[0] = 0x8f;
  EXPECT_FALSE(isValidRtp(packet.data(), 40, 0, 101));
  packet[0] = 0x90;
  packet[14] = 0xff;
  EXPECT_FALSE(isValidRtp(packet.data(), packet.size(), 0, 101));
  packet[0] = 0xa0;
  packet[171] = 200;
  EXPECT_FALSE(isValidRtp(packet.data(), packet.size(), 0, 101));
}

}  // namespace launcher
