// SPDX-License-Identifier: LGPL-2.1-or-later
//
// wss with a test CA: what is accepted, what is refused, and that one unverified connection opens
// no door for the next.
#include <algorithm>

#include <gtest/gtest.h>

#include "ChildProcess.hpp"
#include "RawEndpoint.hpp"
#include "SoupEndpoint.hpp"
#include "TempDir.hpp"
#include "TestCa.hpp"
#include "TestPipeline.hpp"

namespace {

using elementtest::TestPipeline;
using testsupport::CertificatePair;
using testsupport::SoupEndpoint;
using testsupport::TestCa;
using namespace std::chrono_literals;

const TestCa& ca() {
  static const TestCa instance;
  return instance;
}

SoupEndpoint::Options secured(const CertificatePair& pair) {
  SoupEndpoint::Options options;
  options.certFile = pair.certFile;
  options.keyFile = pair.keyFile;
  options.echo = true;
  return options;
}

std::string line(const std::string& uri, const std::string& more) {
  return "wsbridgesrc name=src uri=" + uri + " " + more + " ! fakesink sync=false async=false";
}

std::string trusting() {
  return "tls-ca-file=" + ca().caFile();
}

void expectOpen(const std::string& uri, const std::string& more) {
  TestPipeline pipeline(line(uri, more));
  pipeline.play();
  EXPECT_NE(pipeline.waitMessage("wsbridge-opened"), nullptr)
      << more << ": " << (pipeline.errors() > 0 ? pipeline.waitError()->text : "no error");
}

void expectRefused(const std::string& uri, const std::string& more, const char* word) {
  TestPipeline pipeline(line(uri, more));
  pipeline.play();
  const auto* error = pipeline.waitError();
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->field("kind"), "tls");
  EXPECT_EQ(error->code, GST_RESOURCE_ERROR_NOT_AUTHORIZED);
  EXPECT_NE(error->text.find(word), std::string::npos) << error->text;
  EXPECT_EQ(pipeline.messages("wsbridge-opened"), 0U);
}

TEST(Tls, AValidCertificate) {
  SoupEndpoint endpoint(secured(ca().valid()));
  expectOpen(endpoint.uri("/", "localhost"), trusting());
  expectOpen(endpoint.uri(), trusting());
}

TEST(Tls, AnAuthorityThatIsNotTrusted) {
  SoupEndpoint endpoint(secured(ca().valid()));
  expectRefused(endpoint.uri(), "", "not trusted");
}

TEST(Tls, SelfSigned) {
  SoupEndpoint endpoint(secured(ca().selfSigned()));
  expectRefused(endpoint.uri(), trusting(), "not trusted");
}

TEST(Tls, AnotherHost) {
  SoupEndpoint endpoint(secured(ca().wrongHost()));
  expectRefused(endpoint.uri(), trusting(), "another host");
}

TEST(Tls, Expired) {
  SoupEndpoint endpoint(secured(ca().expired()));
  expectRefused(endpoint.uri(), trusting(), "expired");
}

TEST(Tls, AVerifiedConnectionRightAfterAnUnverifiedOneIsStillVerified) {
  SoupEndpoint endpoint(secured(ca().selfSigned()));
  for (int round = 0; round < 3; ++round) {
    expectOpen(endpoint.uri(), "tls-verify=false");
    expectRefused(endpoint.uri(), trusting(), "not trusted");
  }
}

TEST(Tls, ResolvedAddressesKeepTheNameOfTheUri) {
  SoupEndpoint endpoint(secured(ca().valid()));
  const std::string port = std::to_string(endpoint.port());
  expectOpen("wss://bot.test.example:" + port + "/", trusting() + " resolved-addresses=127.0.0.1");
  expectRefused("wss://bot.other.example:" + port + "/",
                trusting() + " resolved-addresses=127.0.0.1", "another host");
}

TEST(Tls, AClientCertificate) {
  auto options = secured(ca().valid());
  options.clientCaFile = ca().caFile();
  SoupEndpoint endpoint(options);
  expectOpen(endpoint.uri(), trusting() + " tls-cert-file=" + ca().client().certFile +
                                 " tls-key-file=" + ca().client().keyFile);
  ASSERT_TRUE(endpoint.waitConnections(1, 5s));
  EXPECT_TRUE(endpoint.connection(1)->clientCertificate);
}

/// openssl's server with one version of TLS. It speaks HTTP, but not WebSocket.
class OneVersion {
 public:
  explicit OneVersion(const std::string& version)
      : port_(testsupport::freePort()),
        server_({"openssl", "s_server", "-accept", std::to_string(port_), "-cert",
                 ca().valid().certFile, "-key", ca().valid().keyFile, "-www", version, "-cipher",
                 "ALL:@SECLEVEL=0", "-alpn", "h2,http/1.1", "-tlsextdebug"}) {
    EXPECT_TRUE(server_.waitForLine("ACCEPT", 5s).has_value()) << server_.output();
  }
  /// The extensions of the hello, up to the protocol that it asks for.
  std::string heard() {
    EXPECT_TRUE(server_.waitForLine("http/1\\.1", 5s).has_value()) << server_.output();
    return server_.output();
  }
  /// What came of it.
  std::string kind(const std::string& more) {
    TestPipeline pipeline(
        line("wss://127.0.0.1:" + std::to_string(port_) + "/", trusting() + " " + more));
    pipeline.play();
    const auto* error = pipeline.waitError();
    return error != nullptr ? error->field("kind") : "none";
  }

