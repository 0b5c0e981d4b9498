// SPDX-License-Identifier: LGPL-2.1-or-later
// wss endpoints with good and bad certificates.
#include <gtest/gtest.h>

#include "Phone.hpp"
#include "RawEndpoint.hpp"
#include "SoupEndpoint.hpp"
#include "TestCa.hpp"

namespace e2e {
namespace {

class Tls : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    ca = std::make_unique<TestCa>();
    gateway = std::make_unique<Gateway>(
        Gateway::Options{.set = {{"websocket.tls-ca-file", ca->caFile()},
                                 {"websocket.allow", "127.0.0.1;localhost"}}});
  }
  static void TearDownTestSuite() {
    gateway.reset();
    ca.reset();
  }

  static int callTo(const Gateway& at, const CertificatePair& pair,
                    const std::string& host = "localhost") {
    SoupEndpoint endpoint({.certFile = pair.certFile, .keyFile = pair.keyFile, .echo = true});
    Phone phone(at, {.codecs = {"L16/16000"}});
    const int status = phone.call(endpoint.uri("/tls", host));
    if (status != 200) {
      EXPECT_EQ(endpoint.count(), 0U);
      return status;
    }
    const Samples spoken = syllables(16000, 1);
    phone.rtp().play(spoken);
    EXPECT_TRUE(phone.rtp().waitReceived(50 + 20 * kTimeScale, 5s));
    EXPECT_GE(shareFound(slice(spoken, 1600, 12800), phone.rtp().decoded(), 3200, 0.99), 0.5);
    EXPECT_TRUE(phone.hangUp());
    EXPECT_TRUE(endpoint.waitClosed(1, 5s));
    EXPECT_EQ(endpoint.connection(1)->closeCode, 1000U);
    return status;
  }

  inline static std::unique_ptr<TestCa> ca;
  inline static std::unique_ptr<Gateway> gateway;
};

TEST_F(Tls, ValidCertificateIsAcceptedByNameAndAddress) {
  EXPECT_EQ(callTo(*gateway, ca->valid()), 200);
  EXPECT_EQ(callTo(*gateway, ca->valid(), "127.0.0.1"), 200);
}

TEST_F(Tls, BadCertificatesAre502) {
  EXPECT_EQ(callTo(*gateway, ca->selfSigned()), 502);
  EXPECT_EQ(callTo(*gateway, ca->wrongHost()), 502);
  EXPECT_EQ(callTo(*gateway, ca->expired()), 502);
}

TEST_F(Tls, UnknownAuthorityIs502) {
  Gateway untrusting({.set = {{"websocket.allow", "127.0.0.1;localhost"}}});
  EXPECT_EQ(callTo(untrusting, ca->valid()), 502);
}

TEST_F(Tls, VerificationCanBeSwitchedOff) {
  Gateway lax(
      {.set = {{"websocket.tls-verify", "false"}, {"websocket.allow", "127.0.0.1;localhost"}}});
  EXPECT_EQ(callTo(lax, ca->selfSigned()), 200);
  EXPECT_EQ(callTo(lax, ca->expired()), 200);
}

// Peers that accept and say nothing hold up nobody, and are given up soon.
TEST_F(Tls, ManySilentPeersDelayNoGoodCall) {
  constexpr size_t kSilent = 150;  // 1024 descriptors have room for some more
  RawEndpoint silent(Misbehaviour::NeverAnswers);
  SoupEndpoint good({.certFile = ca->valid().certFile, .keyFile = ca->valid().keyFile});
  const std::string uri = "wss://127.0.0.1:" + std::to_string(silent.port()) + "/";
  std::vector<std::unique_ptr<SipCaller>> callers;
  for (size_t i = 0; i < kSilent; ++i) {
    callers.push_back(std::make_unique<SipCaller>(SipCaller::Options{.port = gateway->udpPort()}));
    callers.back()->invite({.headers = {{kUriHeader, percentEncode(uri)}},
                            .sdp = makeSdp(40'000, {"PCMU"}, 20),
                            .requestUri = {}});
  }
  ASSERT_TRUE(silent.waitConnections(kSilent, 20s)) << silent.connections();
  const int threads = gateway->process().usage().threads;
  const auto began = Clock::now();
  Phone phone(*gateway);
  EXPECT_EQ(phone.call(good.uri("/", "localhost")), 200);
  const double took = millisBetween(began, Clock::now());
  std::printf("answered after %.0f ms, %d threads\n", took, threads);
  EXPECT_LT(took, 1000 * kTimeScale);
  EXPECT_LT(threads, 40) << "one for each silent peer";
  for (const auto& caller : callers) {
    const auto answer = caller->waitFinal(8s);
    ASSERT_TRUE(answer.has_value());
    EXPECT_GE(answer->status, 500);
  }
  EXPECT_TRUE(phone.hangUp());
}

TEST_F(Tls, OneSilentPeerIsGivenUpAfterThreeSeconds) {
  RawEndpoint silent(Misbehaviour::NeverAnswers);
  const auto began = Clock::now();
  Phone phone(*gateway);
  EXPECT_EQ(phone.call("wss://127.0.0.1:" + std::to_string(silent.port()) + "/"), 504);
  EXPECT_GE(millisBetween(began, Clock::now()), 2900);
  EXPECT_LT(millisBetween(began, Clock::now()), 4000 * kTimeScale);
  const auto end = gateway->waitEnd(phone.callId());
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ((*end)["reason"], "endpoint-timeout");
}

TEST_F(Tls, ClientCertificateIsPresented) {
  SoupEndpoint endpoint({.certFile = ca->valid().certFile,
                         .keyFile = ca->valid().keyFile,
                         .clientCaFile = ca->caFile()});
  Phone without(*gateway);
  EXPECT_EQ(without.call(endpoint.uri("/", "localhost")), 502);
  Gateway known({.set = {{"websocket.tls-ca-file", ca->caFile()},
                         {"websocket.tls-cert-file", ca->client().certFile},
                         {"websocket.tls-key-file", ca->client().keyFile},
                         {"websocket.credentials-for", "localhost"},
                         {"websocket.allow", "127.0.0.1;localhost"}}});
  Phone with(known);
  EXPECT_EQ(with.call(endpoint.uri("/", "localhost")), 200);
  ASSERT_TRUE(endpoint.waitConnections(1, 5s));
  const auto record = endpoint.connection(1);
  ASSERT_TRUE(record.has_value());
  EXPECT_TRUE(record->clientCertificate);
}

}  // namespace
}  // namespace e2e
