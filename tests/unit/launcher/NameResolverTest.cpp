// SPDX-License-Identifier: LGPL-2.1-or-later
// The resolver against name servers on real sockets.
#include <atomic>
#include <cstdlib>
#include <deque>
#include <memory>
#include <vector>

#include <dirent.h>

#include <gtest/gtest.h>

#include "DnsServer.hpp"
#include "TempDir.hpp"
#include "Waiting.hpp"
#include "names/NameResolver.hpp"

namespace launcher {

namespace {

using namespace testsupport;
using Answers = DnsServer::Kind;
using Kind = NameAnswer::Kind;

constexpr std::int64_t kSecond = 1000000;

std::size_t openDescriptors() {
  std::size_t count = 0;
  DIR* dir = opendir("/proc/self/fd");
  while (readdir(dir))
    ++count;
  closedir(dir);
  return count;
}

/// Someone who asks, and keeps the answers.
class Caller {
 public:
  Caller(NameResolver& resolver, const std::string& name, const std::string& source = "caller",
         NameResolver::Failures failures = NameResolver::Failures::FromCache)
      : begun_(Clock::now()), state_(std::make_shared<State>()) {
    auto answer = [state = state_](NameAnswer found) {
      const auto guard = state->monitor.lock();
      state->answers.push_back(std::move(found));
      state->at = Clock::now();
      state->monitor.notify();
    };
    lookup_ = resolver.resolve(name, source, std::move(answer), failures);
  }

  std::optional<NameAnswer> wait(Millis limit = 5s) const {
    const auto there = [this] { return !state_->answers.empty(); };
    if (!state_->monitor.waitFor(there, limit)) return std::nullopt;
    const auto guard = state_->monitor.lock();
    return state_->answers.back();
  }
  /// Nothing when there was no answer or a failure.
  std::vector<std::string> addresses() const { return wait().value_or(NameAnswer{}).addresses; }
  Kind kind() const { return wait().value_or(NameAnswer{Kind::AllBusy, {}, "none"}).kind; }
  double ms() const { return millisBetween(begun_, state_->at); }
  std::size_t answers() const {
    const auto guard = state_->monitor.lock();
    return state_->answers.size();
  }
  void hangUp() { lookup_ = {}; }

 private:
  struct State {
    Monitor monitor;
    std::vector<NameAnswer> answers;
    Clock::time_point at;
  };

  Clock::time_point begun_;
  std::shared_ptr<State> state_;
  NameLookup lookup_;
};

using Addresses = std::vector<std::string>;

class Resolver : public ::testing::Test {
 protected:
  NameResolver::Options options(const std::string& servers, NameResolver::Limits limits = {}) {
    NameResolver::Options options;
    options.servers = servers;
    options.limits = limits;
    options.clock = [this] { return clock_.load(); };
    return options;
  }

