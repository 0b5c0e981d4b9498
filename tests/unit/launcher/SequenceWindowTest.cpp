// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>

#include "media/SequenceWindow.hpp"

namespace launcher {
namespace {

TEST(SequenceWindow, CountsAPacketOnce) {
  SequenceWindow window;
  EXPECT_FALSE(window.isDuplicate(10));
  EXPECT_TRUE(window.isDuplicate(10));
  EXPECT_FALSE(window.isDuplicate(11));
  EXPECT_TRUE(window.isDuplicate(10));
  EXPECT_TRUE(window.isDuplicate(11));
}

TEST(SequenceWindow, ALatePacketIsNoDuplicate) {
  SequenceWindow window;
  EXPECT_FALSE(window.isDuplicate(10));
  EXPECT_FALSE(window.isDuplicate(13));
  EXPECT_FALSE(window.isDuplicate(11));
  EXPECT_TRUE(window.isDuplicate(11));
  EXPECT_FALSE(window.isDuplicate(12));
}

TEST(SequenceWindow, GoesOnOverTheWrapAndRoundAfterRound) {
  SequenceWindow window;
  for (std::uint32_t i = 65000; i < 65000 + 3 * 65536; ++i) {
    ASSERT_FALSE(window.isDuplicate(static_cast<std::uint16_t>(i))) << i;
  }
  EXPECT_TRUE(window.isDuplicate(static_cast<std::uint16_t>(65000 - 1)));
}

TEST(SequenceWindow, AJumpStartsAnew) {
  SequenceWindow window;
  EXPECT_FALSE(window.isDuplicate(5));
  EXPECT_FALSE(window.isDuplicate(5 + 10000));
  EXPECT_FALSE(
      window.isDuplicate(static_cast<std::uint16_t>(5 + 10000 - SequenceWindow::kPackets + 1)));
  EXPECT_FALSE(window.isDuplicate(5)) << "too long ago to be known";
}

}  // namespace
}  // namespace launcher
