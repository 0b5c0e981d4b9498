// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>

#include "base/UriPolicy.hpp"

namespace launcher {

using Verdict = UriPolicy::Verdict;

TEST(UriPolicy, SpecialAddressesAreForbiddenInEverySpelling) {
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

TEST(UriPolicy, EverySpecialPurposeRangeIsForbiddenFromItsFirstToItsLastAddress) {
  const UriPolicy policy({});
  for (const char* host :
       {"192.0.0.0", "192.0.0.255", "192.0.2.255", "192.31.196.1", "192.52.193.255", "192.88.99.0",
        "192.88.99.255", "192.175.48.42", "198.18.0.0", "198.19.255.255", "198.51.100.1",
        "203.0.113.255", "240.0.0.1", "239.255.255.255",
        // translated, NAT64, 6to4, mapped and compatible: what they carry counts
        "::ffff:0:10.0.0.1", "::ffff:0:7f00:1", "::ffff:0:169.254.169.254", "64:ff9b::10.0.0.1",
        "64:ff9b::192.88.99.1", "2002:c058:6301::", "2002:a9fe:a9fe::1", "::ffff:192.88.99.1",
        "::10.1.1.1",
        // below somebody's prefix, but to a host of ours where that is a tunnel
        "2606:4700::5efe:10.0.0.1", "2606:4700::200:5efe:192.168.1.1", "fe80::5efe:8.8.8.8",
        "64:ff9b:1::1", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "100::1", "100:0:0:1::1", "2001::1",
        "2001:1::1", "2001:2::1", "2001:3::1", "2001:4:112::1", "2001:10::1",
        "2001:20::", "2001:2f:ffff:ffff:ffff:ffff:ffff:ffff", "2001:30::1", "2001:1ff:ffff::1",
        "2001:db8::1", "2620:4f:8000::1", "3ffe::1",
        "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "5f00::", "5f00:ffff::1",
        // nobody's
        "200::1", "1::1", "1fff::1", "4000::1", "e000::1", "fe00::1"}) {
    EXPECT_EQ(policy.checkHost(host), Verdict::Forbidden) << host;
    EXPECT_FALSE(policy.allowsAddress(host)) << host;
    EXPECT_NE(UriPolicy::specialKind(host), nullptr) << host;
  }
}

TEST(UriPolicy, TheirNeighboursAreFree) {
  const UriPolicy policy({});
  for (const char* host : {"192.0.1.0",
                           "192.0.3.0",
                           "192.31.197.0",
                           "192.52.192.255",
                           "192.88.98.255",
                           "192.88.100.0",
                           "192.175.47.255",
                           "198.17.255.255",
                           "198.20.0.0",
                           "223.255.255.255",
                           "::ffff:0:8.8.8.8",
                           "2002:808:808::1",
                           "2001:200::1",
                           "2001:db7::1",
                           "2001:db9::1",
                           "2620:4f:7fff::1",
                           "2620:4f:8001::1",
                           "2a00:1450:4001::1",
                           "3ffd::1",
                           "3fff:1000::1",
                           "2000::1",
                           "2606:4700::5efe:8.8.8.8",
                           "2606:4700::5efe:0:1:2"}) {
    EXPECT_EQ(policy.checkHost(host), Verdict::Allowed) << host;
  }
}

TEST(UriPolicy, TheNewRangesMayBeAllowedToo) {
  EXPECT_TRUE(UriPolicy({"192.88.99.0/24"}).allowsAddress("192.88.99.1"));
  EXPECT_TRUE(UriPolicy({"200::/7"}).allowsAddress("201::1"));
  EXPECT_TRUE(UriPolicy({"10.0.0.0/8"}).allowsAddress("::ffff:0:10.0.0.1"));
  EXPECT_TRUE(UriPolicy({"2606:4700::/32"}).allowsAddress("2606:4700::5efe:10.0.0.1"));
  EXPECT_FALSE(UriPolicy({"10.0.0.0/8"}).allowsAddress("fe80::5efe:10.0.0.1"));
}

TEST(UriPolicy, PublicAddressesAreFree) {
  const UriPolicy policy({});
  for (const char* host : {"8.8.8.8", "172.32.0.1", "172.15.255.255", "100.128.0.1", "2606:4700::1",
                           "::ffff:8.8.8.8", "64:ff9b::808:808"}) {
    EXPECT_EQ(policy.checkHost(host), Verdict::Allowed) << host;
    EXPECT_TRUE(policy.allowsAddress(host)) << host;
  }
}

TEST(UriPolicy, ANameIsDecidedByItsAddresses) {
  const UriPolicy policy({"10.0.0.0/8"});
  EXPECT_EQ(policy.checkHost("example.com"), Verdict::Resolve);
  EXPECT_EQ(policy.checkHost("localhost"), Verdict::Resolve);
  EXPECT_FALSE(policy.allowsAddress("127.0.0.1"));
  EXPECT_FALSE(policy.allowsAddress("::ffff:127.0.0.1"));
  EXPECT_TRUE(policy.allowsAddress("10.9.9.9"));
  EXPECT_TRUE(policy.allowsAddress("::ffff:10.9.9.9"));
  EXPECT_FALSE(policy.allowsAddress("11garbage"));
}

TEST(UriPolicy, AllowListNamesHostsWildcardsAndNetworks) {
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

TEST(UriPolicy, AMalformedNetworkAllowsNothing) {
  EXPECT_FALSE(UriPolicy({"10.0.0.0/x"}).allowsAddress("10.0.0.1"));
  EXPECT_FALSE(UriPolicy({"10.0.0.0/33"}).allowsAddress("10.0.0.1"));
  EXPECT_FALSE(UriPolicy({"10.0.0.0/-1"}).allowsAddress("10.0.0.1"));
}

TEST(UriPolicy, WhatNoCallCanReachIsKnownWithoutALookUp) {
  const UriPolicy strict({});
  for (const char* host : {"127.0.0.1", "127.1", "0x7f000001", "::1", "10.1.2.3", "169.254.169.254",
                           "metadata.google.internal", "localhost", "LocalHost.", "a.localhost"}) {
    const auto why = strict.alwaysRefused(host);
    ASSERT_TRUE(why) << host;
    EXPECT_NE(why->find(host), std::string::npos) << *why;
    EXPECT_NE(why->find("websocket.allow"), std::string::npos) << *why;
  }
  EXPECT_NE(strict.alwaysRefused("localhost")->find("loopback"), std::string::npos);
  for (const char* host : {"bot.example.com", "localhost.example.com", "notlocalhost", "8.8.8.8"})
    EXPECT_FALSE(strict.alwaysRefused(host)) << host;
  EXPECT_FALSE(UriPolicy({"127.0.0.0/8"}).alwaysRefused("127.0.0.1"));
  EXPECT_FALSE(UriPolicy({"localhost"}).alwaysRefused("localhost"));
  EXPECT_FALSE(UriPolicy({"::1", "127.0.0.1"}).alwaysRefused("localhost"));
  EXPECT_TRUE(UriPolicy({"127.0.0.1"}).alwaysRefused("localhost")) << "it has ::1 as well";
}

TEST(UriPolicy, TheExplanationNamesTheKey) {
  EXPECT_NE(UriPolicy::explain("127.0.0.1").find("websocket.allow"), std::string::npos);
  EXPECT_NE(UriPolicy::explain("127.0.0.1").find("loopback"), std::string::npos);
}

}  // namespace launcher
