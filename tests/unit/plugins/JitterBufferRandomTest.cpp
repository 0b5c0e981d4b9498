// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Random streams with loss, reordering, doubling, delay, wraps, changes of the SSRC and pauses,
// against what must hold for any of them. A failure prints the seed.
#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "rtp/JitterBuffer.hpp"

namespace {

using wsbridge::JitterBuffer;
using Kind = JitterBuffer::Action::Kind;

constexpr int64_t kMs = JitterBuffer::kMs;
constexpr int64_t kUs = 1000;

/// What was sent; its address is the payload.
struct Sent {
  int stream;
  int index;  ///< in its stream
  uint16_t seq;
  uint32_t time;
  uint32_t ssrc;
  int64_t arrival_ns;
};

struct Arrival {
  const Sent* sent;
  int64_t at_ns;
};

struct Traffic {
  std::vector<std::vector<Sent>> streams;
  std::vector<Arrival> arrivals;
};

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  int64_t range(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(engine_);
  }
  bool chance(int percent) { return range(1, 100) <= percent; }

 private:
  std::mt19937_64 engine_;
};

/// Streams come one after the other with a pause of more than the longest delay in between, so that
/// each packet's fate depends on its own stream only; the stragglers have a test of their own.
Traffic makeTraffic(Random& random) {
  Traffic traffic;
  const int loss = static_cast<int>(random.range(0, 20));
  const int doubled = static_cast<int>(random.range(0, 10));
  const int delayed = static_cast<int>(random.range(0, 20));
  const int pauses = static_cast<int>(random.range(0, 5));
  const int64_t longest_delay_us = random.range(1, 150) * 1000;
  int64_t now_us = random.range(0, 1'000'000);
  const auto streams = static_cast<size_t>(random.range(1, 3));
  traffic.streams.resize(streams);
  for (size_t s = 0; s < streams; ++s) {
    std::vector<Sent>& stream = traffic.streams[s];
    const int count = static_cast<int>(random.range(1, 120));
    auto seq = static_cast<uint16_t>(random.range(0, 65535));
    auto time = static_cast<uint32_t>(random.range(0, 0xffffffff));
    if (random.chance(30)) seq = static_cast<uint16_t>(65536 - count / 2);
    if (random.chance(30)) time = static_cast<uint32_t>(0) - static_cast<uint32_t>(count) * 80;
    stream.reserve(static_cast<size_t>(count));
    for (int i = 0; i < count; ++i) {
      const int64_t pause_ms = random.chance(pauses) ? random.range(6, 50) * 20 : 0;
      now_us += 20'000 + pause_ms * 1000;
      time += static_cast<uint32_t>(160 + pause_ms * 8);
      stream.push_back({static_cast<int>(s), i, seq++, time, static_cast<uint32_t>(s + 1), 0});
      const Sent* sent = &stream.back();
      for (int copies = random.chance(doubled) ? 2 : 1; copies > 0; --copies) {
        if (random.chance(loss)) continue;
        const int64_t delay_us = random.chance(delayed) ? random.range(0, longest_delay_us) : 0;
        traffic.arrivals.push_back({sent, (now_us + delay_us) * kUs});
      }
    }
    now_us += 400'000;
  }
  std::stable_sort(traffic.arrivals.begin(), traffic.arrivals.end(),
                   [](const Arrival& a, const Arrival& b) { return a.at_ns < b.at_ns; });
  return traffic;
}

/// What may be known about a stream without knowing how it is put in order.
struct Seen {
  bool started = false;
  int first = 0;
  int next = 0;  ///< behind the last one delivered or lost
};

class Playback {
 public:
  Playback(Random& random, const Traffic& traffic) : traffic_(traffic) {
    limits_.max_wait_ns = random.range(0, 100) * kMs;
    limits_.max_packets = static_cast<size_t>(random.range(2, 300));
    limits_.max_lost_ns = 10'000 * kMs;
    buffer_.setLimits(limits_);
    seen_.resize(traffic.streams.size());
  }

