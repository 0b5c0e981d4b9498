// SPDX-License-Identifier: LGPL-2.1-or-later
//
// How a call's WebSocket is opened: several endpoints, retries.
#include <gtest/gtest.h>

#include "Phone.hpp"
#include "RawEndpoint.hpp"
#include "SoupEndpoint.hpp"

namespace e2e {
namespace {

using namespace std::chrono_literals;

std::string closedUri() {
  const RawEndpoint gone;
  return gone.uri();
}

class Handshake : public ::testing::Test {
 public:
  E2E_SHARED_GATEWAY(Gateway::Options{});
};

TEST_F(Handshake, TheSecondEndpointOfTheHeaderIsTakenWhenTheFirstRefuses) {
  const std::string closed = closedUri();
  SoupEndpoint second({.echo = true});
  Phone phone(*gateway);
  ASSERT_EQ(phone.call(closed + "," + second.uri("/second?token=x")), 200);
  EXPECT_TRUE(phone.hangUp());
  const auto end = gateway->waitEnd(phone.callId());
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ((*end)["endpoint"], second.uri("/second")) << "the one that answered";
  const auto failed = gateway->records("endpoint-failed");
  ASSERT_EQ(failed.size(), 1U);
  EXPECT_EQ(failed[0]["endpoint"], closed);
  EXPECT_EQ(failed[0]["kind"], "refused");
  EXPECT_NE(failed[0]["reason"], "");
  EXPECT_EQ(failed[0]["id"], (*end)["id"]);
}

TEST_F(Handshake, WhenNobodyAnswersTheLastOneDecidesTheStatus) {
  RawEndpoint silent(Misbehaviour::NeverAnswers);
  Gateway brief({.set = {{"websocket.connect-timeout", "800"}}});
  Phone refused(brief);
  EXPECT_EQ(refused.call(silent.uri() + "," + closedUri()), 502);
  Phone late(brief);
  EXPECT_EQ(late.call(closedUri() + "," + silent.uri()), 504);
  const auto end = brief.waitEnd(late.callId());
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ((*end)["reason"], "endpoint-timeout");
}

TEST_F(Handshake, OneForbiddenEndpointRefusesTheCallBeforeAnySocketIsOpened) {
  SoupEndpoint allowed;
  Phone phone(*gateway);
  EXPECT_EQ(phone.call(allowed.uri() + ",ws://169.254.169.254/"), 403);
  EXPECT_EQ(allowed.requests(), 0U);
  Phone bad(*gateway);
  EXPECT_EQ(bad.call(allowed.uri() + ",ws://"), 400);
}

TEST_F(Handshake, ANameThatDoesNotResolveLeavesTheOthers) {
  SoupEndpoint second;
  Gateway open({.set = {{"websocket.allow", "127.0.0.1;localhost"}}});
  Phone phone(open);
  const std::string port = std::to_string(second.port());
  ASSERT_EQ(phone.call("ws://no-such-host.invalid/,ws://localhost:" + port + "/"), 200);
  const auto failed = open.records("endpoint-failed");
  ASSERT_EQ(failed.size(), 1U);
  EXPECT_EQ(failed[0]["kind"], "resolve");
  Phone neither(open);
  EXPECT_EQ(neither.call("ws://no-such-host.invalid/,ws://none.invalid/"), 502);
  const auto end = open.waitEnd(neither.callId());
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ((*end)["reason"], "endpoint-unresolved");
}

TEST_F(Handshake, ConfigurationAndRoutesTakeSeveralToo) {
  SoupEndpoint endpoint;
  const std::string closed = closedUri();
  Gateway configured({.set = {{"websocket.uri", closed + ", " + endpoint.uri("/default")}},
                      .sections = "[route r]\nmatch=^sip:support@\nuri=" + closed + "," +
                                  endpoint.uri("/support") + "\n"});
  Phone phone(configured);
  EXPECT_EQ(phone.call(""), 200);
  EXPECT_TRUE(endpoint.waitPath("/default", 5s).has_value());
  Phone support(configured, {.user = "support"});
  EXPECT_EQ(support.call(""), 200);
  EXPECT_TRUE(endpoint.waitPath("/support", 5s).has_value());
}

TEST_F(Handshake, AnEndpointThatIsBusyForAMomentIsTriedAgain) {
  std::atomic<int> number{0};
  RawEndpoint endpoint([&](RawConnection& connection) {
    if (++number <= 2) {
      connection.readRequest();
      connection.write("HTTP/1.1 503 Service Unavailable\r\n\r\n");
    } else if (connection.acceptHandshake()) {
      connection.hold();
    }
  });
  Gateway patient({.set = {{"websocket.connect-retries", "5"}}});
  Phone phone(patient);
  EXPECT_EQ(phone.call(endpoint.uri()), 200);
  EXPECT_EQ(number, 3);
  EXPECT_EQ(patient.records("endpoint-failed").size(), 2U);
}

TEST_F(Handshake, AfterABreakTheFallbackTakesTheCallOver) {
  Gateway patient({.set = {{"websocket.reconnect-time", "400"}}});
  auto first = std::make_unique<SoupEndpoint>();
  SoupEndpoint second;
  Phone phone(patient);
  ASSERT_EQ(phone.call(first->uri() + "," + second.uri("/fallback")), 200);
  EXPECT_EQ(second.requests(), 0U);
  first->close(1, 1011);
  first.reset();
  ASSERT_TRUE(second.waitTexts(1, 1, 5s));
  EXPECT_NE(second.connection(1)->texts()[0].find(R"("resumption":1)"), std::string::npos);
  second.close(1, 1011);
  EXPECT_TRUE(second.waitConnections(2, 5s)) << "the one in use is the first to be tried again";
  EXPECT_TRUE(phone.hangUp());
  const auto end = patient.waitEnd(phone.callId());
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ((*end)["reason"], "caller-hangup");
  EXPECT_EQ((*end)["endpoint"], second.uri("/fallback"));
}

TEST_F(Handshake, AfterABreakWithNobodyLeftTheCallerGetsAByeWithTheReason) {
  Gateway patient({.set = {{"websocket.reconnect-time", "300"}}});
  auto first = std::make_unique<SoupEndpoint>();
  const std::string closed = closedUri();
  Phone phone(patient);
  ASSERT_EQ(phone.call(first->uri() + "," + closed), 200);
  first->close(1, 1011);
  first.reset();
  const auto bye = phone.sip().waitRequest("BYE", 10s);
  ASSERT_TRUE(bye.has_value());
  EXPECT_NE(bye->header("Reason").find("502"), std::string::npos) << bye->header("Reason");
  const auto end = patient.waitEnd(phone.callId());
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ((*end)["reason"], "endpoint-refused");
}

}  // namespace
}  // namespace e2e
