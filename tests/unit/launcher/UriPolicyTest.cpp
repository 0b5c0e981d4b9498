// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>

#include "call/UriPolicy.hpp"

namespace launcher {

using Verdict = UriPolicy::Verdict;

TEST(UriPolicy, specialAddressesAreForbiddenInEverySpelling) {
  const UriPolicy policy({});
  for (const char* host : {"127.0.0.1",
                           "127.1",
                           "0x7f.0.0.1",
                           "0177.0.0.1",
                           "2130706433",
                           "127.0.0.1.",
                           "10.1.2.3",
                           "172.16.0.1",
                           "172.31.255.255",
                           "192.168.1.1",
                           "169.254.169.254",
                           "100.64.0.1",
                           "0.0.0.0",
                           "0",
                           "224.0.0.1",
                           "255.255.255.255",
                           "168.63.129.16",
                           "::1",
                           "::",
                           "fe80::1",
                           "fd00::1",
                           "fd00:ec2::254",
                           "ff02::1",
                           "::ffff:127.0.0.1",
                           "::127.0.0.1",
                           "64:ff9b::7f00:1",
                           "2002:7f00:1::",
                           "fe80::1%eth0",
                           "metadata.google.internal"}) {
    EXPECT_EQ(policy.checkHost(host), Verdict::Forbidden) << host;
  }
}

TEST(UriPolicy, publicAddressesAreFree) {
  const UriPolicy policy({});
  for (const char* host : {"8.8.8.8", "172.32.0.1", "172.15.255.255", "100.128.0.1", "2606:4700::1",
                           "::ffff:8.8.8.8", "64:ff9b::808:808"}) {
    EXPECT_EQ(policy.checkHost(host), Verdict::Allowed) << host;
    EXPECT_TRUE(policy.allowsAddress(host)) << host;
  }
}

TEST(UriPolicy, aNameIsDecidedByItsAddresses) {
  const UriPolicy policy({"10.0.0.0/8"});
  EXPECT_EQ(policy.checkHost("example.com"), Verdict::Resolve);
  EXPECT_EQ(policy.checkHost("localhost"), Verdict::Resolve);
  EXPECT_FALSE(policy.allowsAddress("127.0.0.1"));
  EXPECT_FALSE(policy.allowsAddress("::ffff:127.0.0.1"));
  EXPECT_TRUE(policy.allowsAddress("10.9.9.9"));
  EXPECT_TRUE(policy.allowsAddress("::ffff:10.9.9.9"));
  EXPECT_FALSE(policy.allowsAddress("11garbage"));
}

TEST(UriPolicy, allowListNamesHostsWildcardsAndNetworks) {
  const UriPolicy policy({"localhost", "*.lan", "127.0.0.1", "192.168.4.0/22", "fd00::/8"});
  EXPECT_EQ(policy.checkHost("LOCALHOST."), Verdict::Allowed);
  EXPECT_EQ(policy.checkHost("bot.lan"), Verdict::Allowed);
  EXPECT_EQ(policy.checkHost("127.0.0.1"), Verdict::Allowed);
  EXPECT_EQ(policy.checkHost("127.1"), Verdict::Allowed);
  EXPECT_EQ(policy.checkHost("127.0.0.2"), Verdict::Forbidden);
  EXPECT_TRUE(policy.allowsAddress("192.168.7.255"));
  EXPECT_FALSE(policy.allowsAddress("192.168.8.0"));
  EXPECT_TRUE(policy.allowsAddress("fd12::1"));
}

TEST(UriPolicy, aMalformedNetworkAllowsNothing) {
  EXPECT_FALSE(UriPolicy({"10.0.0.0/x"}).allowsAddress("10.0.0.1"));
  EXPECT_FALSE(UriPolicy({"10.0.0.0/33"}).allowsAddress("10.0.0.1"));
  EXPECT_FALSE(UriPolicy({"10.0.0.0/-1"}).allowsAddress("10.0.0.1"));
}

TEST(UriPolicy, theExplanationNamesTheKey) {
  EXPECT_NE(UriPolicy::explain("127.0.0.1").find("websocket.allow"), std::string::npos);
  EXPECT_NE(UriPolicy::explain("127.0.0.1").find("loopback"), std::string::npos);
}

}  // namespace launcher
