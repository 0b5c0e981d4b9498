// SPDX-License-Identifier: LGPL-2.1-or-later
#include <cstdlib>
#include <set>
#include <vector>

#include <sys/resource.h>

#include <gtest/gtest.h>

#include "media/RtpPorts.hpp"

namespace launcher {

TEST(RtpPorts, PairsAreEvenUniqueAndRunOut) {
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

TEST(RtpPorts, TheNextPairCannotBeTold) {
  // 20 draws from 1000 pairs: neighbours are rare, and no two ranges run alike.
  RtpPorts ports({40000, 41999});
  RtpPorts same({40000, 41999});
  std::vector<int> drawn;
  std::vector<int> others;
  for (int i = 0; i < 20; ++i) {
    for (auto* one : {&ports, &same}) {
      const auto pair = one->take("127.0.0.1");
      ASSERT_TRUE(pair);
      (one == &ports ? drawn : others).push_back(pair->port);
      one->giveBack(*pair);
    }
  }
  EXPECT_NE(drawn, others);
  int near = 0;
  for (std::size_t i = 1; i < drawn.size(); ++i)
    near += std::abs(drawn[i] - drawn[i - 1]) <= 4 ? 1 : 0;
  EXPECT_LE(near, 4);
}

TEST(RtpPorts, KnowsWhatTheProcessListensOn) {
  RtpPorts ports({36080, 36081});
  ports.addOwn("0.0.0.0", 5060);
  EXPECT_EQ(ports.boundTo(5060), std::vector<std::string>{"0.0.0.0"});
  EXPECT_TRUE(ports.boundTo(36080).empty());
  const auto pair = ports.take("127.0.0.1");
  ASSERT_TRUE(pair);
  EXPECT_EQ(ports.boundTo(36080), std::vector<std::string>{"127.0.0.1"});
  EXPECT_EQ(ports.boundTo(36081), std::vector<std::string>{"127.0.0.1"});
  EXPECT_TRUE(ports.boundTo(36082).empty());
  ports.giveBack(*pair);
  EXPECT_TRUE(ports.boundTo(36081).empty());
}

TEST(RtpPorts, APortThatAnotherProgramHoldsIsPassedOver) {
  RtpPorts first({36020, 36023});
  RtpPorts second({36020, 36023});
  const auto a = first.take("127.0.0.1");
  const auto b = second.take("127.0.0.1");
  ASSERT_TRUE(a && b);
  EXPECT_NE(a->port, b->port);
  first.giveBack(*a);
  second.giveBack(*b);
}

TEST(RtpPorts, TheFaultTellsAUsedRangeFromALackOfSockets) {
  RtpPorts ports({36060, 36061});
  EXPECT_EQ(ports.pairs(), 1u);
  const auto only = ports.take("127.0.0.1");
  ASSERT_TRUE(only);
  EXPECT_EQ(ports.take("127.0.0.1").error(), PortFault::RangeUsed);
  ports.giveBack(*only);

  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{3, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto starved = ports.take("127.0.0.1");
  setrlimit(RLIMIT_NOFILE, &before);
  ASSERT_FALSE(starved);
  EXPECT_EQ(starved.error(), PortFault::NoSocket);
}

TEST(RtpPorts, APairWithOneHalfTakenIsPassedOver) {
  for (const int taken : {36070, 36071}) {
    GSocket* other =
        g_socket_new(G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_DATAGRAM, G_SOCKET_PROTOCOL_UDP, nullptr);
    GSocketAddress* where =
        g_inet_socket_address_new_from_string("127.0.0.1", static_cast<guint>(taken));
    ASSERT_TRUE(g_socket_bind(other, where, FALSE, nullptr));
    RtpPorts ports({36070, 36073});
    const auto pair = ports.take("127.0.0.1");
    ASSERT_TRUE(pair) << taken;
    EXPECT_EQ(pair->port, 36072);
    GSocketAddress* bound = g_socket_get_local_address(pair->rtcp.get(), nullptr);
    EXPECT_EQ(g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(bound)), 36073);
    g_object_unref(bound);
    ports.giveBack(*pair);
    g_object_unref(where);
    g_object_unref(other);
  }
}

TEST(RtpPorts, AReturnedPairRests) {
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
