// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <ctime>
#include <functional>
#include <memory>
#include <vector>

#include <sys/socket.h>
#include <unistd.h>

#include <glib-unix.h>
#include <gtest/gtest.h>

#include "OnLoop.hpp"
#include "Waiting.hpp"
#include "runtime/MediaLoop.hpp"

namespace {

using testsupport::Monitor;
using testsupport::onLoop;
using wsbridge::MediaLoop;
using wsbridge::SocketWatch;
using namespace std::chrono_literals;

TEST(MediaLoop, OneNameIsOneLoopAsLongAsSomebodyHoldsIt) {
  auto first = MediaLoop::acquire("shared", 0);
  EXPECT_EQ(first, MediaLoop::acquire("shared", 0));
  EXPECT_NE(first, MediaLoop::acquire("other", 0));
  EXPECT_NE(MediaLoop::acquire("", 0), MediaLoop::acquire("", 0));
}

TEST(MediaLoop, TasksRunInOrderOnItsThread) {
  const auto loop = MediaLoop::acquire("", 0);
  Monitor monitor;
  std::vector<int> order;
  bool on_loop = true;
  for (int i = 0; i < 1000; ++i) {
    loop->post([&, i] {
      const auto lock = monitor.lock();
      order.push_back(i);
      on_loop = on_loop && loop->isCurrent();
      monitor.notify();
    });
  }
  ASSERT_TRUE(monitor.waitFor([&] { return order.size() == 1000; }, 5s));
  EXPECT_TRUE(on_loop);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  EXPECT_FALSE(loop->isCurrent());
}

TEST(MediaLoop, PostedTasksRunBeforeItEnds) {
  std::atomic<int> ran{0};
  {
    const auto loop = MediaLoop::acquire("", 0);
    for (int i = 0; i < 100; ++i)
      loop->post([&] { ++ran; });
  }
  EXPECT_EQ(ran, 100);
}

TEST(MediaLoop, ALoopThatGathersWorkEndsToo) {
  std::atomic<int> ran{0};
  for (int i = 0; i < 50; ++i) {
    const auto loop = MediaLoop::acquire("gathering", 3);
    loop->post([&] { ++ran; });
  }
  EXPECT_EQ(ran, 50);
}

TEST(MediaLoop, TheLastReferenceMayBeDroppedOnItsOwnThread) {
  std::atomic<bool> gone{false};
  auto loop = MediaLoop::acquire("own", 0);
  std::shared_ptr<void> keep(nullptr, [&gone](void*) { gone = true; });
  loop->post([held = loop, keep]() mutable { held.reset(); });
  keep.reset();
  loop.reset();
  EXPECT_TRUE(testsupport::eventually([&] { return gone.load(); }, 5s));
}

TEST(MediaLoop, TimersComeInTheirTimeAndCanBeRemovedFromInside) {
  const auto loop = MediaLoop::acquire("", 0);
  Monitor monitor;
  std::vector<int64_t> ticks;
  int other = 0;
  loop->post([&] {
    const int64_t start = g_get_monotonic_time();
    auto* removed = new MediaLoop::TimerId{0};
    *removed = loop->addTimer(start + 30'000, [&](int64_t now) {
      const auto lock = monitor.lock();
      ++other;
      return now + 1000;
    });
    auto next = std::make_shared<int64_t>(start);
    loop->addTimer(start, [&, next, removed](int64_t now) -> int64_t {
      const auto lock = monitor.lock();
      ticks.push_back(now - *next);
      *next += 5'000;
      if (ticks.size() == 10) {
        loop->removeTimer(*removed);
        delete removed;
        monitor.notify();
        return 0;
      }
      return *next;
    });
  });
  ASSERT_TRUE(monitor.waitFor([&] { return ticks.size() == 10; }, 5s));
  for (const int64_t late : ticks)
    EXPECT_GE(late, 0);
  const auto lock = monitor.lock();
  EXPECT_GT(other, 0);
}

