// SPDX-License-Identifier: LGPL-2.1-or-later
// Calls whose endpoints have names: what nobody answers for delays no other call, and is given up
// with its call.
#include <csignal>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "DnsServer.hpp"
#include "Phone.hpp"
#include "SoupEndpoint.hpp"

namespace e2e {
namespace {

class Names : public ::testing::Test {
 protected:
  Names() {
    dns_.set("*.slow.test", {.kind = DnsServer::Kind::Silent});
    dns_.set("*.bot.test", {.addresses = {"127.0.0.1"}});
  }

  Gateway::Options options(std::map<std::string, std::string> more = {}) const {
    more["websocket.name-servers"] = dns_.address();
    return {.set = more};
  }
  std::string uri(const std::string& name) const {
    return "ws://" + name + ":" + std::to_string(endpoint_.port()) + "/";
  }

  DnsServer dns_;
  SoupEndpoint endpoint_{SoupEndpoint::Options{.echo = true, .record = false}};
};

TEST_F(Names, FiftyNamesThatNobodyAnswersForDelayNoOther) {
  Gateway gateway(options());
  std::vector<std::unique_ptr<Phone>> stuck;
  for (int i = 0; i < 50; ++i) {
    stuck.push_back(std::make_unique<Phone>(gateway));
    stuck.back()->dial(uri("n" + std::to_string(i) + ".slow.test"));
  }
  ASSERT_TRUE(dns_.waitAsked("n49.slow.test", 1, 5s));
  Phone good(gateway);
  const auto begun = Clock::now();
  EXPECT_EQ(good.call(uri("a.bot.test")), 200);
  const double ms = millisBetween(begun, Clock::now());
  EXPECT_LT(ms, 1000 * kTimeScale);
  RecordProperty("good_ms", std::to_string(ms));
  for (const auto& phone : stuck)
    EXPECT_EQ(phone->waitAnswer(10s), 502);
  const auto end = gateway.waitEnd(stuck.front()->callId());
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ((*end)["reason"], "endpoint-unresolved");
  EXPECT_TRUE(good.hangUp());
}

TEST_F(Names, OverTheLimitOfItsSourceACallIsRefusedAndHangingUpMakesRoom) {
  Gateway gateway(options({{"limits.lookups-per-source", "2"}}));
  Phone first(gateway);
  Phone second(gateway);
  first.dial(uri("a.slow.test"));
  second.dial(uri("b.slow.test"));
  ASSERT_TRUE(dns_.waitAsked("a.slow.test", 1, 5s));
  ASSERT_TRUE(dns_.waitAsked("b.slow.test", 1, 5s));
  Phone refused(gateway);
  EXPECT_EQ(refused.call(uri("c.bot.test")), 503);
  const auto answer = refused.sip().waitFinal(0ms);
  ASSERT_TRUE(answer.has_value());
  EXPECT_FALSE(answer->header("Retry-After").empty());
  const auto end = gateway.waitEnd(refused.callId());
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ((*end)["reason"], "source-lookups");
  const auto told = gateway.records("call-refused");
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told.front()["key"], "limits.lookups-per-source");
  first.sip().cancel();
  ASSERT_TRUE(gateway.waitEnd(first.callId()).has_value());
  Phone next(gateway);
  EXPECT_EQ(next.call(uri("c.bot.test")), 200) << "the look-up ended with its call";
}

TEST_F(Names, CallsToOneNameAreOneLookUpAndEachHasItsOwnPolicy) {
  Gateway gateway(options({{"limits.lookups-per-source", "1"}}));
  for (int i = 0; i < 5; ++i) {
    Phone phone(gateway);
    EXPECT_EQ(phone.call(uri("a.bot.test")), 200);
  }
  gateway.rewrite({.set = options().set, .allowLoopback = false});
  gateway.process().signal(SIGHUP);
  ASSERT_TRUE(gateway.process().waitForLine("read again", 5s).has_value());
  Phone forbidden(gateway);
  EXPECT_EQ(forbidden.call(uri("a.bot.test")), 403);
  EXPECT_EQ(dns_.asked("a.bot.test"), 1U) << "the answer came from the cache";
}

TEST_F(Names, EndingInTheMiddleOfLookUpsIsClean) {
  Gateway gateway(options({{"limits.drain-time", "0"}}));
  std::vector<std::unique_ptr<Phone>> stuck;
  for (int i = 0; i < 10; ++i) {
    stuck.push_back(std::make_unique<Phone>(gateway));
    stuck.back()->dial(uri("n" + std::to_string(i) + ".slow.test"));
  }
  ASSERT_TRUE(dns_.waitAsked("n9.slow.test", 1, 5s));
  gateway.process().signal(SIGINT);
  for (const auto& phone : stuck)
    EXPECT_EQ(phone->waitAnswer(5s), 503);
}

}  // namespace
}  // namespace e2e
