// SPDX-License-Identifier: LGPL-2.1-or-later
// wss endpoints with good and bad certificates.
#include <gtest/gtest.h>

#include "Phone.hpp"
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