  void play() {
    for (const Arrival& arrival : traffic_.arrivals) {
      while (buffer_.deadline() < arrival.at_ns)
        pull(buffer_.deadline());
      push(arrival);
      if (::testing::Test::HasFatalFailure()) return;
    }
    while (buffer_.deadline() != JitterBuffer::kNever)
      pull(buffer_.deadline());
    check();
  }

 private:
  void push(const Arrival& arrival) {
    const Sent& sent = *arrival.sent;
    const Seen before = seen_[static_cast<size_t>(sent.stream)];
    const uint64_t late = buffer_.stats().late;
    const uint64_t duplicates = buffer_.stats().duplicates;
    const bool held_nothing = buffer_.stats().held == 0;
    const bool doubled = known_.count(&sent) > 0;
    arrived_at_.try_emplace(&sent, arrival.at_ns);
    JitterBuffer::Packet packet;
    packet.seq = sent.seq;
    packet.time = sent.time;
    packet.ssrc = sent.ssrc;
    packet.arrival_ns = arrival.at_ns;
    packet.payload = JitterBuffer::Payload(const_cast<Sent*>(&sent), [](void*) {});
    buffer_.push(std::move(packet));
    const size_t came_out = delivered_.size();
    pull(arrival.at_ns);
    if (doubled) {
      ASSERT_EQ(buffer_.stats().duplicates, duplicates + 1) << "seq " << sent.seq;
    } else if (before.started && sent.index < before.next) {
      ASSERT_EQ(buffer_.stats().late, late + 1) << "seq " << sent.seq;
    } else {
      known_.insert(&sent);
      const bool in_order = held_nothing && (!before.started || sent.index == before.next);
      ASSERT_TRUE(!in_order || delivered_.size() > came_out) << "not delivered in the same call";
    }
  }

  void pull(int64_t now_ns) {
    for (;;) {
      const JitterBuffer::Action action = buffer_.pull(now_ns);
      if (action.kind == Kind::None) return;
      if (action.kind == Kind::Deliver) {
        deliver(*static_cast<const Sent*>(action.packet.payload.get()), action, now_ns);
      } else {
        lose(action);
      }
      if (::testing::Test::HasFatalFailure()) return;
    }
  }

  void deliver(const Sent& sent, const JitterBuffer::Action& action, int64_t now_ns) {
    ASSERT_GE(sent.stream, current_);
    ASSERT_EQ(action.discont, sent.stream != current_ || lost_before_);
    current_ = sent.stream;
    lost_before_ = false;
    Seen& seen = seen_[static_cast<size_t>(sent.stream)];
    if (!seen.started) {
      seen = {true, sent.index, sent.index};
    }
    ASSERT_EQ(sent.index, seen.next) << "neither delivered nor lost in between";
    ++seen.next;
    ASSERT_TRUE(delivered_.insert(&sent).second);
    ASSERT_LE(now_ns - arrived_at_[&sent], limits_.max_wait_ns);
    ASSERT_GT(action.pts_ns, last_pts_ns_);
    last_pts_ns_ = action.pts_ns;
  }

  void lose(const JitterBuffer::Action& action) {
    Seen& seen = seen_[static_cast<size_t>(current_)];
    const Sent& sent =
        traffic_.streams[static_cast<size_t>(current_)][static_cast<size_t>(seen.next)];
    ASSERT_EQ(action.seq, sent.seq);
    ASSERT_EQ(known_.count(&sent), 0U) << "reported lost, but it had come";
    ASSERT_EQ(action.duration_ns, 20 * kMs);
    ASSERT_GT(action.pts_ns, last_pts_ns_);
    last_pts_ns_ = action.pts_ns;
    ++seen.next;
    ++lost_;
    lost_before_ = true;
  }

