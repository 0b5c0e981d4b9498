// SPDX-License-Identifier: LGPL-2.1-or-later
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "media/RtpPorts.hpp"

namespace launcher {

TEST(RtpPorts, pairsAreEvenUniqueAndRunOut) {
  RtpPorts ports({36001, 36008});
  std::vector<RtpSockets> taken;
  std::set<int> numbers;
  for (int i = 0; i < 3; ++i) {
    const auto pair = ports.take("127.0.0.1");
    ASSERT_TRUE(pair) << i;
    EXPECT_EQ(pair->port % 2, 0);
    EXPECT_GE(pair->port, 36001);
    EXPECT_LE(pair->port + 1, 36008);
    EXPECT_TRUE(numbers.insert(pair->port).second);
    taken.push_back(*pair);
  }
  EXPECT_FALSE(ports.take("127.0.0.1"));
  EXPECT_EQ(ports.inUse(), 3u);
  ports.giveBack(taken[1]);
  EXPECT_EQ(ports.inUse(), 2u);
  const auto again = ports.take("127.0.0.1");
  ASSERT_TRUE(again) << "a resting pair is better than a refused call";
  EXPECT_EQ(again->port, taken[1].port);
  ports.giveBack(*again);
  ports.giveBack(taken[0]);
  ports.giveBack(taken[2]);
}

TEST(RtpPorts, aPortThatAnotherProgramHoldsIsPassedOver) {
  RtpPorts first({36020, 36023});
  RtpPorts second({36020, 36023});
  const auto a = first.take("127.0.0.1");
  const auto b = second.take("127.0.0.1");
  ASSERT_TRUE(a && b);
  EXPECT_NE(a->port, b->port);
  first.giveBack(*a);
  second.giveBack(*b);
}

TEST(RtpPorts, aReturnedPairRests) {
  RtpPorts ports({36040, 36047});
  const auto a = ports.take("127.0.0.1");
  ASSERT_TRUE(a);
  ports.giveBack(*a);
  for (int i = 0; i < 3; ++i) {
    const auto b = ports.take("127.0.0.1");
    ASSERT_TRUE(b);
    EXPECT_NE(b->port, a->port);
  }
}

}  // namespace launcher
