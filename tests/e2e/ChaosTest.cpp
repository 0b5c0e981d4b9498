// SPDX-License-Identifier: LGPL-2.1-or-later
// Fifty good calls stand while the gateway is attacked, by one after the other and by several at
// once: nobody notices. With WSBRIDGE_CHAOS_SECONDS in the environment the mixed attacks last that
// long, and good calls come and go beside them.
#include <algorithm>
#include <cstdlib>
#include <functional>
#include <iterator>
#include <memory>
#include <random>
#include <thread>

#include <gtest/gtest.h>

#include "Attacks.hpp"
#include "Figures.hpp"
#include "Phone.hpp"

namespace e2e {
namespace {

constexpr size_t kGoodCalls = 50;
constexpr std::chrono::seconds kAttack = 3s;
constexpr double kMaxGrowthKb = 20 * 1024;
constexpr size_t kMaxLog = 1024 * 1024;
constexpr double kMaxOptionsMs = 50;
/// How long the stack keeps what a request has left behind, RFC 3261 timer H.
constexpr auto kForgotten = 33s;

std::chrono::seconds mixedSeconds() {
  const char* asked = std::getenv("WSBRIDGE_CHAOS_SECONDS");
  return std::chrono::seconds(asked ? std::max(1, std::atoi(asked)) : 6);
}

class Chaos : public ::testing::Test {
 protected:
  void SetUp() override {
    target_.gateway = std::make_unique<Gateway>(
        Gateway::Options{.set = {
                             {"media.loops", "1"},
                             {"websocket.name-servers", target_.dns.address()},
                             // As whoever is attacked by a peer of his own sets it.
                             {"limits.peer-setups", "40"},
                         }});
    for (size_t i = 0; i < kGoodCalls; ++i) {
      calls_.push_back(std::make_unique<Phone>(*target_.gateway));
      ASSERT_EQ(calls_.back()->call(target_.good.uri()), 200) << i;
      target_.rtpPorts.push_back(calls_.back()->answer().port);
    }
    for (const auto& call : calls_) {
      call->rtp().play(tone());
      ASSERT_TRUE(call->rtp().waitReceived(50, 10s));
    }
  }

  static const Samples& tone() {
    static const Samples samples = sine(8000, 440, 1, 8000);
    return samples;
  }

  struct Before {
    long memory;
    size_t log;
    MissedTicks missed;
    unsigned long dropped;
  };
  Before now() const {
    Gateway& gateway = *target_.gateway;
    return {gateway.process().usage().rssKb, gateway.log().size(), missedTicks(gateway),
            droppedAt(gateway)};
  }

