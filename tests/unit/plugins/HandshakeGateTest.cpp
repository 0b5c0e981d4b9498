// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tls/HandshakeGate.hpp"

namespace wsbridge {
namespace {

using Place = std::unique_ptr<HandshakeGate::Place>;
constexpr size_t kMost = HandshakeGate::kMaxPerHost;

/// Places at one host, and in which order they were let in. Each test has hosts of its own, for the
/// gate is one of the process.
struct Crowd {
  explicit Crowd(std::string name) : host(std::move(name)) {}

  void enter(size_t count = 1) {
    for (size_t i = 0; i < count; ++i) {
      const size_t number = places.size();
      places.emplace_back();
      places.back() = HandshakeGate::enter(host, [this, number] { admitted.push_back(number); });
    }
  }
  void leave(size_t number) { places[number].reset(); }

  std::string host;
  std::vector<size_t> admitted;
  std::vector<Place> places;
};

std::vector<size_t> numbers(size_t count) {
  std::vector<size_t> all(count);
  std::iota(all.begin(), all.end(), size_t{0});
  return all;
}

TEST(HandshakeGate, AFewAreLetInAtOnce) {
  Crowd crowd("few.example:443");
  crowd.enter(3);
  EXPECT_EQ(crowd.admitted, numbers(3));
}

TEST(HandshakeGate, AtTheLimitAllAreInAndTheNextWaits) {
  Crowd crowd("limit.example:443");
  crowd.enter(kMost);
  EXPECT_EQ(crowd.admitted, numbers(kMost));
  crowd.enter();
  EXPECT_EQ(crowd.admitted.size(), kMost) << "one above it";
  crowd.leave(17);
  EXPECT_EQ(crowd.admitted.back(), kMost) << "who waited has the place that was given back";
  EXPECT_EQ(crowd.admitted.size(), kMost + 1);
}

TEST(HandshakeGate, TheOthersWaitInTheirOrderEachPlaceIsUsedOnce) {
  Crowd crowd("order.example:443");
  crowd.enter(3 * kMost);
  ASSERT_EQ(crowd.admitted.size(), kMost);
  for (size_t gone = 0; gone < 2 * kMost; ++gone) {
    crowd.leave(gone);
    EXPECT_EQ(crowd.admitted, numbers(kMost + gone + 1));
  }
  for (size_t gone = 2 * kMost; gone < 3 * kMost; ++gone)
    crowd.leave(gone);
  EXPECT_EQ(crowd.admitted, numbers(3 * kMost)) << "nobody is let in twice";
}

TEST(HandshakeGate, WhoGivesUpWaitingIsNotLetInAndHasTakenNoPlace) {
  Crowd crowd("given-up.example:443");
  crowd.enter(kMost + 3);
  crowd.leave(kMost);      // the first who waits
  crowd.leave(kMost + 2);  // the last
  EXPECT_EQ(crowd.admitted.size(), kMost);
  crowd.leave(0);
  EXPECT_EQ(crowd.admitted.back(), kMost + 1);
  crowd.leave(1);
  EXPECT_EQ(crowd.admitted.size(), kMost + 1) << "nobody waits any more";
  crowd.enter();
  EXPECT_EQ(crowd.admitted.back(), kMost + 3) << "at once: a place is free";
}

TEST(HandshakeGate, AHostThatIsFullKeepsNoOtherWaiting) {
  Crowd full("full.example:443");
  full.enter(kMost + 10);
  Crowd port("full.example:444");
  port.enter();
  Crowd other("other.example:443");
  other.enter(kMost);
  EXPECT_EQ(port.admitted.size(), 1U);
  EXPECT_EQ(other.admitted.size(), kMost);
  EXPECT_EQ(full.admitted.size(), kMost);
}

TEST(HandshakeGate, AfterAllHaveLeftThereIsRoomForAsMany) {
  Crowd crowd("again.example:443");
  for (int round = 0; round < 3; ++round) {
    crowd.enter(2 * kMost);
    // Those who wait go first, so that nobody takes their place.
    while (!crowd.places.empty())
      crowd.places.pop_back();
    EXPECT_EQ(crowd.admitted, numbers(kMost)) << round;
    crowd.admitted.clear();
  }
}

TEST(HandshakeGate, FromManyThreadsNeverMoreThanTheLimitAreInside) {
  constexpr size_t kThreads = 8;
  constexpr int kRounds = 300;
  constexpr size_t kEach = kMost / 4;  // twice as many as have room
  std::atomic<size_t> inside{0};
  std::atomic<size_t> most{0};
  std::atomic<size_t> admissions{0};
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int round = 0; round < kRounds; ++round) {
        std::vector<Place> places;
        std::vector<std::unique_ptr<std::atomic<bool>>> in;
        for (size_t i = 0; i < kEach; ++i) {
          auto* mine = in.emplace_back(std::make_unique<std::atomic<bool>>(false)).get();
          places.push_back(HandshakeGate::enter("threads.example:443", [&, mine] {
            ++admissions;
            const size_t now = ++inside;
            size_t seen = most;
            while (now > seen && !most.compare_exchange_weak(seen, now)) {
            }
            *mine = true;
          }));
        }
        for (size_t i = 0; i < kEach; ++i) {
          // Before the place is given back: the next one is let in while it is destroyed.
          const bool was = in[i]->exchange(false);
          if (was) --inside;
          places[i].reset();
          // Let in between the two lines above: until here it is counted beside the one behind it.
          if (in[i]->load()) --inside;
        }
      }
    });
  }
  for (auto& thread : threads)
    thread.join();
  EXPECT_LE(most.load(), kMost + kThreads) << "each thread may count one too many, see above";
  EXPECT_GE(admissions.load(), kMost);
  EXPECT_EQ(inside.load(), 0U);
  Crowd crowd("threads.example:443");
  crowd.enter(kMost);
  EXPECT_EQ(crowd.admitted.size(), kMost) << "no place was lost";
}

}  // namespace
}  // namespace wsbridge