  std::atomic<std::int64_t> clock_{kSecond};
  DnsServer server_;
  DnsServer other_;
};

TEST_F(Resolver, FindsAddressesOfBothFamilies) {
  server_.set("bot.test", {.addresses = {"192.0.2.1", "192.0.2.2"}});
  server_.set("six.test", {.addresses = {"2001:db8::1"}});
  server_.set("both.test", {.addresses = {"2001:db8::1", "192.0.2.1"}});
  server_.set("alias.test", {.addresses = {"192.0.2.9"}, .alias = "real.test"});
  NameResolver resolver(options(server_.address()));
  EXPECT_EQ(Caller(resolver, "Bot.TEST").addresses(), (Addresses{"192.0.2.1", "192.0.2.2"}));
  EXPECT_EQ(Caller(resolver, "six.test").addresses(), Addresses{"2001:db8::1"});
  EXPECT_EQ(Caller(resolver, "both.test").addresses().size(), 2U);
  EXPECT_EQ(Caller(resolver, "alias.test").addresses(), Addresses{"192.0.2.9"});
  EXPECT_EQ(Caller(resolver, "bot.test.").addresses().size(), 2U) << "an absolute name";
}

TEST_F(Resolver, LocalhostIsNotAskedFor) {
  NameResolver resolver(options(server_.address()));
  for (const char* name : {"localhost", "LOCALHOST.", "a.localhost"}) {
    EXPECT_EQ(Caller(resolver, name).addresses(), (Addresses{"::1", "127.0.0.1"})) << name;
  }
  EXPECT_EQ(server_.asked("localhost") + server_.asked("a.localhost"), 0U);
}

TEST_F(Resolver, TheHostsFileComesFirst) {
  const TempDir dir("wsbridge-hosts");
  setenv("CARES_HOSTS", dir.write("hosts", "192.0.2.77 pbx.test pbx\n").c_str(), 1);
  server_.set("pbx.test", {.addresses = {"192.0.2.1"}});
  {
    NameResolver resolver(options(server_.address()));
    EXPECT_EQ(Caller(resolver, "pbx.test").addresses(), Addresses{"192.0.2.77"});
    EXPECT_EQ(Caller(resolver, "pbx").addresses(), Addresses{"192.0.2.77"});
    EXPECT_EQ(server_.asked("pbx.test"), 0U);
  }
  unsetenv("CARES_HOSTS");
}

TEST_F(Resolver, TheSearchListIsHonoured) {
  // c-ares takes one domain from there since 1.24, and as many as there are before.
  setenv("LOCALDOMAIN", "second.test", 1);
  server_.set("bot.second.test", {.addresses = {"192.0.2.5"}});
  {
    NameResolver resolver(options(server_.address()));
    EXPECT_EQ(Caller(resolver, "bot").addresses(), Addresses{"192.0.2.5"});
    EXPECT_EQ(Caller(resolver, "bot.").kind(), Kind::NoSuchName) << "that one is absolute";
  }
  unsetenv("LOCALDOMAIN");
}

TEST_F(Resolver, ATruncatedAnswerIsFetchedByTcp) {
  server_.set("long.test", {.addresses = {"192.0.2.1"}, .truncated = true});
  server_.set("broken.test", {.kind = Answers::ClosesTcp});
  NameResolver resolver(options(server_.address()));
  EXPECT_EQ(Caller(resolver, "long.test").addresses(), Addresses{"192.0.2.1"});
  EXPECT_GT(server_.askedByTcp(), 0U);
  EXPECT_EQ(Caller(resolver, "broken.test").kind(), Kind::Temporary);
}

TEST_F(Resolver, ANameWithThousandsOfAddressesIsCutShort) {
  DnsServer::Record many{.truncated = true};
  for (int i = 0; i < 3000; ++i)
    many.addresses.push_back("192.0." + std::to_string(i / 250) + "." + std::to_string(i % 250));
  server_.set("many.test", many);
  NameResolver resolver(options(server_.address()));
  const Addresses found = Caller(resolver, "many.test").addresses();
  EXPECT_GE(found.size(), 4U);
  EXPECT_LE(found.size(), 16U);
}

TEST_F(Resolver, AddressesAreKeptForTheShortestTtl) {
  server_.set("bot.test", {.addresses = {"192.0.2.1"}, .ttl = 30});
  server_.set("alias.test",
              {.addresses = {"192.0.2.1"}, .ttl = 300, .alias = "real.test", .aliasTtl = 10});
  NameResolver resolver(options(server_.address()));
  for (const char* name : {"bot.test", "alias.test"}) {
    EXPECT_EQ(Caller(resolver, name).addresses().size(), 1U);
    EXPECT_EQ(Caller(resolver, name).addresses().size(), 1U);
    EXPECT_EQ(server_.asked(name), 1U) << "from the cache";
  }
  server_.set("bot.test", {.addresses = {"192.0.2.2"}});
  clock_ += 30 * kSecond - 1;
  EXPECT_EQ(Caller(resolver, "bot.test").addresses(), Addresses{"192.0.2.1"});
  EXPECT_EQ(Caller(resolver, "alias.test").addresses().size(), 1U);
  EXPECT_EQ(server_.asked("alias.test"), 2U) << "the alias has the shorter one";
  clock_ += 1;
  EXPECT_EQ(Caller(resolver, "bot.test").addresses(), Addresses{"192.0.2.2"});
  EXPECT_EQ(server_.asked("bot.test"), 2U);
}

TEST_F(Resolver, FailuresAreKeptForAShortTime) {
  server_.set("bad.test", {.kind = Answers::ServerFailure});
  NameResolver resolver(options(server_.address()));
  EXPECT_EQ(Caller(resolver, "none.test").kind(), Kind::NoSuchName);
  EXPECT_EQ(Caller(resolver, "none.test").kind(), Kind::NoSuchName);
  EXPECT_EQ(server_.asked("none.test"), 1U);
  clock_ += 5 * kSecond;
  EXPECT_EQ(Caller(resolver, "none.test").kind(), Kind::NoSuchName);
  EXPECT_EQ(server_.asked("none.test"), 2U);

  EXPECT_EQ(Caller(resolver, "bad.test").kind(), Kind::Temporary);
  const std::size_t asked = server_.asked("bad.test");
  EXPECT_EQ(Caller(resolver, "bad.test").kind(), Kind::Temporary);
  EXPECT_EQ(server_.asked("bad.test"), asked);
  server_.set("bad.test", {.addresses = {"192.0.2.1"}});
  EXPECT_EQ(
      Caller(resolver, "bad.test", "caller", NameResolver::Failures::AskAgain).addresses().size(),
      1U)
      << "a retry asks again";
}

TEST_F(Resolver, ANameWithoutAddressesDoesNotExist) {
  server_.set("empty.test", {});
  NameResolver resolver(options(server_.address()));
  const auto answer = Caller(resolver, "empty.test").wait();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->kind, Kind::NoSuchName);
  EXPECT_NE(answer->fault.find("empty.test"), std::string::npos) << answer->fault;
}

TEST_F(Resolver, StaleAddressesServeWhenTheServersFail) {
  server_.set("bot.test", {.addresses = {"192.0.2.1"}, .ttl = 10});
  server_.set("mute.test", {.addresses = {"192.0.2.2"}, .ttl = 10});
  NameResolver resolver(options(server_.address()));
  EXPECT_EQ(Caller(resolver, "bot.test").addresses().size(), 1U);
  EXPECT_EQ(Caller(resolver, "mute.test").addresses().size(), 1U);
  server_.set("bot.test", {.kind = Answers::ServerFailure});
  server_.set("mute.test", {.kind = Answers::Silent});
  clock_ += 60 * kSecond;
  EXPECT_EQ(Caller(resolver, "bot.test").addresses(), Addresses{"192.0.2.1"});
  EXPECT_GE(server_.asked("bot.test"), 2U) << "the server was asked first";
  Caller patient(resolver, "mute.test");
  EXPECT_EQ(patient.addresses(), Addresses{"192.0.2.2"});
  EXPECT_LT(patient.ms(), 1700 * kTimeScale) << "nobody waits for all the rounds";
  Caller next(resolver, "mute.test");
  EXPECT_EQ(next.addresses(), Addresses{"192.0.2.2"});
  EXPECT_LT(next.ms(), 500 * kTimeScale) << "the failure is known by now";
  clock_ += 10 * kSecond;
  EXPECT_EQ(Caller(resolver, "bot.test").kind(), Kind::Temporary) << "a minute is over";
}

TEST_F(Resolver, EveryServerIsAskedWithinTwoSeconds) {
  DnsServer third;
  const std::string servers = server_.address() + "," + other_.address() + "," + third.address();
  for (DnsServer* server : {&server_, &other_, &third})
    server->set("*.test", {.kind = Answers::Silent});
  third.set("bot.test", {.addresses = {"192.0.2.1"}});
  NameResolver resolver(options(servers));
  Caller caller(resolver, "bot.test");
  EXPECT_EQ(caller.addresses(), Addresses{"192.0.2.1"});
  EXPECT_LT(caller.ms(), 2000 * kTimeScale);
  EXPECT_GT(server_.asked("bot.test"), 0U);
  EXPECT_GT(other_.asked("bot.test"), 0U);
  Caller lost(resolver, "lost.test");
  EXPECT_EQ(lost.kind(), Kind::Temporary);
  EXPECT_GT(lost.ms(), 1900) << "late answers are waited for";
  EXPECT_LT(lost.ms(), 3000 * kTimeScale) << "but not for ever";
}

TEST_F(Resolver, AServerThatRefusesOrFailsIsPassedOver) {
  server_.set("*.test", {.kind = Answers::Refused});
  server_.set("bad.test", {.kind = Answers::ServerFailure});
  other_.set("*.test", {.addresses = {"192.0.2.1"}});
  NameResolver resolver(options("127.0.0.1:1," + server_.address() + "," + other_.address()));
  for (const char* name : {"bot.test", "bad.test"}) {
    Caller caller(resolver, name);
    EXPECT_EQ(caller.addresses(), Addresses{"192.0.2.1"}) << name;
    EXPECT_LT(caller.ms(), 1000 * kTimeScale);
  }
}

TEST_F(Resolver, ALateAnswerCounts) {
  server_.set("slow.test", {.addresses = {"192.0.2.1"}, .delay = 900ms});
  NameResolver resolver(options(server_.address()));
  EXPECT_EQ(Caller(resolver, "slow.test").addresses(), Addresses{"192.0.2.1"});
}

TEST_F(Resolver, ASlowNameIsNeverInFrontOfAFastOne) {
  server_.set("*.slow.test", {.kind = Answers::Silent});
  server_.set("fast.test", {.addresses = {"192.0.2.1"}});
  NameResolver resolver(options(server_.address(), {.perSource = 200, .inAll = 201}));
  std::deque<Caller> slow;
  for (int i = 0; i < 200; ++i)
    slow.emplace_back(resolver, "n" + std::to_string(i) + ".slow.test");
  ASSERT_TRUE(server_.waitAsked("n199.slow.test", 1, 2s));
  Caller fast(resolver, "fast.test", "somebody else");
  EXPECT_EQ(fast.addresses(), Addresses{"192.0.2.1"});
  EXPECT_LT(fast.ms(), 300 * kTimeScale);
  std::size_t answered = 0;
  for (const Caller& caller : slow)
    answered += caller.answers();
  EXPECT_LT(answered, slow.size()) << "they are under way still";
  RecordProperty("fast_ms", std::to_string(fast.ms()));
}

TEST_F(Resolver, EqualNamesAreAskedForOnceAndCountOnce) {
  server_.set("bot.test", {.addresses = {"192.0.2.1"}, .delay = 200ms});
  NameResolver resolver(options(server_.address(), {.perSource = 1, .inAll = 1}));
  std::deque<Caller> calls;
  for (int i = 0; i < 300; ++i)
    calls.emplace_back(resolver, i % 2 == 0 ? "bot.test" : "BOT.test");
  for (const Caller& call : calls)
    EXPECT_EQ(call.addresses().size(), 1U);
  EXPECT_EQ(server_.asked("bot.test"), 1U);
}

TEST_F(Resolver, LookUpsOfOneSourceAreLimited) {
  server_.set("*.slow.test", {.kind = Answers::Silent});
  server_.set("*.fast.test", {.addresses = {"192.0.2.1"}});
  NameResolver resolver(options(server_.address(), {.perSource = 4, .inAll = 100}));
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(Caller(resolver, "n" + std::to_string(i) + ".fast.test").kind(), Kind::Found)
        << "far below the limit";
  }
  std::deque<Caller> slow;
  for (int i = 0; i < 4; ++i)
    slow.emplace_back(resolver, "n" + std::to_string(i) + ".slow.test");
  const auto refused = Caller(resolver, "n4.slow.test").wait();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->kind, Kind::SourceBusy);
  EXPECT_NE(refused->fault.find("limits.lookups-per-source"), std::string::npos);
  EXPECT_EQ(server_.asked("n4.slow.test"), 0U);
  EXPECT_EQ(Caller(resolver, "n1.fast.test").kind(), Kind::Found) << "the cache is free";
  EXPECT_EQ(Caller(resolver, "x.fast.test", "other").kind(), Kind::Found);
  slow.front().hangUp();
  EXPECT_EQ(Caller(resolver, "y.fast.test").kind(), Kind::Found) << "there is room again";
}

