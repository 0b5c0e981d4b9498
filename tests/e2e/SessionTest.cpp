// SPDX-License-Identifier: LGPL-2.1-or-later
// Session timers (RFC 4028), the ACK timer, and messages whose targets the stack must never keep.
// What takes half a minute or more runs side by side in one test.
#include <algorithm>
#include <future>
#include <set>

#include <gtest/gtest.h>

#include "Phone.hpp"
#include "SoupEndpoint.hpp"
#include "Stranger.hpp"

namespace e2e {
namespace {

class Session : public ::testing::Test {
 protected:
  // Nobody sends RTP here.
  E2E_SHARED_GATEWAY((Gateway::Options{.set = {{"limits.media-timeout", "0"}}}));
  SoupEndpoint endpoint_{{.echo = true}};
};

SipHeaders wants(const std::string& expires) {
  return {{"Supported", "timer"}, {"Session-Expires", expires}};
}

TEST_F(Session, TheIntervalIsNegotiated) {
  struct Case {
    SipHeaders headers;
    int status;
    std::string expires;
    std::string require;
  };
  const std::vector<Case> cases = {
      {wants("1800"), 200, "1800;refresher=uac", "timer"},
      {wants("90;refresher=uas"), 200, "90;refresher=uas", ""},
      {{{"k", "timer"}, {"x", "200;refresher=uac"}}, 200, "200;refresher=uac", "timer"},
      {{{"Require", "timer"}, {"Session-Expires", "300"}}, 200, "300;refresher=uac", "timer"},
      {{{"Session-Expires", "60"}}, 200, "60;refresher=uas", ""},
      {{{"Supported", "timer"}}, 200, "", ""},
      {wants("89"), 422, "", ""},
      {wants("soon"), 400, "", ""},
  };
  for (const Case& one : cases) {
    Phone phone(*gateway);
    EXPECT_EQ(phone.call(endpoint_.uri(), one.headers), one.status);
    const auto final = phone.sip().waitFinal(0ms);
    ASSERT_TRUE(final.has_value());
    EXPECT_EQ(final->header("Session-Expires"), one.expires);
    EXPECT_EQ(final->header("Require"), one.require);
    EXPECT_EQ(final->header("Min-SE"), one.status == 422 ? "90" : "");
    if (one.status == 400) {
      EXPECT_NE(final->header("Warning").find("Session-Expires"), std::string::npos);
    }
    EXPECT_EQ(phone.hangUp(), one.status == 200);
  }
}

TEST_F(Session, ReInviteAndUpdateAreHeldToTheSame) {
  Phone phone(*gateway);
  ASSERT_EQ(phone.call(endpoint_.uri(), wants("1800")), 200);
  const auto update = phone.sip().request("UPDATE", wants("600;refresher=uac"), "", "");
  ASSERT_TRUE(update.has_value());
  EXPECT_EQ(update->status, 200);
  EXPECT_EQ(update->header("Session-Expires"), "600;refresher=uac");
  const auto brief = phone.sip().request("UPDATE", wants("30"), "", "");
  ASSERT_TRUE(brief.has_value());
  EXPECT_EQ(brief->status, 422);
  EXPECT_EQ(brief->header("Min-SE"), "90");
  const auto bad = phone.sip().request("UPDATE", {{"Contact", "<tel:+4930>"}}, "", "");
  ASSERT_TRUE(bad.has_value());
  EXPECT_EQ(bad->status, 400);
  EXPECT_TRUE(phone.hangUp()) << "the dialog goes on";
}

TEST_F(Session, SipsOverUdpIsAnUnsupportedScheme) {
  Phone phone(*gateway);
  phone.sip().invite({.headers = {{kUriHeader, percentEncode(endpoint_.uri())}},
                      .sdp = phone.offer(),
                      .requestUri = "sips:x@127.0.0.1:" + std::to_string(gateway->udpPort())});
  EXPECT_EQ(phone.waitAnswer(), 416);
}

/// A connection to the SIP port that falls silent after an answer; how long after it the gateway
/// closes it, or -1 ms.
Millis timeUntilClosed(int port) {
  const Line idle(port);
  idle.say(Strange{.method = "OPTIONS", .id = "idle", .via = "SIP/2.0/TCP 127.0.0.1:9"}.text());
  bool closed = false;
  if (!idle.hearSome(5s, &closed).starts_with("SIP/2.0 200")) return Millis(-1);
  const auto silent = Clock::now();
  idle.hear(90s, &closed);
  return closed ? std::chrono::duration_cast<Millis>(Clock::now() - silent) : Millis(-1);
}

// --- By the clock: all at once.

TEST_F(Session, ByTheClock) {
  // A call by TCP, after whose ACK nothing is said on its connection, and one without a dialog.
  Phone held(*gateway, {.tcp = true});
  ASSERT_EQ(held.call(endpoint_.uri()), 200);
  auto idle = std::async(std::launch::async, timeUntilClosed, gateway->tcpPort());
  // Nobody acknowledges these; the stack tries to send a BYE to each that was answered.
  const std::vector<std::string>& targets = badTargets().lines;
  SipCaller stranger({.port = gateway->udpPort()});
  Phone offers(*gateway);
  for (size_t i = 0; i < targets.size(); ++i) {
    const Strange invite{
        .id = "strange-" + std::to_string(i),
        .headers = targets[i] + kUriHeader + ": " + percentEncode(endpoint_.uri()) + "\r\n",
        .body = offers.offer()};
    stranger.sendRaw(invite.text());
  }
  // Meanwhile four calls with timers of their own.
  Phone::Options knowsUpdate;
  knowsUpdate.allow = "INVITE, ACK, BYE, CANCEL, UPDATE";
  Phone updated(*gateway, knowsUpdate);
  ASSERT_EQ(updated.call(endpoint_.uri(), {{"Session-Expires", "40"}}), 200);
  Phone declines(*gateway, knowsUpdate);
  declines.sip().answerWith("UPDATE", 491, "Request Pending");
  ASSERT_EQ(declines.call(endpoint_.uri(), {{"Session-Expires", "20"}}), 200);
  Phone reinvited(*gateway);
  ASSERT_EQ(reinvited.call(endpoint_.uri(), {{"Session-Expires", "40"}}), 200);
  Phone silent(*gateway);  // has promised to refresh, and does not
  ASSERT_EQ(silent.call(endpoint_.uri(), wants("90;refresher=uac")), 200);

  // After half of the interval.
  const auto invite = reinvited.sip().waitRequest("INVITE", 30s);
  ASSERT_TRUE(invite.has_value());
  EXPECT_EQ(invite->header("Session-Expires"), "40;refresher=uac");
  EXPECT_NE(invite->body.find("m=audio"), std::string::npos) << "with the last description";
  reinvited.sip().respond(*invite, 200, "OK", reinvited.offer());
  ASSERT_TRUE(reinvited.sip().waitRequest("ACK", 5s).has_value());
  const auto update = updated.sip().waitRequest("UPDATE", 30s);
  ASSERT_TRUE(update.has_value());
  EXPECT_EQ(update->header("Session-Expires"), "40;refresher=uac");
  EXPECT_TRUE(update->body.empty());

  // The one that always says 491 is asked again and again, and hung up in time.
  const auto bye = declines.sip().waitRequest("BYE", 30s);
  ASSERT_TRUE(bye.has_value());
  EXPECT_NE(bye->header("Reason").find("cause=408"), std::string::npos) << bye->header("Reason");
  EXPECT_GE(declines.sip().requests("UPDATE").size(), 3U);
  EXPECT_EQ((*gateway->waitEnd(declines.callId()))["reason"], "session-expired");

  // What was answered ends as not acknowledged, and the gateway lives.
  for (size_t i = 0; i < targets.size(); ++i) {
    const std::string id = "strange-" + std::to_string(i);
    std::set<int> statuses;
    for (const SipMessage& answer : stranger.responses("INVITE")) {
      if (answer.header("Call-ID") == id) statuses.insert(answer.status);
    }
    if (i < badTargets().refused) {
      EXPECT_EQ(statuses, std::set<int>{400}) << targets[i];
    } else {
      const auto end = gateway->waitEnd(id, 40s);
      ASSERT_TRUE(end.has_value()) << targets[i];
      EXPECT_EQ((*end)["reason"], "ack-timeout") << targets[i];
    }
  }
  const auto late = silent.sip().waitRequest("BYE", 75s);
  ASSERT_TRUE(late.has_value());
  EXPECT_NE(late->header("Reason").find("cause=408"), std::string::npos);
  EXPECT_EQ((*gateway->waitEnd(silent.callId()))["reason"], "session-expired");

  // A minute, and up to a second until that is looked at.
  const Millis open = idle.get();
  EXPECT_GE(open, 60s - 100ms);
  EXPECT_LT(open, stretched(64s));
  EXPECT_TRUE(held.sip().requests("BYE").empty());
  EXPECT_TRUE(held.hangUp()) << "the connection of a dialog is there until its end";
  EXPECT_EQ((*gateway->waitEnd(held.callId()))["reason"], "caller-hangup");

  // Refreshed in time, both of these are still there, and so is the gateway.
  EXPECT_TRUE(updated.sip().requests("BYE").empty());
  EXPECT_TRUE(updated.hangUp());
  Phone phone(*gateway);
  EXPECT_EQ(phone.call(endpoint_.uri()), 200);
}

}  // namespace
}  // namespace e2e