TEST(MediaLoop, SocketsReportAndAreLeftAlone) {
  const auto loop = MediaLoop::acquire("", 0);
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  Monitor monitor;
  std::unique_ptr<SocketWatch> watch;
  int events = 0;
  loop->post([&] {
    watch = std::make_unique<SocketWatch>(*loop, pair[0], [&](uint32_t) {
      const auto lock = monitor.lock();
      ++events;
      watch->want(false, false);
      monitor.notify();
    });
    watch->want(true, false);
  });
  ASSERT_EQ(write(pair[1], "x", 1), 1);
  ASSERT_TRUE(monitor.waitFor([&] { return events == 1; }, 5s));
  bool done = false;
  loop->post([&] {
    watch.reset();
    const auto lock = monitor.lock();
    done = true;
    monitor.notify();
  });
  ASSERT_TRUE(monitor.waitFor([&] { return done; }, 5s));
  EXPECT_EQ(events, 1);
  close(pair[0]);
  close(pair[1]);
}

TEST(MediaLoop, ASourceThatIsAlwaysReadyLeavesTimersAndSocketsTheirTurn) {
  const auto loop = MediaLoop::acquire("", 0);
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  Monitor monitor;
  std::unique_ptr<SocketWatch> watch;
  GSource* busy = g_idle_source_new();
  int64_t latest_us = 0;
  int timers = 0;
  int sockets = 0;
  onLoop(loop, [&] {
    g_source_set_priority(busy, G_PRIORITY_DEFAULT);
    const auto spin = [](gpointer) -> gboolean {
      const int64_t end_us = g_get_monotonic_time() + 2'000;
      while (g_get_monotonic_time() < end_us) {
      }
      return G_SOURCE_CONTINUE;
    };
    g_source_set_callback(busy, spin, nullptr, nullptr);
    g_source_attach(busy, loop->context());
    loop->kick();
    auto due = std::make_shared<int64_t>(g_get_monotonic_time());
    loop->addTimer(*due, [&, due](int64_t now_us) {
      const auto lock = monitor.lock();
      latest_us = std::max(latest_us, now_us - *due);
      ++timers;
      monitor.notify();
      return *due = now_us + 5'000;
    });
    watch = std::make_unique<SocketWatch>(*loop, pair[0], [&](uint32_t) {
      const auto lock = monitor.lock();
      ++sockets;
      watch->want(false, false);
      monitor.notify();
    });
    watch->want(true, false);
  });
  ASSERT_EQ(write(pair[1], "x", 1), 1);
  EXPECT_TRUE(monitor.waitFor([&] { return timers >= 20 && sockets == 1; }, 5s));
  onLoop(loop, [&] {
    g_source_destroy(busy);
    g_source_unref(busy);
    watch.reset();
  });
  const auto lock = monitor.lock();
  EXPECT_LT(latest_us, 100'000) << "one hundred rounds of the source take 200 ms";
  close(pair[0]);
  close(pair[1]);
}

// GLib sorts descriptors by their numbers: the context's own is not always the first.
TEST(MediaLoop, ADescriptorWithALowNumberIsNotTakenForTheWakeUp) {
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);  // before the loop's own descriptors
  const auto loop = MediaLoop::acquire("", 0);
  Monitor monitor;
  std::unique_ptr<SocketWatch> watch;
  int events = 0;
  // A connection begins with sources of the context and goes on in the epoll set.
  struct Begin {
    GSource* source;
    bool seen = false;
  } begin{g_unix_fd_source_new(pair[0], G_IO_IN)};
  loop->post([&] {
    const auto seen = [](int, GIOCondition, gpointer data) -> gboolean {
      static_cast<Begin*>(data)->seen = true;
      return G_SOURCE_REMOVE;
    };
    g_source_set_callback(begin.source, G_SOURCE_FUNC(+seen), &begin, nullptr);
    g_source_attach(begin.source, loop->context());
    loop->kick();
  });
  ASSERT_EQ(write(pair[1], "x", 1), 1);
  ASSERT_TRUE(testsupport::eventually(
      [&] {
        bool seen = false;
        onLoop(loop, [&] { seen = begin.seen; });
        return seen;
      },
      5s));
  onLoop(loop, [&] {
    g_source_unref(begin.source);
    watch = std::make_unique<SocketWatch>(*loop, pair[0], [&](uint32_t) {
      const auto lock = monitor.lock();
      ++events;
      watch->want(false, false);
      monitor.notify();
    });
    watch->want(true, false);
  });
  EXPECT_TRUE(monitor.waitFor([&] { return events == 1; }, 5s));
  onLoop(loop, [&] { watch.reset(); });
  close(pair[0]);
  close(pair[1]);
}