TEST_F(Resolver, WhoHasManyUnderWayGivesWayWhenAllAreTaken) {
  server_.set("*.slow.test", {.kind = Answers::Silent});
  server_.set("*.fast.test", {.addresses = {"192.0.2.1"}});
  NameResolver resolver(options(server_.address(), {.perSource = 8, .inAll = 8}));
  std::deque<Caller> greedy;
  for (int i = 0; i < 8; ++i)
    greedy.emplace_back(resolver, "n" + std::to_string(i) + ".slow.test", "greedy");
  EXPECT_EQ(Caller(resolver, "a.fast.test", "modest").kind(), Kind::Found);
  EXPECT_EQ(greedy.back().kind(), Kind::AllBusy) << "the last one was given up";
  EXPECT_EQ(greedy.front().answers(), 0U);

  // Eight sources with one each: none has more than its share.
  NameResolver shared(options(server_.address(), {.perSource = 8, .inAll = 8}));
  std::deque<Caller> each;
  for (int i = 0; i < 8; ++i)
    each.emplace_back(shared, "m" + std::to_string(i) + ".slow.test", std::to_string(i));
  const auto refused = Caller(shared, "b.fast.test", "ninth").wait();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->kind, Kind::AllBusy);
  EXPECT_NE(refused->fault.find("limits.max-lookups"), std::string::npos);
}

