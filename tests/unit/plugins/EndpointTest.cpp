// SPDX-License-Identifier: LGPL-2.1-or-later
#include <string>
#include <variant>

#include <gtest/gtest.h>

#include "WsFrame.hpp"
#include "connect/Endpoint.hpp"

namespace {

using namespace wsbridge;

Endpoint good(const std::string& uri) {
  auto parsed = Endpoint::parse(uri);
  if (!parsed) ADD_FAILURE() << uri << ": " << parsed.error();
  return parsed ? *parsed : Endpoint{};
}

TEST(Endpoint, SchemesAndPorts) {
  EXPECT_EQ(good("ws://host").port, 80);
  EXPECT_EQ(good("wss://host").port, 443);
  EXPECT_EQ(good("HTTP://host/x").tls, false);
  EXPECT_EQ(good("https://host:8443/x").tls, true);
  EXPECT_EQ(good("https://host:8443/x").port, 8443);
}

TEST(Endpoint, AColonInAHostStandsInAddressesOnly) {
  EXPECT_FALSE(Endpoint::parse("ws://a%3a31/"));
  EXPECT_EQ(good("ws://[::1]:81/").host, "::1");
}

TEST(Endpoint, HostHeaderHasThePortWhenItIsNotTheDefault) {
  EXPECT_EQ(good("ws://host:80/").hostHeader(), "host");
  EXPECT_EQ(good("ws://host:443/").hostHeader(), "host:443");
  EXPECT_EQ(good("wss://[2001:db8::1]:9000/a").hostHeader(), "[2001:db8::1]:9000");
}

TEST(Endpoint, TargetIsNeverEmptyOrDoubled) {
  EXPECT_EQ(good("ws://host").target, "/");
  EXPECT_EQ(good("ws://host?x=1").target, "/?x=1");
  EXPECT_EQ(good("ws://host/a%20b?c=%26#frag").target, "/a%20b?c=%26");
}

TEST(Endpoint, UserInfoBecomesAuthorizationAndIsNeverShown) {
  const Endpoint endpoint = good("wss://user:se%3Acret@host/path?token=hidden");
  EXPECT_EQ(endpoint.authorization, "Basic dXNlcjpzZTpjcmV0");
  EXPECT_EQ(endpoint.shown, "wss://host/path");
}

TEST(Endpoint, ThePercentEncodedHostCannotSplitTheRequest) {
  for (const char* uri : {"ws://a%0d%0aX-Evil%3a%20yes/p", "ws://a%20b/", "ws://a%2fb/",
                          "ws://a%40b/", "ws://a%09b/"}) {
    EXPECT_FALSE(Endpoint::parse(uri)) << uri;
  }
}

TEST(Endpoint, FaultsDoNotRepeatWhatMayBeAPassword) {
  const auto parsed = Endpoint::parse("ws://user:s3cret/x@host/");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().find("s3cret"), std::string::npos);
}

TEST(Endpoint, FaultsNameTheRemedy) {
  for (const char* uri : {"", "host", "ftp://host/", "ws://", "ws:///path", "ws://host:99999/",
                          "ws://ho st/", "ws://h/%zz"}) {
    EXPECT_FALSE(Endpoint::parse(uri)) << uri;
  }
}

std::string answerFor(const std::string& key, const std::string& more = "",
                      const std::string& first = "HTTP/1.1 101 Switching Protocols") {
  return first +
         "\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Accept: " +
         testsupport::acceptKey(key) + "\r\n" + more + "\r\n";
}

std::string faultOf(const std::string& head, const std::string& key) {
  const HandshakeRequest request{{"WSBRIDGE", "other"}, "", {}};
  auto answer = readHandshakeAnswer(head, request, key);
  return answer ? "" : answer.error().text;
}

TEST(Handshake, RequestHasEverythingInOrder) {
  const HandshakeRequest request{{"WSBRIDGE", "b"}, "Bearer x", {{"X-One", "1"}}};
  EXPECT_EQ(
      handshakeText(good("ws://host:8080/a?b=c"), request, "KEY"),
      "GET /a?b=c HTTP/1.1\r\nHost: host:8080\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: KEY\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: WSBRIDGE, "
      "b\r\n"
      "Authorization: Bearer x\r\nX-One: 1\r\n\r\n");
}

TEST(Handshake, AcceptsAnAnswerWithAndWithoutASubprotocol) {
  const std::string key = makeHandshakeKey();
  EXPECT_EQ(faultOf(answerFor(key), key), "");
  EXPECT_EQ(faultOf(answerFor(key, "Sec-WebSocket-Protocol: other\r\n"), key), "");
}

TEST(Handshake, RefusesWhatRfc6455Refuses) {
  const std::string key = makeHandshakeKey();
  EXPECT_NE(faultOf(answerFor("another"), key), "");
  EXPECT_NE(faultOf(answerFor(key, "Sec-WebSocket-Protocol: unasked\r\n"), key), "");
  EXPECT_NE(faultOf(answerFor(key, "Sec-WebSocket-Extensions: permessage-deflate\r\n"), key), "");
  EXPECT_NE(faultOf("HTTP/1.1 101 X\r\nConnection: Upgrade\r\n\r\n", key), "");
  EXPECT_NE(faultOf("garbage\r\n\r\n", key), "");
}

TEST(Handshake, TheStatusIsToldWithAHint) {
  const std::string key = makeHandshakeKey();
  const auto answer = readHandshakeAnswer("HTTP/1.1 401 Unauthorized\r\n\r\n", {}, key);
  ASSERT_FALSE(answer);
  const Failure& failure = answer.error();
  EXPECT_EQ(failure.http_status, 401U);
  EXPECT_EQ(failure.kind, FailureKind::Handshake);
  EXPECT_NE(failure.text.find("authorization"), std::string::npos);
}

TEST(Handshake, HeadersThatCouldSplitTheRequestAreRefused) {
  EXPECT_TRUE(faultInHeader("X", "a\r\nY: b"));
  EXPECT_TRUE(faultInHeader("X Y", "a"));
  EXPECT_TRUE(faultInHeader("", "a"));
  EXPECT_FALSE(faultInHeader("X-Y", "Bearer a b\tc"));
}

}  // namespace
