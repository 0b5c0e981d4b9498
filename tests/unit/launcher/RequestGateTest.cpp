// SPDX-License-Identifier: LGPL-2.1-or-later
#include <string>

#include <gtest/gtest.h>

#include "sip/door/RequestGate.hpp"
#include "sip/door/SipConnections.hpp"

namespace launcher {
namespace {

using Verdict = RequestGate::Verdict;
using Limit = RequestGate::Limit;

constexpr std::int64_t kSecond = 1'000'000;

class GateTest : public ::testing::Test {
 protected:
  GateTest() {
    static_cast<void>(sip.allow.add("10.0.0.0/8"));
    limits.peerRequests = 100;
    limits.strangerRequests = 10;
    limits.allRequests = 150;
    limits.peerSetups = 50;
  }

  RequestGate::Decision ask(const std::string& method, const std::string& callId,
                            const std::string& from = "10.0.0.1", bool inDialog = false,
                            const std::string& branch = "b") {
    return gate.decide({method, callId, branch, inDialog}, *IpAddress::parse(from), sip, limits,
                       now);
  }
  /// So many with a name of their own; how many passed.
  int flood(const std::string& method, int count, const std::string& from = "10.0.0.1") {
    int passed = 0;
    for (int i = 0; i < count; ++i) {
      passed += ask(method, method + from + std::to_string(next++), from).verdict == Verdict::Pass;
    }
    return passed;
  }

