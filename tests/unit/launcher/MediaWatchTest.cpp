// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>

#include "call/MediaWatch.hpp"

namespace launcher {
namespace {

using Change = MediaWatch::Change;

constexpr std::int64_t at(double seconds) {
  return 1'000'000'000 + static_cast<std::int64_t>(seconds * 1e6);
}

TEST(MediaWatch, TellsOnceThatRtpIsMissingAndOnceThatItIsBack) {
  MediaWatch watch(2, 5);
  watch.expect(true, at(0));
  EXPECT_EQ(watch.look(at(1.9), 0), Change::None) << "the first packet may take its time";
  EXPECT_EQ(watch.look(at(2), 0), Change::Missing);
  EXPECT_EQ(watch.look(at(3), 0), Change::None);
  EXPECT_EQ(watch.look(at(3.2), at(3.1)), Change::Back);
  EXPECT_EQ(watch.look(at(5), at(3.1)), Change::None);
  EXPECT_EQ(watch.look(at(5.2), at(3.1)), Change::Missing);
  EXPECT_EQ(watch.look(at(8.2), at(3.1)), Change::TimedOut);
}

TEST(MediaWatch, ZeroIsNever) {
  MediaWatch silent(0, 0);
  silent.expect(true, at(0));
  EXPECT_EQ(silent.look(at(100'000), 0), Change::None);
  MediaWatch ends(0, 5);
  ends.expect(true, at(0));
  EXPECT_EQ(ends.look(at(4.9), 0), Change::None);
  EXPECT_EQ(ends.look(at(5), 0), Change::TimedOut);
}

TEST(MediaWatch, AHoldIsNoTimeoutWhateverDirectionItNames) {
  for (const bool music : {false, true}) {
    MediaWatch watch(0, 60);
    watch.agreed(true, true, at(0));
    EXPECT_EQ(watch.look(at(59), at(10)), Change::None);
    watch.agreed(false, music, at(60));
    watch.agreed(false, music, at(200));  // a session refresh in the middle of it
    EXPECT_EQ(watch.look(at(10'000), at(10)), Change::None);
    watch.agreed(true, true, at(10'000));
    EXPECT_EQ(watch.look(at(10'059.9), at(10)), Change::None) << "the whole time again";
    EXPECT_EQ(watch.look(at(10'060), at(10)), Change::TimedOut);
  }
}

TEST(MediaWatch, ACallerThatOnlySendsIsMissed) {
  MediaWatch watch(0, 60);
  watch.agreed(false, true, at(0));
  EXPECT_EQ(watch.look(at(59.9), 0), Change::None);
  watch.agreed(false, true, at(59.9));  // a session refresh
  EXPECT_EQ(watch.look(at(60), 0), Change::TimedOut);
}

TEST(MediaWatch, ACallerThatOnlyListensIsNotMissed) {
  MediaWatch watch(0, 60);
  watch.agreed(true, false, at(0));
  EXPECT_EQ(watch.look(at(10'000), 0), Change::None);
}

TEST(MediaWatch, ACallerOnHoldSendsNothingAndHasTheWholeTimeAfterwards) {
  MediaWatch watch(2, 5);
  watch.expect(true, at(0));
  EXPECT_EQ(watch.look(at(1), at(0.9)), Change::None);
  watch.expect(false, at(1));
  EXPECT_EQ(watch.look(at(60), at(0.9)), Change::None);
  watch.expect(true, at(60));
  EXPECT_EQ(watch.look(at(61.9), at(0.9)), Change::None);
  EXPECT_EQ(watch.look(at(62), at(0.9)), Change::Missing);
  watch.expect(true, at(64));
  EXPECT_EQ(watch.look(at(65), at(0.9)), Change::TimedOut)
      << "the same direction again changes nothing";
}

TEST(MediaWatch, WhatWentMissingBeforeAHoldIsToldWhenItIsBack) {
  MediaWatch watch(2, 0);
  watch.expect(true, at(0));
  EXPECT_EQ(watch.look(at(2), 0), Change::Missing);
  watch.expect(false, at(3));
  watch.expect(true, at(10));
  EXPECT_EQ(watch.look(at(10), 0), Change::None);
  EXPECT_EQ(watch.look(at(10.3), at(10.2)), Change::Back);
}

}  // namespace
}  // namespace launcher
