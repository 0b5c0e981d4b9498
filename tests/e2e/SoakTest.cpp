// SPDX-License-Identifier: LGPL-2.1-or-later
// Short calls by the hundred, some of them failing: threads, descriptors and memory are back where
// they were.
#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "Phone.hpp"
#include "RawEndpoint.hpp"
#include "SoupEndpoint.hpp"

namespace e2e {
namespace {

class Soak : public ::testing::Test {
 protected:
  static constexpr int kAtOnce = 10;

  // Makes so many short calls, ten at a time; every tenth meets a bad endpoint, every seventh is
  // cancelled.
  void calls(int number) {
    std::atomic<int> next{0};
    std::vector<std::thread> workers;
    for (int w = 0; w < kAtOnce; ++w) {
      workers.emplace_back([&] {
        for (int i = next++; i < number; i = next++)
          one(i);
      });
    }
    for (auto& worker : workers)
      worker.join();
  }

  void one(int i) {
    Phone phone(gateway_, {.codecs = {i % 3 == 0 ? "L16/16000" : "PCMU", "telephone-event"},
                           .tcp = i % 5 == 1});
    if (i % 10 == 9) {
      EXPECT_EQ(phone.call(refusing_.uri()), 502) << i;
    } else if (i % 7 == 6) {
      phone.dial(mute_.uri());
      EXPECT_TRUE(phone.sip().waitResponse("INVITE", 100, 199, 5s).has_value()) << i;
      phone.sip().cancel();
      EXPECT_EQ(phone.waitAnswer(5s), 487) << i;
    } else {
      EXPECT_EQ(phone.call(endpoint_.uri()), 200) << i;
      phone.rtp().play(sine(phone.rtp().rate(), 500, 0.1, 8000));
      EXPECT_TRUE(phone.rtp().waitReceived(5, 5s)) << i;
      EXPECT_TRUE(phone.hangUp()) << i;
    }
    EXPECT_TRUE(gateway_.waitEnd(phone.callId()).has_value()) << i;
  }

  Gateway gateway_{{.set = {{"websocket.connect-timeout", "3000"}}}};
  SoupEndpoint endpoint_{{.echo = true, .record = false}};
  RawEndpoint refusing_{Misbehaviour::Status500};
  RawEndpoint mute_{Misbehaviour::NeverAnswers};
};

// A fresh process grows by some megabytes during its first few hundred calls: arenas of the
// allocator, per-thread caches, type and quark tables. It stays level afterwards (3000 calls were
// looked at), so the memory is compared between the first half and the second.
TEST_F(Soak, CallsByTheHundredLeaveNothingBehind) {
  // A sanitized launcher is looked through for leaks when it ends: fewer calls tell as much.
  const size_t number = kSanitized ? 100 : 500;
  calls(static_cast<int>(number));
  ASSERT_TRUE(eventually([&] { return gateway_.records("call-end").size() == number; }, 10s));
  ProcessUsage before = gateway_.process().usage();
  // What a finished call still holds is let go within seconds (RFC 3261 timers, TCP connections).
  eventually(
      [&] {
        const ProcessUsage now = gateway_.process().usage();
        const bool steady = now.descriptors >= before.descriptors && now.threads >= before.threads;
        before = now;
        return steady;
      },
      2s);
  calls(static_cast<int>(number));
  const auto ends = gateway_.records("call-end");
  ASSERT_EQ(ends.size(), 2 * number);
  ProcessUsage after;
  const bool back = eventually(
      [&] {
        after = gateway_.process().usage();
        return after.threads <= before.threads + 1 && after.descriptors <= before.descriptors + 2;
      },
      15s);
  EXPECT_TRUE(back) << "threads " << before.threads << " -> " << after.threads << ", descriptors "
                    << before.descriptors << " -> " << after.descriptors;
  if (!kSanitized) {  // a sanitizer keeps freed memory back
    EXPECT_LT(after.rssKb - before.rssKb, 2 * 1024)
        << before.rssKb << " -> " << after.rssKb << " kB: more than 4 kB a call";
  }
  RecordProperty("rss-before-kb", static_cast<int>(before.rssKb));
  RecordProperty("rss-after-kb", static_cast<int>(after.rssKb));
  std::printf("threads %d -> %d, descriptors %d -> %d, memory %ld -> %ld kB\n", before.threads,
              after.threads, before.descriptors, after.descriptors, before.rssKb, after.rssKb);
  gateway_.process().signal(15);
  EXPECT_EQ(gateway_.process().waitExit(10s), 0);
}

}  // namespace
}  // namespace e2e
