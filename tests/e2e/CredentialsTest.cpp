// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Which endpoints get the credentials of the configuration, and what is told of those that do not.
#include <gtest/gtest.h>

#include "ConnectProxy.hpp"
#include "Phone.hpp"
#include "SoupEndpoint.hpp"
#include "TestCa.hpp"

namespace e2e {
namespace {

using namespace std::chrono_literals;

constexpr const char* kProving[] = {"Authorization", "X-Wsbridge-Signature", "X-Wsbridge-Timestamp",
                                    "X-Twilio-Signature"};

EndpointConnection opened(const SoupEndpoint& endpoint, const std::string& path) {
  const auto id = endpoint.waitPath(path, 5s);
  EXPECT_TRUE(id.has_value()) << path;
  return id ? endpoint.connection(*id).value_or(EndpointConnection{}) : EndpointConnection{};
}

Gateway::Options proving(const std::string& uri, const std::string& credentialsFor = "") {
  return {.set = {{"websocket.uri", uri},
                  {"websocket.credentials-for", credentialsFor},
                  {"websocket.allow", "127.0.0.1;localhost"},
                  {"websocket.dialect", "twilio"},
                  {"websocket.authorization", "Bearer operators"},
                  {"websocket.signature-key", "k"},
                  {"websocket.twilio-auth-token", "t"}},
          .sections = "[route r]\nmatch=^sip:routed@\nauthorization=Bearer route\n"};
}

TEST(Credentials, GoToTheConfiguredUriAndNotToTheOneOfAnInvite) {
  SoupEndpoint endpoint({.protocol = ""});
  Gateway gateway(proving(endpoint.uri("/configured")));
  Phone configured(gateway);
  ASSERT_EQ(configured.call(""), 200);
  const EndpointConnection ours = opened(endpoint, "/configured");
  for (const char* name : kProving)
    EXPECT_TRUE(ours.hasHeader(name)) << name;
  EXPECT_TRUE(gateway.records("credentials-withheld").empty());

  for (const std::string user : {"bridge", "routed"}) {
    Phone named(gateway, {.user = user});
    ASSERT_EQ(named.call(endpoint.uri("/named-" + user)), 200) << "the call itself goes on";
    const EndpointConnection theirs = opened(endpoint, "/named-" + user);
    for (const char* name : kProving)
      EXPECT_FALSE(theirs.hasHeader(name)) << user << " " << name << ": " << theirs.header(name);
  }
  const auto told = gateway.records("credentials-withheld");
  ASSERT_GE(told.size(), 1U);
  EXPECT_EQ(told[0]["keys"], "authorization, signature-key, twilio-auth-token");
  EXPECT_EQ(told[0]["endpoint"], endpoint.uri("/named-bridge"));
}

TEST(Credentials, OfAListOnlyTheHostsThatAreNamedGetThem) {
  SoupEndpoint stranger({.rejectStatus = 503});
  SoupEndpoint trusted({.protocol = ""});
  Gateway gateway(proving("", "LOCALHOST"));
  Phone phone(gateway);
  ASSERT_EQ(phone.call(stranger.uri("/a") + "," + trusted.uri("/b", "localhost")), 200);
  const EndpointConnection record = opened(trusted, "/b");
  for (const char* name : kProving)
    EXPECT_TRUE(record.hasHeader(name)) << name;
  const auto told = gateway.records("credentials-withheld");
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0]["endpoint"], stranger.uri("/a"));
}

TEST(Credentials, AfterABreakTheFallbackGetsNoMoreThanBefore) {
  Gateway::Options options = proving("", "localhost");
  options.set["websocket.reconnect-time"] = "300";
  Gateway gateway(options);
  auto trusted = std::make_unique<SoupEndpoint>(SoupEndpoint::Options{.protocol = ""});
  SoupEndpoint stranger({.protocol = ""});
  Phone phone(gateway);
  ASSERT_EQ(phone.call(trusted->uri("/a", "localhost") + "," + stranger.uri("/b")), 200);
  EXPECT_TRUE(opened(*trusted, "/a").hasHeader("Authorization"));
  trusted->close(1, 1011);
  trusted.reset();
  const EndpointConnection record = opened(stranger, "/b");
  for (const char* name : kProving)
    EXPECT_FALSE(record.hasHeader(name)) << name;
}