  RequestGate gate;
  Config::Sip sip;
  Config::Limits limits;
  std::int64_t now = 1000 * kSecond;
  int next = 0;
};

TEST_F(GateTest, OrdinaryLoadPasses) {
  for (int second = 0; second < 30; ++second) {
    for (int i = 0; i < 30; ++i) {
      const std::string id = "call" + std::to_string(next++);
      ASSERT_EQ(ask("INVITE", id).verdict, Verdict::Pass);
      gate.dialogBegan(id);
      ASSERT_EQ(ask("ACK", id).verdict, Verdict::Pass);
      ASSERT_EQ(ask("BYE", id, "10.0.0.1", true).verdict, Verdict::Pass);
      gate.dialogEnded(id);
      now += kSecond / 30;
    }
  }
  EXPECT_EQ(gate.setups(), 0U);
}

TEST_F(GateTest, AboveTheRateOneAnswerAndThenSilence) {
  EXPECT_EQ(flood("OPTIONS", 1000), 200) << "twice the rate after a pause";
  EXPECT_EQ(ask("OPTIONS", "x").verdict, Verdict::Silent) << "the answers have a limit as well";
  now += kSecond;
  EXPECT_EQ(flood("OPTIONS", 1000), 100);
  now += 10 * kSecond;
  for (int i = 0; i < 200; ++i)
    ask("OPTIONS", "y" + std::to_string(i));
  const auto over = ask("OPTIONS", "z");
  EXPECT_EQ(over.verdict, Verdict::TooMany);
  EXPECT_EQ(over.limit, Limit::Requests);
}

TEST_F(GateTest, ADialogThatStandsIsNeverHeldUp) {
  gate.dialogBegan("call");
  flood("OPTIONS", 1000);
  for (const char* method : {"BYE", "INFO", "INVITE", "UPDATE", "OPTIONS", "MESSAGE"}) {
    EXPECT_EQ(ask(method, "call", "10.0.0.1", true).verdict, Verdict::Pass) << method;
    EXPECT_EQ(ask(method, "call", "192.0.2.9", true).verdict, Verdict::Pass) << "from anywhere";
  }
  EXPECT_EQ(ask("ACK", "call").verdict, Verdict::Pass);
  EXPECT_EQ(ask("CANCEL", "call").verdict, Verdict::Pass);
  gate.dialogEnded("call");
  EXPECT_NE(ask("BYE", "call", "10.0.0.1", true).verdict, Verdict::Pass);
}

TEST_F(GateTest, ADialogsNameOpensNoDoorForNewOnes) {
  gate.dialogBegan("call");
  int passed = 0;
  for (int i = 0; i < 1000; ++i)
    passed +=
        ask("INVITE", "call", "10.0.0.1", false, "b" + std::to_string(i)).verdict == Verdict::Pass;
  EXPECT_LE(passed, 200);
}

TEST_F(GateTest, StrangersAreForbiddenAndCannotCrowdPeersOut) {
  EXPECT_EQ(ask("INVITE", "a", "192.0.2.1").verdict, Verdict::Forbidden);
  EXPECT_EQ(ask("OPTIONS", "b", "2001:db8::1").verdict, Verdict::Forbidden);
  for (int i = 0; i < 100000; ++i) {
    const std::string from =
        "192.0." + std::to_string(i / 250 % 250) + "." + std::to_string(i % 250);
    ask("INVITE", "s" + std::to_string(i), from);
  }
  const auto silent = ask("INVITE", "c", "198.51.100.1");
  EXPECT_EQ(silent.verdict, Verdict::Silent);
  EXPECT_EQ(silent.limit, Limit::Strangers);
  EXPECT_EQ(gate.sources(), 0U) << "nothing is kept of them";
  EXPECT_EQ(gate.setups(), 0U);
  EXPECT_EQ(ask("INVITE", "mine").verdict, Verdict::Pass);
}

TEST_F(GateTest, ASourceHasOnlySoManySetups) {
  EXPECT_EQ(flood("INVITE", 50), 50);
  const auto over = ask("INVITE", "one-more");
  EXPECT_EQ(over.verdict, Verdict::TooMany);
  EXPECT_EQ(over.limit, Limit::Setups);
  EXPECT_EQ(ask("OPTIONS", "o").verdict, Verdict::Pass) << "others are not concerned";
  EXPECT_EQ(ask("INVITE", "x", "10.0.0.2").verdict, Verdict::Pass) << "another source";
  EXPECT_EQ(ask("ACK", "INVITE10.0.0.10").verdict, Verdict::Pass);
  EXPECT_EQ(ask("INVITE", "room-again").verdict, Verdict::Pass);
  now += RequestGate::kSetupUs;
  EXPECT_EQ(flood("INVITE", 50), 50) << "what nobody acknowledged is forgotten";
}

TEST_F(GateTest, SetupsOfAllAreBounded) {
  limits.peerRequests = limits.allRequests = limits.peerSetups = 0;
  const int half = static_cast<int>(RequestGate::kMaxSetups / 2);
  EXPECT_EQ(flood("INVITE", half, "10.0.0.1") + flood("INVITE", half, "10.0.0.2"), 2 * half);
  EXPECT_EQ(ask("INVITE", "one-more", "10.0.0.3").limit, Limit::Setups);
  EXPECT_EQ(ask("ACK", "INVITE10.0.0.10").verdict, Verdict::Pass);
  EXPECT_EQ(ask("INVITE", "room-again", "10.0.0.3").verdict, Verdict::Pass);
}

TEST_F(GateTest, TheSameInviteAgainIsNoFurtherOne) {
  EXPECT_EQ(flood("INVITE", 49), 49);
  EXPECT_EQ(ask("INVITE", "mine").verdict, Verdict::Pass);
  for (int i = 0; i < 2000; ++i)
    ASSERT_EQ(ask("INVITE", "mine").verdict, Verdict::Pass);
  EXPECT_EQ(ask("CANCEL", "mine").verdict, Verdict::Pass);
}

TEST_F(GateTest, PeersHaveALimitTogether) {
  EXPECT_EQ(flood("OPTIONS", 1000, "10.0.0.1") + flood("OPTIONS", 1000, "10.0.0.2"), 300);
  EXPECT_EQ(ask("OPTIONS", "x", "10.0.0.3").limit, Limit::AllRequests);
}

TEST_F(GateTest, TheTableOfSourcesIsBounded) {
  limits.allRequests = 0;
  for (int i = 0; i < 100000; ++i)
    ask("OPTIONS", "o",
        "10." + std::to_string(i / 62500) + "." + std::to_string(i / 250 % 250) + "." +
            std::to_string(i % 250));
  EXPECT_LE(gate.sources(), RequestGate::kMaxSources);
}

TEST_F(GateTest, UnknownAcksAreDropped) {
  EXPECT_EQ(ask("ACK", "nobody").verdict, Verdict::Silent);
}

TEST_F(GateTest, ZeroIsNoLimit) {
  limits.peerRequests = limits.allRequests = limits.peerSetups = 0;
  EXPECT_EQ(flood("INVITE", 4000), 4000);
}

TEST(SipConnections, AreCountedBySourceAndInAll) {
  SipConnections connections;
  Config::Limits limits;
  limits.connections = 10;
  limits.peerConnections = 4;
  limits.strangerConnections = 2;
  const auto one = *IpAddress::parse("10.0.0.1");
  const auto two = *IpAddress::parse("10.0.0.2");
  const auto stranger = *IpAddress::parse("192.0.2.1");
  for (int fd = 1; fd <= 4; ++fd)
    EXPECT_EQ(connections.open(fd, one, true, limits, 0), nullptr);
  EXPECT_STREQ(connections.open(5, one, true, limits, 0), "limits.peer-connections");
  EXPECT_EQ(connections.open(6, stranger, false, limits, 0), nullptr);
  EXPECT_EQ(connections.open(7, stranger, false, limits, 0), nullptr);
  EXPECT_STREQ(connections.open(8, *IpAddress::parse("192.0.2.2"), false, limits, 0),
               "limits.stranger-connections");
  for (int fd = 11; fd <= 14; ++fd)
    EXPECT_EQ(connections.open(fd, two, true, limits, 0), nullptr);
  EXPECT_STREQ(connections.open(15, *IpAddress::parse("10.0.0.3"), true, limits, 0),
               "limits.connections");
  connections.closed(1);
  EXPECT_EQ(connections.open(1, one, true, limits, 0), nullptr);
  EXPECT_EQ(connections.size(), 10U);
}

TEST(SipConnections, IdleAndHalfOnesAreOverdue) {
  SipConnections connections;
  const Config::Limits limits{};
  const auto from = *IpAddress::parse("10.0.0.1");
  for (int fd = 1; fd <= 4; ++fd)
    static_cast<void>(connections.open(fd, from, true, limits, 0));
  const std::uint64_t held = connections.hold(2);
  connections.received(3, kSecond);
  connections.received(3, 9 * kSecond);
  EXPECT_TRUE(connections.overdue(11 * kSecond - 1).empty());
  EXPECT_EQ(connections.overdue(11 * kSecond), std::vector<int>{3}) << "bytes do not prolong it";
  connections.message(3, 11 * kSecond);
  connections.message(4, 30 * kSecond);
  EXPECT_EQ(connections.overdue(60 * kSecond), std::vector<int>{1});
  EXPECT_EQ(connections.overdue(90 * kSecond), (std::vector<int>{1, 3, 4}));
  connections.release(held);
  EXPECT_EQ(connections.overdue(90 * kSecond), (std::vector<int>{1, 2, 3, 4}));
  connections.closed(2);
  static_cast<void>(connections.open(2, from, true, limits, 90 * kSecond));
  connections.release(held);  // of the one before
  EXPECT_EQ(connections.overdue(100 * kSecond), (std::vector<int>{1, 3, 4}));
}

TEST(Networks, ContainAddressesOfBothFamilies) {
  Networks networks;
  for (const char* good : {"10.0.0.0/8", "192.0.2.7", "fd00::/8", "::1"})
    EXPECT_TRUE(networks.add(good)) << good;
  for (const char* bad : {"", "10.0.0.0/33", "10.0.0", "host", "fd00::/129", "10.0.0.0/-1", "/8"})
    EXPECT_FALSE(networks.add(bad)) << bad;
  for (const char* in : {"10.255.0.1", "192.0.2.7", "fdff::1", "::1", "::ffff:10.1.1.1"})
    EXPECT_TRUE(networks.contains(*IpAddress::parse(in))) << in;
  for (const char* out : {"11.0.0.1", "192.0.2.8", "fe80::1", "::2"})
    EXPECT_FALSE(networks.contains(*IpAddress::parse(out))) << out;
  EXPECT_EQ(IpAddress::parse("2001:db8:1:2:3:4:5:6")->source().text(), "2001:db8:1:2::");
}

}  // namespace
}  // namespace launcher
