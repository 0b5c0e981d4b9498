// SPDX-License-Identifier: LGPL-2.1-or-later
// Calls whose endpoints have names: what nobody answers for delays no other call, and is given up
// with its call.
#include <csignal>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "DnsServer.hpp"
#include "Phone.hpp"
#include "RawEndpoint.hpp"
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

// What a caller sees of a failure: the texts of Reason and Warning.
struct Seen {
  int status = 0;
  std::string reason;
  std::string warning;
  LogRecord end;
};

Seen fail(const Gateway& gateway, const std::string& uri) {
  Phone phone(gateway);
  phone.dial(uri);
  const auto answer = phone.sip().waitFinal(10s);
  if (!answer) return {};
  const auto end = gateway.waitEnd(phone.callId());
  return {answer->status, headerParameter(answer->header("Reason"), "text"),
          answer->header("Warning"), end.value_or(LogRecord{})};
}

// Whoever names the endpoint himself learns nothing about the network behind us.
TEST_F(Names, ACallerWhoNamesTheEndpointIsToldNoCause) {
  dns_.set("inside.test", {.addresses = {"10.11.12.13"}});
  RawEndpoint notFound(Misbehaviour::Status404);
  RawEndpoint noTls([](RawConnection& connection) {
    connection.write("SSH-2.0-nothing to see here\r\n");
    connection.waitPeerGone(5s);
  });
  RawEndpoint silent(Misbehaviour::NeverAnswers);
  const std::string closed = "ws://127.0.0.1:" + std::to_string(freePort()) + "/";
  const std::string tls = "wss://127.0.0.1:" + std::to_string(noTls.port()) + "/";
  Gateway gateway(options({{"websocket.connect-timeout", "1500"}}));
  const std::vector<std::pair<std::string, std::string>> cases = {
      {closed, "endpoint-refused"},
      {"ws://none.test/", "endpoint-unresolved"},
      {tls, "endpoint-tls"},
      {notFound.uri(), "endpoint-handshake"},
      {silent.uri(), "endpoint-timeout"},
  };
  for (const auto& [uri, reason] : cases) {
    const Seen seen = fail(gateway, uri);
    EXPECT_EQ(seen.status, reason == "endpoint-timeout" ? 504 : 502) << reason;
    EXPECT_EQ(seen.reason, "\"Endpoint could not be reached\"") << reason;
    EXPECT_EQ(seen.warning,
              "399 wsbridge \"P-wsbridge-websocket-uri: Endpoint could not be reached\"");
    EXPECT_EQ(seen.end["reason"], reason) << "the log has the cause";
    EXPECT_NE(seen.end["detail"], "") << reason;
  }
  const Seen forbidden = fail(gateway, "ws://inside.test/");
  EXPECT_EQ(forbidden.status, 403);
  EXPECT_EQ(forbidden.warning.find("10.11"), std::string::npos) << forbidden.warning;
  EXPECT_NE(forbidden.end["detail"].find("10.11.12.13"), std::string::npos);
}

TEST_F(Names, OfAConfiguredEndpointTheCauseIsTold) {
  const std::string closed = "ws://127.0.0.1:" + std::to_string(freePort()) + "/";
  Gateway gateway(options({{"websocket.uri", closed}}));
  const Seen seen = fail(gateway, "");
  EXPECT_EQ(seen.status, 502);
  EXPECT_EQ(seen.reason, "\"Endpoint refused the connection\"");
  EXPECT_EQ(seen.end["reason"], "endpoint-refused");
  gateway.rewrite({.set = options({{"websocket.uri", "ws://none.test/"}}).set});
  gateway.process().signal(SIGHUP);
  ASSERT_TRUE(gateway.process().waitForLine("read again", 5s).has_value());
  EXPECT_EQ(fail(gateway, "").reason, "\"Endpoint name does not resolve\"");
}

}  // namespace
}  // namespace e2e