TEST(Credentials, AnInvitesOwnAuthorizationGoesWhereItsCallGoes) {
  SoupEndpoint endpoint({.protocol = ""});
  Gateway gateway(proving(endpoint.uri("/configured")));
  const SipHeaders own = {{kAuthorizationHeader, "Bearer%20own"}};
  Phone named(gateway);
  ASSERT_EQ(named.call(endpoint.uri("/named"), own), 200);
  const EndpointConnection theirs = opened(endpoint, "/named");
  EXPECT_EQ(theirs.header("Authorization"), "Bearer own");
  EXPECT_FALSE(theirs.hasHeader("X-Wsbridge-Signature"));
  Phone configured(gateway);
  ASSERT_EQ(configured.call("", own), 200);
  EXPECT_EQ(opened(endpoint, "/configured").header("Authorization"), "Bearer own");
}

TEST(Credentials, TheProxysUserIsGivenForConfiguredEndpointsAlone) {
  SoupEndpoint endpoint;
  ConnectProxy proxy({.credentials = "user:s3cret"});
  Gateway gateway({.set = {{"websocket.proxy", proxy.uri("user:s3cret")},
                           {"websocket.uri", endpoint.uri("/configured")}}});
  Phone configured(gateway);
  EXPECT_EQ(configured.call(""), 200);
  Phone named(gateway);
  EXPECT_EQ(named.call(endpoint.uri("/named")), 502) << "this proxy wants a user";
  ConnectProxy open;
  Gateway lax({.set = {{"websocket.proxy", open.uri("user:s3cret")}}});
  Phone through(lax);
  EXPECT_EQ(through.call(endpoint.uri("/through")), 200) << "without a user, still by the proxy";
  EXPECT_EQ(open.targets().size(), 1U);
}

TEST(Credentials, TheClientCertificateIsNotShownToAnEndpointOfAnInvite) {
  const TestCa ca;
  SoupEndpoint endpoint({.certFile = ca.valid().certFile,
                         .keyFile = ca.valid().keyFile,
                         .clientCaFile = ca.caFile()});
  Gateway gateway({.set = {{"websocket.tls-ca-file", ca.caFile()},
                           {"websocket.tls-cert-file", ca.client().certFile},
                           {"websocket.tls-key-file", ca.client().keyFile},
                           {"websocket.uri", endpoint.uri("/configured", "localhost")},
                           {"websocket.allow", "127.0.0.1;localhost"}}});
  Phone configured(gateway);
  ASSERT_EQ(configured.call(""), 200);
  EXPECT_TRUE(opened(endpoint, "/configured").clientCertificate);
  // A TLS session that was opened with the certificate must not be taken up again either.
  Phone named(gateway);
  EXPECT_EQ(named.call(endpoint.uri("/named", "localhost")), 502);
}

// Many callers at once make one line a second, with their number.
TEST(Credentials, WhatIsHeldBackIsToldOnceASecond) {
  SoupEndpoint endpoint({.protocol = ""});
  Gateway gateway(proving(""));
  const auto begin = Clock::now();
  for (int i = 0; i < 5; ++i) {
    Phone phone(gateway);
    ASSERT_EQ(phone.call(endpoint.uri("/" + std::to_string(i))), 200);
  }
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - begin).count();
  const auto told = gateway.records("credentials-withheld");
  EXPECT_GE(told.size(), 1U);
  EXPECT_LE(told.size(), static_cast<size_t>(seconds) + 2);
}

}  // namespace
}  // namespace e2e