  /// Watches while the attackers are at work, and judges.
  void expectNobodyNotices(const std::string& name,
                           const std::vector<std::function<void(Clock::time_point)>>& run,
                           std::chrono::seconds length) {
    Gateway& gateway = *target_.gateway;
    for (const auto& call : calls_)
      call->rtp().forget();
    const Before before = now();
    const auto until = Clock::now() + length;
    OptionsProbe probe(gateway, loopbackHost(50'000));
    std::vector<std::thread> attackers;
    for (const auto& one : run)
      attackers.emplace_back(one, until);
    long most = before.memory;
    while (Clock::now() < until) {
      for (const auto& call : calls_)
        call->rtp().play(tone());
      const auto next = std::min(until, Clock::now() + 1s);
      while (Clock::now() < next) {
        most = std::max(most, gateway.process().usage().rssKb);
        std::this_thread::sleep_for(50ms);
      }
    }
    for (auto& attacker : attackers)
      attacker.join();
    const OptionsProbe::Report options = probe.finish();
    ASSERT_TRUE(gateway.process().running()) << gateway.log();
    double gap = 0;
    for (const auto& call : calls_) {
      const auto packets = call->rtp().packets();
      EXPECT_GT(packets.size(), 50U) << name;
      gap = std::max(gap, longestGap(packets));
    }
    const Before after = now();
    most = std::max(most, after.memory);
    const double own = after.missed.own - before.missed.own;
    std::printf(
        "%s: OPTIONS p99 %.1f ms (with waiting for a core at most %.1f), %zu of %zu lost, "
        "%lu dropped by the kernel, %ld kB more, %zu bytes of log, RTP gap %.0f ms, ticks "
        "missed %.0f, own %.0f\n",
        name.c_str(), quantile(options.ms, 0.99), options.rawWorst, options.lost, options.asked,
        after.dropped - before.dropped, most - before.memory, after.log - before.log, gap,
        after.missed.all - before.missed.all, own);
    EXPECT_FALSE(options.ms.empty()) << name << ": nobody else is answered";
    if (kSanitized) return;
    EXPECT_GT(options.ms.size(), options.asked / 4) << name << ": most others are answered";
    EXPECT_LE(options.lost, after.dropped - before.dropped) << name << ": not answered";
    EXPECT_LT(quantile(options.ms, 0.99), kMaxOptionsMs) << name;
    EXPECT_LT(static_cast<double>(most - before.memory), kMaxGrowthKb) << name;
    EXPECT_LT(after.log - before.log, kMaxLog) << name;
    EXPECT_EQ(own, 0) << name << ": ticks that the loop missed by its own doing";
  }

  /// Ends the good calls, which are as they were.
  void expectNormalEnds() {
    for (const auto& call : calls_) {
      EXPECT_TRUE(call->hangUp());
      const auto end = target_.gateway->waitEnd(call->callId());
      ASSERT_TRUE(end.has_value());
      EXPECT_EQ((*end)["reason"], "caller-hangup");
    }
  }

  Target target_;
  std::vector<std::unique_ptr<Phone>> calls_;
};

TEST_F(Chaos, OneAfterTheOtherNobodyNotices) {
  const ProcessUsage before = target_.gateway->process().usage();
  for (const Attack& attack : attacks()) {
    expectNobodyNotices(attack.name,
                        {[&](Clock::time_point until) { attack.run(target_, 0, until); }}, kAttack);
  }
  // What nobody has acknowledged is given up, and all that it held with it.
  ProcessUsage after;
  EXPECT_TRUE(eventually(
      [&] {
        after = target_.gateway->process().usage();
        return after.descriptors <= before.descriptors + 4;
      },
      kForgotten + 7s))
      << before.descriptors << " -> " << after.descriptors << " descriptors";
  ASSERT_TRUE(target_.gateway->process().running()) << target_.gateway->log();
  expectNormalEnds();
}

TEST_F(Chaos, SeveralAtOnceNobodyNotices) {
  std::mt19937 random(static_cast<unsigned>(mixedSeconds().count()));
  const Before first = now();
  const auto began = Clock::now();
  const auto end = began + mixedSeconds();
  unsigned round = 1;
  for (; Clock::now() < end; ++round) {
    std::string names;
    std::vector<std::function<void(Clock::time_point)>> run;
    std::vector<Attack> chosen;
    std::sample(attacks().begin(), attacks().end(), std::back_inserter(chosen), 3, random);
    for (const Attack& attack : chosen) {
      names += std::string(names.empty() ? "" : "+") + attack.name;
      run.emplace_back(
          [this, attack, round](Clock::time_point until) { attack.run(target_, round, until); });
    }
    expectNobodyNotices(names, run, kAttack);
    if (HasFatalFailure()) return;
    // One good call goes, another one comes.
    auto& call = calls_[round % calls_.size()];
    EXPECT_TRUE(call->hangUp());
    call = std::make_unique<Phone>(*target_.gateway);
    ASSERT_EQ(call->call(target_.good.uri()), 200);
    target_.rtpPorts[round % calls_.size()] = call->answer().port;
    call->rtp().play(tone());
    ASSERT_TRUE(call->rtp().waitReceived(25, 5s));
  }
  const Before last = now();
  // scripts/nightly looks for this line and for that of each round.
  std::printf(
      "all rounds: %u in %lld s; memory %ld kB before the first, %ld kB after the last; %zu bytes "
      "of "
      "log; %lu datagrams dropped by the kernel; ticks missed %.0f, own %.0f\n",
      round - 1,
      static_cast<long long>(
          std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - began).count()),
      first.memory, last.memory, last.log - first.log, last.dropped - first.dropped,
      last.missed.all - first.missed.all, last.missed.own - first.missed.own);
  expectNormalEnds();
}

}  // namespace
}  // namespace e2e