TEST_F(Resolver, LimitsMayChange) {
  server_.set("*.slow.test", {.kind = Answers::Silent});
  NameResolver resolver(options(server_.address(), {.perSource = 1, .inAll = 8}));
  const Caller first(resolver, "a.slow.test");
  EXPECT_EQ(Caller(resolver, "b.slow.test").kind(), Kind::SourceBusy);
  resolver.setLimits({.perSource = 2, .inAll = 8});
  const Caller second(resolver, "c.slow.test");
  EXPECT_TRUE(server_.waitAsked("c.slow.test", 1, 2s));
}

TEST_F(Resolver, HangingUpEndsTheLookUp) {
  server_.set("*.slow.test", {.kind = Answers::Silent});
  server_.set("shared.test", {.addresses = {"192.0.2.1"}, .delay = 300ms});
  NameResolver resolver(options(server_.address()));
  EXPECT_EQ(Caller(resolver, "none.test").kind(), Kind::NoSuchName);
  const std::size_t before = openDescriptors();
  std::deque<Caller> calls;
  for (int i = 0; i < 20; ++i)
    calls.emplace_back(resolver, "n" + std::to_string(i) + ".slow.test");
  ASSERT_TRUE(server_.waitAsked("n19.slow.test", 1, 2s));
  EXPECT_GE(openDescriptors(), before + 20);
  for (Caller& call : calls)
    call.hangUp();
  EXPECT_TRUE(eventually([&] { return openDescriptors() <= before; }, 1s)) << "at once";
  for (const Caller& call : calls)
    EXPECT_EQ(call.answers(), 0U);

  Caller gone(resolver, "shared.test");
  const Caller stays(resolver, "shared.test");
  ASSERT_TRUE(server_.waitAsked("shared.test", 1, 2s));
  gone.hangUp();
  EXPECT_EQ(stays.addresses().size(), 1U) << "another call waits for the same name";
  EXPECT_EQ(gone.answers(), 0U);
}