  void check() {
    const JitterBuffer::Stats& stats = buffer_.stats();
    ASSERT_EQ(stats.received, traffic_.arrivals.size());
    ASSERT_EQ(stats.delivered, delivered_.size());
    ASSERT_EQ(stats.lost, lost_);
    ASSERT_EQ(stats.held, 0U);
    ASSERT_EQ(stats.stale + stats.flushed, 0U);
    ASSERT_EQ(stats.received, stats.delivered + stats.late + stats.duplicates);
    uint64_t covered = 0;
    for (const Seen& seen : seen_)
      covered += static_cast<uint64_t>(seen.next - seen.first);
    ASSERT_EQ(covered, stats.delivered + stats.lost);
    ASSERT_LE(stats.longest_hold_ns, limits_.max_wait_ns);
  }

  const Traffic& traffic_;
  JitterBuffer buffer_;
  JitterBuffer::Limits limits_;
  std::vector<Seen> seen_;
  std::map<const Sent*, int64_t> arrived_at_;
  std::set<const Sent*> known_;
  std::set<const Sent*> delivered_;
  uint64_t lost_ = 0;
  int current_ = -1;
  bool lost_before_ = false;
  int64_t last_pts_ns_ = -1;
};

TEST(JitterBufferRandom, WhatHoldsForEveryStream) {
  for (uint64_t seed = 1; seed <= 4000; ++seed) {
    Random random(seed);
    const Traffic traffic = makeTraffic(random);
    Playback playback(random, traffic);
    playback.play();
    if (HasFatalFailure()) FAIL() << "seed " << seed;
  }
}

/// Anything at all: nothing is delivered twice, lost or kept, and the books are right.
TEST(JitterBufferRandom, AnyHeaderAtAllKeepsTheBooks) {
  for (uint64_t seed = 1; seed <= 2000; ++seed) {
    Random random(seed);
    JitterBuffer buffer;
    const int64_t wait_ns = random.range(0, 100) * kMs;
    const auto most = static_cast<size_t>(random.range(1, 40));
    buffer.setLimits({wait_ns, most, 1000 * kMs});
    int64_t now_ns = 0;
    std::vector<int> freed(400);
    auto seq = static_cast<uint16_t>(random.range(0, 65535));
    for (int i = 0; i < 400; ++i) {
      now_ns += random.range(0, 30) * kMs;
      seq = random.chance(3)    ? static_cast<uint16_t>(random.range(0, 65535))
            : random.chance(20) ? static_cast<uint16_t>(seq + random.range(-140, 140))
                                : static_cast<uint16_t>(seq + 1);
      JitterBuffer::Packet packet;
      packet.seq = seq;
      packet.time = static_cast<uint32_t>(random.chance(5) ? random.range(0, 0xffffffff)
                                                           : static_cast<int64_t>(seq) * 160);
      packet.ssrc = static_cast<uint32_t>(random.chance(2) ? random.range(1, 3) : 1);
      packet.type = static_cast<uint8_t>(random.chance(10) ? 101 : 0);
      packet.arrival_ns = now_ns;
      packet.payload = JitterBuffer::Payload(&freed[static_cast<size_t>(i)],
                                             [](void* count) { ++*static_cast<int*>(count); });
      buffer.push(std::move(packet));
      for (;;) {
        const auto action = buffer.pull(now_ns);
        if (action.kind == Kind::None) break;
        ASSERT_GE(action.pts_ns, 0) << "seed " << seed;
        ASSERT_GE(action.duration_ns, 0) << "seed " << seed;
        ASSERT_LE(action.duration_ns, JitterBuffer::kLongestPacketNs) << "seed " << seed;
      }
      const JitterBuffer::Stats& stats = buffer.stats();
      ASSERT_LE(stats.held, most) << "seed " << seed;
      ASSERT_TRUE(buffer.deadline() == JitterBuffer::kNever || buffer.deadline() > now_ns);
    }
    buffer.drain();
    while (buffer.pull(now_ns).kind != Kind::None) {
    }
    const JitterBuffer::Stats& stats = buffer.stats();
    ASSERT_EQ(stats.received, stats.delivered + stats.late + stats.duplicates + stats.stale)
        << "seed " << seed;
    ASSERT_TRUE(std::all_of(freed.begin(), freed.end(), [](int count) { return count == 1; }))
        << "seed " << seed;
  }
}

}  // namespace