 private:
  int port_;
  testsupport::ChildProcess server_;
};

TEST(Tls, HttpIsAskedForAndAnAddressIsNoServerName) {
  OneVersion server("-tls1_2");
  EXPECT_EQ(server.kind(""), "handshake");
  const std::string heard = server.heard();
  EXPECT_NE(heard.find("\"application layer protocol negotiation\""), std::string::npos) << heard;
  EXPECT_EQ(heard.find("server name"), std::string::npos) << heard;
}

TEST(Tls, Version11IsNotSpoken) {
  EXPECT_EQ(OneVersion("-tls1_1").kind(""), "tls");
}

TEST(Tls, TheOldestVersionIsASetting) {
  OneVersion old("-tls1_2");
  EXPECT_EQ(old.kind(""), "handshake") << "TLS is up";
  EXPECT_EQ(old.kind("tls-min-version=1.2"), "handshake");
  EXPECT_EQ(old.kind("tls-min-version=1.3"), "tls");
  OneVersion recent("-tls1_3");
  EXPECT_EQ(recent.kind("tls-min-version=1.3"), "handshake");
  EXPECT_EQ(recent.kind(""), "handshake");
}

TEST(Tls, AudioBothWaysAndAMinuteAtOnce) {
  auto options = secured(ca().valid());
  const std::string minute(16000 * 2 * 60, '\1');
  options.onOpen = [&](SoupEndpoint& endpoint, int id) { endpoint.sendBinary(id, minute); };
  SoupEndpoint endpoint(options);
  TestPipeline pipeline(
      "audiotestsrc is-live=true samplesperbuffer=320 ! audio/x-raw,rate=16000 ! wsbridgesink "
      "connection=tls name=sink uri=" +
      endpoint.uri() + " " + trusting() +
      " wsbridgesrc name=src connection=tls max-playout=5000 ! fakesink sync=false async=false");
  pipeline.play();
  ASSERT_TRUE(pipeline.waitUntil([&] { return pipeline.stat("src", "pauses") >= 1; }, 5s));
  ASSERT_TRUE(pipeline.waitUntil([&] { return pipeline.stat("src", "frames-sent") > 50; }, 5s));
  // Back-pressure ends and reading goes on: what waits in a decrypted TLS record is not forgotten.
  const uint64_t before = pipeline.stat("src", "bytes-received");
  EXPECT_TRUE(
      pipeline.waitUntil([&] { return pipeline.stat("src", "bytes-received") > before; }, 10s));
}

TEST(Tls, AMissingCaFileIsASettingsError) {
  TestPipeline pipeline(line("wss://127.0.0.1:1/", "tls-ca-file=/nonexistent.pem"));
  pipeline.play();
  const auto* error = pipeline.waitError();
  ASSERT_NE(error, nullptr);
}

/// How late the loop's own work has made a timer at the most.
std::chrono::nanoseconds worstOwnDelay(TestPipeline& pipeline, const std::string& element) {
  return std::chrono::nanoseconds(pipeline.stat(element, "loop-worst-own-delay"));
}

/// A file that takes long to read: 30 µs for each of them.
std::string authorities(const testsupport::TempDir& dir, int count) {
  std::string all;
  for (int i = 0; i < count; ++i)
    all += testsupport::readFile(ca().caFile());
  return dir.write("all.pem", all);
}

TEST(Tls, StoppingWhileTheAuthoritiesAreReadLeavesNothing) {
  const testsupport::TempDir dir("wsbridge-authorities");
  const std::string file = authorities(dir, 500);
  testsupport::RawEndpoint endpoint(
      [](testsupport::RawConnection& connection) { connection.waitPeerGone(10s); });
  for (size_t i = 1; i <= 5; ++i) {
    TestPipeline pipeline(line("wss" + endpoint.uri().substr(2), "tls-ca-file=" + file));
    pipeline.play();
    ASSERT_TRUE(endpoint.waitConnections(i, 5s));
    pipeline.stop();
    ASSERT_TRUE(endpoint.waitServed(i, 5s)) << "the socket is still open";
  }
}

TEST(Tls, ReadingManyAuthoritiesHoldsUpNobody) {
  const testsupport::TempDir dir("wsbridge-authorities");
  const std::string file = authorities(dir, 1500);
  SoupEndpoint secure(secured(ca().valid()));
  SoupEndpoint plain;
  const std::string shared = "context=authorities";
  TestPipeline ticking("wsbridgertpsrc name=loop " + shared +
                       " ! fakesink sync=false async=false " + line(plain.uri(), shared));
  ticking.play();
  ASSERT_NE(ticking.waitMessage("wsbridge-opened"), nullptr);
  auto longest = testsupport::Clock::duration::zero();
  for (int i = 0; i < 2; ++i) {
    const auto begun = testsupport::Clock::now();
    TestPipeline connecting(
        line(secure.uri(), "connect-timeout=60000 " + shared + " tls-ca-file=" + file));
    connecting.play();
    ASSERT_NE(connecting.waitMessage("wsbridge-opened", 60s), nullptr);
    longest = std::max(longest, testsupport::Clock::now() - begun);
    ASSERT_GT(longest, 15ms) << "the authorities are read in no time";
    EXPECT_LT(worstOwnDelay(ticking, "loop"), longest / 2);
  }
}

}  // namespace
