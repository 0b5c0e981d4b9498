// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>

#include "runtime/LoopLateness.hpp"

namespace {

using wsbridge::LoopLateness;

/// A thread whose clock, CPU time and sleeps the test moves.
struct Thread {
  LoopLateness lateness;
  LoopLateness::Times times{1'000'000, 50'000, 7};

  void runs(int64_t us) {
    times.now_us += us;
    times.cpu_us += us;
  }
  void isKept(int64_t us) { times.now_us += us; }
  void waitsForALock(int64_t us) {
    times.now_us += us;
    ++times.sleeps;
  }
  /// Wakes up when a timer is due, or so much later.
  void rests(int64_t us, int64_t late_us = 0) {
    lateness.asleep(times);
    const int64_t due_us = times.now_us + us;
    waitsForALock(us + late_us);
    lateness.awake(times, due_us, true);
  }
  /// The next round begins at once, because something is due.
  void goesOn() {
    lateness.asleep(times);
    lateness.awake(times, times.now_us, false);
  }
  void timerDue(int64_t before_us) { lateness.timer(before_us, times); }
};

TEST(LoopLateness, WhoIsInTimeHasMissedNothing) {
  Thread thread;
  thread.rests(5'000);
  thread.lateness.timer(300);
  thread.runs(400);
  thread.lateness.timer(700);
  const auto read = thread.lateness.read();
  EXPECT_EQ(read.missed, 0U);
  EXPECT_EQ(read.missed_own, 0U);
  EXPECT_EQ(read.worst_us, 700);
  EXPECT_EQ(read.worst_own_us, 700);
}

TEST(LoopLateness, WorkIsItsOwn) {
  Thread thread;
  thread.rests(5'000);
  thread.runs(30'000);
  thread.timerDue(29'000);
  EXPECT_EQ(thread.lateness.read().missed, 1U);
  EXPECT_EQ(thread.lateness.read().missed_own, 1U);
  EXPECT_EQ(thread.lateness.read().worst_own_us, 29'000);
}

TEST(LoopLateness, SoIsWaitingForALock) {
  Thread thread;
  thread.rests(5'000);
  thread.waitsForALock(30'000);
  thread.timerDue(29'000);
  EXPECT_EQ(thread.lateness.read().missed_own, 1U);
}

TEST(LoopLateness, ACoreThatIsNotThereIsNot) {
  Thread thread;
  thread.rests(5'000, 40'000);  // nobody wakes it up
  thread.runs(1'000);
  thread.timerDue(41'000);
  thread.rests(5'000);
  thread.runs(1'000);
  thread.isKept(30'000);  // in the middle of its work
  thread.timerDue(30'500);
  const auto read = thread.lateness.read();
  EXPECT_EQ(read.missed, 2U);
  EXPECT_EQ(read.missed_own, 0U);
  EXPECT_EQ(read.worst_us, 41'000);
  EXPECT_EQ(read.worst_own_us, 1'000);
}

TEST(LoopLateness, CatchingUpIsOwedToo) {
  Thread thread;
  thread.rests(5'000, 60'000);
  // Ticks due one millisecond after the other, each of which takes half of one.
  for (int64_t i = 0; i < 100; ++i) {
    thread.timerDue(60'000 - i * 500);
    thread.runs(500);
  }
  EXPECT_EQ(thread.lateness.read().missed, 80U);
  EXPECT_EQ(thread.lateness.read().missed_own, 0U);
}

TEST(LoopLateness, WhatIsOwedDoesNotHideWorkThatComesOnTop) {
  Thread thread;
  thread.rests(5'000, 60'000);
  thread.timerDue(60'000);
  thread.runs(10'000);
  thread.timerDue(35'000);  // it has caught up as far as this...
  thread.runs(30'000);
  thread.timerDue(60'000);  // ...and falls back by itself
  EXPECT_EQ(thread.lateness.read().missed_own, 1U);
  EXPECT_EQ(thread.lateness.read().worst_own_us, 25'000);
}

TEST(LoopLateness, NothingIsOwedAfterARest) {
  Thread thread;
  thread.rests(5'000, 60'000);
  thread.runs(1'000);
  thread.rests(2'000);
  thread.runs(30'000);
  thread.timerDue(29'000);
  EXPECT_EQ(thread.lateness.read().missed_own, 1U);
}

TEST(LoopLateness, WhatARoundWasKeptAfterItsTimersIsOwedInTheNext) {
  Thread thread;
  thread.rests(5'000);
  thread.timerDue(6'000);
  thread.isKept(40'000);
  thread.goesOn();
  thread.timerDue(40'000);
  EXPECT_EQ(thread.lateness.read().missed, 1U);
  EXPECT_EQ(thread.lateness.read().missed_own, 0U);
}

}  // namespace
