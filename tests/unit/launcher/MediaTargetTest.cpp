// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>

#include "media/MediaTarget.hpp"

namespace launcher {

TEST(MediaTarget, ASocketReachesAddressesOfItsFamily) {
  EXPECT_TRUE(canReach("192.0.2.1", "198.51.100.7"));
  EXPECT_TRUE(canReach("0.0.0.0", "127.0.0.1"));
  EXPECT_TRUE(canReach("192.0.2.1", "::ffff:198.51.100.7"));
  EXPECT_FALSE(canReach("192.0.2.1", "2001:db8::1"));
  EXPECT_TRUE(canReach("::", "2001:db8::1"));
  EXPECT_TRUE(canReach("::", "192.0.2.1"));
  EXPECT_FALSE(canReach("::", "phone.example"));
  EXPECT_FALSE(canReach("::1", "192.0.2.1"));
  EXPECT_FALSE(canReach("192.0.2.1", "phone.example"));
  EXPECT_FALSE(canReach("192.0.2.1", ""));
}

TEST(MediaTarget, WhereAnSdpMayAimDependsOnWhoSendsIt) {
  constexpr const char* kPublicPeer = "8.8.4.4";
  constexpr const char* kPrivatePeer = "10.0.0.9";
  constexpr const char* kLocalPeer = "127.0.0.1";
  const struct {
    const char* announced;
    Aim publicPeer;
    Aim privatePeer;
    Aim localPeer;
  } cases[] = {
      {"8.8.8.8", Aim::AtOnce, Aim::AtOnce, Aim::AtOnce},
      {"2606:4700::1", Aim::AtOnce, Aim::AtOnce, Aim::AtOnce},
      {"192.168.1.7", Aim::OnceLatched, Aim::AtOnce, Aim::AtOnce},
      {"100.64.3.4", Aim::OnceLatched, Aim::AtOnce, Aim::AtOnce},
      {"fd00::7", Aim::OnceLatched, Aim::AtOnce, Aim::AtOnce},
      {"::ffff:192.168.1.7", Aim::OnceLatched, Aim::AtOnce, Aim::AtOnce},
      {"64:ff9b::c0a8:107", Aim::OnceLatched, Aim::AtOnce, Aim::AtOnce},
      {"192.0.2.1", Aim::OnceLatched, Aim::AtOnce, Aim::AtOnce},
      {"127.0.0.1", Aim::OnceLatched, Aim::OnceLatched, Aim::AtOnce},
      {"127.255.0.1", Aim::OnceLatched, Aim::OnceLatched, Aim::AtOnce},
      {"::1", Aim::OnceLatched, Aim::OnceLatched, Aim::AtOnce},
      {"::ffff:127.0.0.1", Aim::OnceLatched, Aim::OnceLatched, Aim::AtOnce},
      {"224.0.0.1", Aim::Never, Aim::Never, Aim::Never},
      {"239.255.255.250", Aim::Never, Aim::Never, Aim::Never},
      {"ff02::1", Aim::Never, Aim::Never, Aim::Never},
      {"255.255.255.255", Aim::Never, Aim::Never, Aim::Never},
      {"0.0.0.0", Aim::Never, Aim::Never, Aim::Never},
      {"0.1.2.3", Aim::Never, Aim::Never, Aim::Never},
      {"::", Aim::Never, Aim::Never, Aim::Never},
      {"169.254.1.1", Aim::Never, Aim::Never, Aim::Never},
      {"fe80::1", Aim::Never, Aim::Never, Aim::Never},
      {"169.254.169.254", Aim::Never, Aim::Never, Aim::Never},
      {"::ffff:169.254.169.254", Aim::Never, Aim::Never, Aim::Never},
      {"64:ff9b::a9fe:a9fe", Aim::Never, Aim::Never, Aim::Never},
      {"168.63.129.16", Aim::Never, Aim::Never, Aim::Never},
      {"100.100.100.200", Aim::Never, Aim::Never, Aim::Never},
      {"fd00:ec2::254", Aim::Never, Aim::Never, Aim::Never},
      {"phone.example.org", Aim::Never, Aim::Never, Aim::Never},
      {"2130706433", Aim::Never, Aim::Never, Aim::Never},
      {"", Aim::Never, Aim::Never, Aim::Never},
  };
  for (const auto& it : cases) {
    EXPECT_EQ(aimOf(it.announced, kPublicPeer, {}), it.publicPeer) << it.announced;
    EXPECT_EQ(aimOf(it.announced, "", {}), it.publicPeer) << it.announced << " of nobody";
    EXPECT_EQ(aimOf(it.announced, kPrivatePeer, {}), it.privatePeer) << it.announced;
    EXPECT_EQ(aimOf(it.announced, "fd00::9", {}), it.privatePeer) << it.announced;
    EXPECT_EQ(aimOf(it.announced, kLocalPeer, {}), it.localPeer) << it.announced;
    EXPECT_EQ(aimOf(it.announced, "::1", {}), it.localPeer) << it.announced;
  }
}

TEST(MediaTarget, NetworksThatAreAllowedAreAimedAtAtOnce) {
  const std::vector<std::string> allow = {"10.20.0.0/16", "127.0.0.9", "fd00::/8", "169.254.0.0/16",
                                          "0.0.0.0/0"};
  const std::vector<std::string> some(allow.begin(), allow.begin() + 3);
  EXPECT_EQ(aimOf("10.20.255.255", "8.8.8.8", some), Aim::AtOnce);
  EXPECT_EQ(aimOf("10.21.0.0", "8.8.8.8", some), Aim::OnceLatched);
  EXPECT_EQ(aimOf("127.0.0.9", "8.8.8.8", some), Aim::AtOnce);
  EXPECT_EQ(aimOf("127.0.0.8", "8.8.8.8", some), Aim::OnceLatched);
  EXPECT_EQ(aimOf("fdff::1", "8.8.8.8", some), Aim::AtOnce);
  // No list makes a phone of these.
  EXPECT_EQ(aimOf("169.254.1.1", "8.8.8.8", allow), Aim::Never);
  EXPECT_EQ(aimOf("224.0.0.1", "8.8.8.8", allow), Aim::Never);
  EXPECT_EQ(aimOf("168.63.129.16", "8.8.8.8", allow), Aim::Never);
}

TEST(MediaTarget, KnowsOurOwnSockets) {
  EXPECT_TRUE(reachesSocket("10.0.0.1", {"10.0.0.1"}));
  EXPECT_TRUE(reachesSocket("::ffff:10.0.0.1", {"10.0.0.1"}));
  EXPECT_TRUE(reachesSocket("2001:DB8:0::1", {"8.8.8.8", "2001:db8::1"}));
  EXPECT_FALSE(reachesSocket("10.0.0.2", {"10.0.0.1"}));
  EXPECT_FALSE(reachesSocket("127.0.0.1", {"10.0.0.1"})) << "another program may have that one";
  for (const char* any : {"0.0.0.0", "::"}) {
    EXPECT_TRUE(reachesSocket("127.0.0.1", {any}));
    EXPECT_TRUE(reachesSocket("127.9.9.9", {any}));
    EXPECT_TRUE(reachesSocket("::1", {any}));
    EXPECT_FALSE(reachesSocket("8.8.8.8", {any}));
  }
  EXPECT_FALSE(reachesSocket("127.0.0.1", {}));
}

}  // namespace launcher
