// SPDX-License-Identifier: LGPL-2.1-or-later
#include <array>

#include <gtest/gtest.h>

#include "call/RefusedCalls.hpp"

namespace launcher {

namespace {

constexpr std::int64_t kSecondUs = 1'000'000;
constexpr std::array kFaults = {EndReason::UriMissing, EndReason::UriInvalid,
                                EndReason::HeadersInvalid, EndReason::SdpInvalid,
                                EndReason::TooManyCalls};

struct Told {
  int records = 0;
  int sums = 0;
  std::uint64_t calls = 0;  ///< that the sums speak of
};

/// So many refusals within so many seconds, with a look at the sums four times a second.
Told flood(RefusedCalls& refused, int calls, int seconds, std::size_t reasons) {
  Told told;
  std::int64_t look = kSecondUs;
  for (int i = 0; i < calls; ++i) {
    const std::int64_t now = kSecondUs + seconds * kSecondUs * i / calls;
    told.records += refused.allows(kFaults.at(static_cast<std::size_t>(i) % reasons), now) ? 1 : 0;
    for (; look <= now; look += kSecondUs / 4) {
      const auto sum = refused.due(look);
      if (!sum) continue;
      ++told.sums;
      told.calls += sum->calls;
    }
  }
  const auto rest = refused.rest();
  told.calls += rest ? rest->calls : 0;
  return told;
}

}  // namespace

TEST(RefusedCalls, AFewHaveRecordsAndNoSum) {
  RefusedCalls refused;
  for (int i = 0; i < RefusedCalls::kOfOneReason; ++i)
    EXPECT_TRUE(refused.allows(EndReason::UriMissing, kSecondUs));
  EXPECT_FALSE(refused.due(9 * kSecondUs));
  EXPECT_FALSE(refused.rest());
  EXPECT_FALSE(refused.allows(EndReason::UriMissing, kSecondUs)) << "one more";
  EXPECT_TRUE(refused.allows(EndReason::UriInvalid, kSecondUs)) << "another reason has its own";
}

TEST(RefusedCalls, OneASecondIsNeverLeftOut) {
  RefusedCalls refused;
  for (int i = 1; i < 100; ++i)
    EXPECT_TRUE(refused.allows(EndReason::TooManyCalls, i * kSecondUs));
}

TEST(RefusedCalls, AFloodHasAFewRecordsAndSumsThatAddUp) {
  for (const std::size_t reasons : {std::size_t{1}, kFaults.size()}) {
    RefusedCalls refused;
    const Told told = flood(refused, 400, 2, reasons);
    EXPECT_LE(told.records, RefusedCalls::kOfAll + 2 * RefusedCalls::kOfAllASecond) << reasons;
    EXPECT_GE(told.records, RefusedCalls::kOfOneReason) << reasons;
    EXPECT_LE(told.sums, 3) << reasons;
    EXPECT_EQ(told.calls + static_cast<std::uint64_t>(told.records), 400U) << reasons;
  }
}

TEST(RefusedCalls, AFloodOfOneReasonLeavesRecordsToTheOthers) {
  RefusedCalls refused;
  flood(refused, 100000, 100, 1);
  EXPECT_TRUE(refused.allows(EndReason::SdpInvalid, 101 * kSecondUs));
}

TEST(RefusedCalls, TheSumNamesEachReason) {
  RefusedCalls refused;
  for (int i = 0; i < RefusedCalls::kOfOneReason + 3; ++i)
    static_cast<void>(refused.allows(EndReason::UriMissing, kSecondUs));
  for (int i = 0; i < RefusedCalls::kOfAll; ++i)
    static_cast<void>(refused.allows(EndReason::TooManyCalls, kSecondUs));
  const auto sum = refused.due(kSecondUs);
  ASSERT_TRUE(sum);
  EXPECT_EQ(sum->calls, 13U);
  EXPECT_EQ(sum->reasons, "uri-missing 3, too-many-calls 10");
  static_cast<void>(refused.allows(EndReason::UriMissing, kSecondUs));
  EXPECT_FALSE(refused.due(kSecondUs + 1)) << "not twice a second";
  EXPECT_TRUE(refused.due(2 * kSecondUs));
}

}  // namespace launcher