TEST_F(Resolver, TheResolverMayGoWhileLookUpsRun) {
  server_.set("*.slow.test", {.kind = Answers::Silent});
  const std::size_t before = openDescriptors();
  std::deque<Caller> calls;
  {
    NameResolver resolver(options(server_.address()));
    for (int i = 0; i < 20; ++i)
      calls.emplace_back(resolver, "n" + std::to_string(i) + ".slow.test");
    ASSERT_TRUE(server_.waitAsked("n3.slow.test", 1, 2s));
  }
  EXPECT_EQ(openDescriptors(), before);
  for (Caller& call : calls) {
    EXPECT_EQ(call.answers(), 0U);
    call.hangUp();
  }
}

TEST_F(Resolver, CallersComeAndGoInAnyOrder) {
  server_.set("*.slow.test", {.kind = Answers::Silent});
  server_.set("*.fast.test", {.addresses = {"192.0.2.1"}});
  NameResolver resolver(options(server_.address(), {.perSource = 16, .inAll = 16}));
  std::deque<Caller> calls;
  for (int i = 0; i < 2000; ++i) {
    const std::string name = "n" + std::to_string(i % 37) + (i % 3 ? ".slow.test" : ".fast.test");
    calls.emplace_back(resolver, name, std::to_string(i % 5));
    if (i % 2 == 0) calls[static_cast<std::size_t>(i * 7919) % calls.size()].hangUp();
    if (calls.size() > 40) calls.pop_front();
  }
  calls.clear();
  EXPECT_EQ(Caller(resolver, "last.fast.test").kind(), Kind::Found);
}

TEST_F(Resolver, QuestionsLeaveFromManyPorts) {
  server_.set("*.test", {.addresses = {"192.0.2.1"}});
  NameResolver resolver(options(server_.address()));
  for (int i = 0; i < 50; ++i)
    EXPECT_EQ(Caller(resolver, "n" + std::to_string(i) + ".test").kind(), Kind::Found);
  EXPECT_GT(server_.ports(), 25U) << "one port would be easy to guess";
}

TEST_F(Resolver, WhatIsNoNameIsNotAskedFor) {
  NameResolver resolver(options(server_.address()));
  EXPECT_EQ(Caller(resolver, std::string(64, 'a') + ".test").kind(), Kind::NoSuchName);
  EXPECT_EQ(Caller(resolver, "a b.test").kind(), Kind::NoSuchName);
  EXPECT_EQ(server_.ports(), 0U);
}

}  // namespace

}  // namespace launcher
