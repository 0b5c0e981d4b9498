// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>

#include "names/NameCache.hpp"
#include "names/NameResolver.hpp"

namespace launcher {

namespace {

using Kind = NameAnswer::Kind;

constexpr std::int64_t kSecond = 1000000;

const NameAnswer kFound{Kind::Found, {"192.0.2.1"}, {}};
const NameAnswer kNone{Kind::NoSuchName, {}, "no such name"};
const NameAnswer kFailed{Kind::Temporary, {}, "no answer"};

bool isFound(const std::optional<NameAnswer>& answer) {
  return answer && answer->kind == Kind::Found && answer->addresses == kFound.addresses;
}

}  // namespace

TEST(NameCache, AddressesStayForTheirTtl) {
  NameCache cache(8);
  EXPECT_FALSE(cache.find("a", 0, false));
  cache.store("a", kFound, 30 * kSecond, 0);
  EXPECT_TRUE(isFound(cache.find("a", 30 * kSecond - 1, false)));
  EXPECT_FALSE(cache.find("a", 30 * kSecond, false));
}

TEST(NameCache, TheTtlIsBetweenASecondAndAnHour) {
  NameCache cache(8);
  cache.store("a", kFound, 0, 0);
  EXPECT_TRUE(cache.find("a", kSecond - 1, false));
  EXPECT_FALSE(cache.find("a", kSecond, false));
  cache.store("b", kFound, 1000000 * kSecond, 0);
  EXPECT_TRUE(cache.find("b", 3600 * kSecond - 1, false));
  EXPECT_FALSE(cache.find("b", 3600 * kSecond, false));
}

TEST(NameCache, FailuresStayForSomeSeconds) {
  NameCache cache(8);
  EXPECT_EQ(cache.store("a", kNone, 0, 0).kind, Kind::NoSuchName);
  ASSERT_TRUE(cache.find("a", 5 * kSecond - 1, false));
  EXPECT_EQ(cache.find("a", 0, false)->fault, "no such name");
  EXPECT_TRUE(cache.find("a", 0, true)) << "only a temporary one is worth asking again";
  EXPECT_FALSE(cache.find("a", 5 * kSecond, false));
  EXPECT_EQ(cache.store("b", kFailed, 0, 0).kind, Kind::Temporary);
  EXPECT_TRUE(cache.find("b", kSecond - 1, false));
  EXPECT_FALSE(cache.find("b", kSecond - 1, true));
  EXPECT_FALSE(cache.find("b", kSecond, false));
}

TEST(NameCache, StaleAddressesServeForAMinuteWhileTheServersFail) {
  NameCache cache(8);
  cache.store("a", kFound, 10 * kSecond, 0);
  EXPECT_FALSE(cache.find("a", 20 * kSecond, false)) << "they are asked first";
  EXPECT_TRUE(cache.hasStale("a", 20 * kSecond));
  EXPECT_TRUE(isFound(cache.store("a", kFailed, 0, 20 * kSecond)));
  EXPECT_TRUE(isFound(cache.find("a", 20 * kSecond, false))) << "without a further look-up";
  EXPECT_FALSE(cache.find("a", 21 * kSecond, false)) << "asked again";
  EXPECT_TRUE(isFound(cache.store("a", kFailed, 0, 70 * kSecond - 1)));
  EXPECT_FALSE(cache.hasStale("a", 70 * kSecond));
  EXPECT_EQ(cache.store("a", kFailed, 0, 70 * kSecond).kind, Kind::Temporary);
  EXPECT_EQ(cache.find("a", 70 * kSecond, false)->kind, Kind::Temporary);
}

TEST(NameCache, ANameThatIsGoneIsNotServed) {
  NameCache cache(8);
  cache.store("a", kFound, 10 * kSecond, 0);
  EXPECT_EQ(cache.store("a", kNone, 0, 20 * kSecond).kind, Kind::NoSuchName);
  EXPECT_FALSE(cache.hasStale("a", 20 * kSecond));
  EXPECT_EQ(cache.store("a", kFailed, 0, 26 * kSecond).kind, Kind::Temporary);
  EXPECT_TRUE(isFound(cache.store("a", kFound, 10 * kSecond, 27 * kSecond)));
  EXPECT_TRUE(isFound(cache.find("a", 27 * kSecond, false))) << "and is there again";
}

TEST(NameCache, WhatWasNotAskedForTheLongestTimeGoesFirst) {
  NameCache cache(2);
  cache.store("a", kFound, kSecond, 0);
  cache.store("b", kFound, kSecond, 0);
  EXPECT_TRUE(cache.find("a", 0, false));
  cache.store("c", kFound, kSecond, 0);
  EXPECT_EQ(cache.size(), 2U);
  EXPECT_TRUE(cache.find("a", 0, false));
  EXPECT_FALSE(cache.find("b", 0, false));
  EXPECT_TRUE(cache.find("c", 0, false));
  for (int i = 0; i < 1000; ++i)
    cache.store("n" + std::to_string(i), kNone, 0, 0);
  EXPECT_EQ(cache.size(), 2U);
}

TEST(DnsName, IsAsciiInLowerCaseAndBounded) {
  EXPECT_EQ(dnsName("Bot.Example.COM"), "bot.example.com");
  EXPECT_EQ(dnsName("bot.example.com."), "bot.example.com.");
  EXPECT_EQ(dnsName("a_b-c.example"), "a_b-c.example");
  EXPECT_EQ(dnsName("b\xc3\xbc"
                    "cher.example"),
            "xn--bcher-kva.example");
  const std::string label(63, 'a');
  EXPECT_EQ(dnsName(label + ".example"), label + ".example");
  EXPECT_EQ(dnsName(label + "a.example"), "");
  const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'b');
  EXPECT_EQ(dnsName(longest), longest);
  EXPECT_EQ(dnsName(longest + "."), longest + ".");
  EXPECT_EQ(dnsName(longest + "b"), "");
  for (const char* bad : {"", ".", "a..b", ".a", "a b", "a/b", "a\\.b", "a%00b", "fe80::1%lo",
                          "[::1]", "a\nb", "\xff\xfe.example", "a@b", "*.example"}) {
    EXPECT_EQ(dnsName(bad), "") << bad;
  }
  EXPECT_EQ(dnsName(std::string(100000, 'a')), "");
}

}  // namespace launcher