int64_t cpuUs() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * 1'000'000 + now.tv_nsec / 1000;
}

/// Works for that long, whatever else the machine does.
void work(int64_t us) {
  const int64_t until_us = cpuUs() + us;
  while (cpuUs() < until_us) {
  }
}

/// How late the loop says that its timers were, when one of two holds up the other.
wsbridge::LoopLateness::Figures heldUpBy(const std::function<void()>& first) {
  const auto loop = MediaLoop::acquire("", 0);
  std::atomic<bool> done{false};
  loop->post([&] {
    const int64_t due_us = g_get_monotonic_time() + 5'000;
    loop->addTimer(due_us, [&first](int64_t) {
      first();
      return int64_t{0};
    });
    loop->addTimer(due_us + 1, [&done](int64_t) {
      done = true;
      return int64_t{0};
    });
  });
  EXPECT_TRUE(testsupport::eventually([&] { return done.load(); }, 5s));
  return loop->lateness();
}

TEST(MediaLoop, ATimerThatWorksForLongMakesTheNextOneMissItsTurn) {
  const auto late = heldUpBy([] { work(30'000); });
  EXPECT_EQ(late.missed_own, 1U);
  EXPECT_GE(late.worst_own_us, 29'000);
  EXPECT_GE(late.worst_us, late.worst_own_us);
}

TEST(MediaLoop, SoDoesOneThatWaitsForALock) {
  Monitor never;
  const auto late = heldUpBy([&never] { never.waitFor([] { return false; }, 30ms); });
  EXPECT_EQ(late.missed_own, 1U);
  EXPECT_GE(late.worst_own_us, 29'000);
}

/// The shortest of the last rounds of a loop that gathers for 2 ms and works so long in each.
int64_t shortestRoundUs(int64_t work_us) {
  constexpr size_t kRounds = 300;
  constexpr size_t kLast = 50;
  const auto loop = MediaLoop::acquire("", 2);
  Monitor monitor;
  std::vector<int64_t> begun;
  loop->post([&] {
    loop->addTimer(g_get_monotonic_time(), [&](int64_t now_us) -> int64_t {
      const auto lock = monitor.lock();
      begun.push_back(now_us);
      work(work_us);
      if (begun.size() < kRounds) return g_get_monotonic_time() + 200;
      monitor.notify();
      return 0;
    });
  });
  EXPECT_TRUE(monitor.waitFor([&] { return begun.size() == kRounds; }, 30s));
  int64_t shortest_us = INT64_MAX;
  for (size_t i = kRounds - kLast; i < begun.size(); ++i)
    shortest_us = std::min(shortest_us, begun[i] - begun[i - 1]);
  return shortest_us;
}

TEST(MediaLoop, ABusyLoopGathersForLonger) {
  // Whoever is kept from running is less busy, or begins a round late and the next in time.
  int64_t shortest_us = 0;
  for (int i = 0; i < 5 && shortest_us < 3'900; ++i)
    shortest_us = shortestRoundUs(2'600);
  EXPECT_GE(shortest_us, 3'900) << "it would be 2800 µs";
  EXPECT_LT(shortestRoundUs(0), 2'900);
}

}  // namespace
