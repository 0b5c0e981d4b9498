// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Several endpoints, retries, and what a break in mid-call does with them.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "ChildProcess.hpp"
#include "ConnectProxy.hpp"
#include "RawEndpoint.hpp"
#include "SoupEndpoint.hpp"
#include "TempDir.hpp"
#include "TestCa.hpp"
#include "TestPipeline.hpp"

namespace {

using elementtest::TestPipeline;
using testsupport::Clock;
using testsupport::ConnectProxy;
using testsupport::Misbehaviour;
using testsupport::RawConnection;
using testsupport::RawEndpoint;
using testsupport::SoupEndpoint;
using namespace std::chrono_literals;

/// A port that nobody listens on, kept for as long as this lives.
class ClosedPort {
 public:
  ClosedPort() : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    socklen_t size = sizeof address;
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  ~ClosedPort() { ::close(fd_); }
  ClosedPort(const ClosedPort&) = delete;
  ClosedPort& operator=(const ClosedPort&) = delete;

  [[nodiscard]] std::string uri() const {
    return "ws://127.0.0.1:" + std::to_string(port_) + "/closed";
  }

 private:
  int fd_;
  int port_ = 0;
};

std::string line(const std::string& uri, const std::vector<std::string>& fallbacks,
                 const std::string& more = "") {
  std::string list;
  for (const std::string& fallback : fallbacks)
    list += (list.empty() ? "" : ",") + ("\\\"" + fallback + "\\\"");
  return "wsbridgesrc name=src uri=" + uri + " fallback-uris=\"<" + list + ">\" " + more +
         " ! fakesink sync=false async=false";
}

std::string text(const GstStructure* structure, const char* field) {
  const char* value = structure != nullptr ? gst_structure_get_string(structure, field) : nullptr;
  return value != nullptr ? value : "";
}

/// The bridge may know that it is open before the endpoint does.
testsupport::EndpointConnection first(const SoupEndpoint& endpoint) {
  EXPECT_TRUE(endpoint.waitConnections(1, 5s));
  return endpoint.connection(1).value_or(testsupport::EndpointConnection{});
}

TEST(Handshake, TheNextEndpointIsTakenWhenOneRefuses) {
  const ClosedPort closed;
  SoupEndpoint::Options rejecting;
  rejecting.rejectStatus = 403;
  SoupEndpoint second(rejecting);
  SoupEndpoint third;
  TestPipeline pipeline(line(closed.uri(), {second.uri("/second"), third.uri("/third?token=x")}));
  pipeline.play();
  const GstStructure* failed = pipeline.waitMessage("wsbridge-attempt-failed");
  EXPECT_EQ(text(failed, "uri"), closed.uri());
  EXPECT_EQ(text(failed, "kind"), "refused");
  const GstStructure* opened = pipeline.waitMessage("wsbridge-opened");
  ASSERT_NE(opened, nullptr);
  EXPECT_EQ(text(opened, "uri"), third.uri("/third"));
  EXPECT_EQ(text(pipeline.stats("src").get(), "uri"), third.uri("/third"));
  EXPECT_EQ(first(third).query, "token=x");
  EXPECT_EQ(pipeline.messages("wsbridge-attempt-failed"), 2U);
  EXPECT_EQ(pipeline.errors(), 0U);
}

TEST(Handshake, TheLastFailureCounts) {
  const ClosedPort closed;
  SoupEndpoint::Options rejecting;
  rejecting.rejectStatus = 404;
  SoupEndpoint second(rejecting);
  TestPipeline pipeline(line(closed.uri(), {second.uri("/x")}));
  pipeline.play();
  const auto* error = pipeline.waitError();
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->number("http-status"), 404U);
  EXPECT_EQ(error->field("uri"), second.uri("/x"));
  EXPECT_EQ(pipeline.messages("wsbridge-attempt-failed"), 1U);
  EXPECT_EQ(pipeline.messages("wsbridge-failed"), 1U);
}

TEST(Handshake, ASilentEndpointLeavesTimeForTheNext) {
  RawEndpoint silent(Misbehaviour::NeverAnswers);
  SoupEndpoint second;
  TestPipeline pipeline(line(silent.uri(), {second.uri()}, "connect-timeout=1600"));
  const auto start = Clock::now();
  pipeline.play();
  ASSERT_NE(pipeline.waitMessage("wsbridge-opened"), nullptr);
  EXPECT_GE(Clock::now() - start, 750ms);
  EXPECT_EQ(text(pipeline.waitMessage("wsbridge-attempt-failed"), "kind"), "timeout");
}

TEST(Handshake, AllSilentIsATimeoutAfterTheWholeBudget) {
  RawEndpoint silent(Misbehaviour::NeverAnswers);
  TestPipeline pipeline(line(silent.uri(), {silent.uri()}, "connect-timeout=600"));
  const auto start = Clock::now();
  pipeline.play();
  const auto* error = pipeline.waitError();
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->field("kind"), "timeout");
  EXPECT_GE(Clock::now() - start, 590ms);
  EXPECT_EQ(silent.connections(), 2U);
}

TEST(Handshake, TimeThatIsUsedUpIsThatOfTheFirstConnectOnly) {
  RawEndpoint silent(Misbehaviour::NeverAnswers);
  TestPipeline short_of_time(
      line(silent.uri(), {}, "connect-timeout=20000 connect-time-used=19700"));
  const auto start = Clock::now();
  short_of_time.play();
  ASSERT_NE(short_of_time.waitError(), nullptr);
  EXPECT_LT(Clock::now() - start, 10s);

  // The second connection is slower than what the first one had.
  std::atomic<int> number{0};
  std::atomic<bool> resumed{false};
  RawEndpoint endpoint([&](RawConnection& connection) {
    if (++number == 1) {
      connection.acceptHandshake();
      connection.recvFrame(testsupport::Opcode::Text, 5s);
      connection.reset();
    } else {
      connection.readRequest();
      connection.waitPeerGone(700ms);  // the client is patient
      connection.write(connection.handshakeResponse("WSBRIDGE"));
      resumed = connection.recvFrame(testsupport::Opcode::Text, 5s).has_value();
      connection.hold();
    }
  });
  TestPipeline pipeline(line(endpoint.uri(), {},
                             "connect-timeout=10000 connect-time-used=9700 reconnect-time=10000"));
  pipeline.play();
  ASSERT_NE(pipeline.waitMessage("wsbridge-reconnecting"), nullptr);
  EXPECT_TRUE(testsupport::eventually([&] { return resumed.load(); }, 8s));
  EXPECT_EQ(number, 2);
}

TEST(Handshake, EachEndpointHasItsOwnAddresses) {
  SoupEndpoint endpoint;
  const std::string port = std::to_string(endpoint.port());
  const ClosedPort closed;
  TestPipeline pipeline(line(closed.uri(), {"ws://bot.test.example:" + port + "/"},
                             "resolved-addresses=\"127.0.0.1;127.0.0.1\""));
  pipeline.play();
  ASSERT_NE(pipeline.waitMessage("wsbridge-opened"), nullptr);
  EXPECT_EQ(first(endpoint).header("Host"), "bot.test.example:" + port);
  TestPipeline wrong(line(closed.uri(), {}, "resolved-addresses=\"127.0.0.1;127.0.0.1\""));
  EXPECT_EQ(wrong.play(), GST_STATE_CHANGE_FAILURE);
  EXPECT_NE(wrong.waitError()->text.find("resolved-addresses"), std::string::npos);
}

TEST(Handshake, WhatMayPassIsTriedAgain) {
  const std::function<void(RawConnection&)> passing[] = {
      [](RawConnection& c) {
        c.readRequest();
        c.write("HTTP/1.1 503 Busy\r\n\r\n");
      },
      [](RawConnection& c) {
        c.readRequest();
        c.reset();
      },
      [](RawConnection& c) { c.readRequest(); },
  };
  for (const auto& fail : passing) {
    std::atomic<int> number{0};
    RawEndpoint endpoint([&](RawConnection& connection) {
      if (++number <= 2) return fail(connection);
      if (connection.acceptHandshake()) connection.hold();
    });
    TestPipeline pipeline(line(endpoint.uri(), {}, "connect-retries=5"));
    pipeline.play();
    ASSERT_NE(pipeline.waitMessage("wsbridge-opened"), nullptr);
    EXPECT_EQ(number, 3);
    EXPECT_EQ(pipeline.messages("wsbridge-attempt-failed"), 2U);
  }
}

TEST(Handshake, WithoutRetriesTheFirstAnswerCounts) {
  SoupEndpoint::Options rejecting;
  rejecting.rejectStatus = 503;
  SoupEndpoint endpoint(rejecting);
  TestPipeline pipeline(line(endpoint.uri(), {}));
  pipeline.play();
  ASSERT_NE(pipeline.waitError(), nullptr);
  EXPECT_EQ(endpoint.requests(), 1U);
}

TEST(Handshake, WhatWouldNotChangeIsNotTriedAgain) {
  for (const Misbehaviour kind :
       {Misbehaviour::Status401, Misbehaviour::Status404, Misbehaviour::WrongAcceptKey,
        Misbehaviour::WrongSubprotocol, Misbehaviour::Redirect302, Misbehaviour::Garbage}) {
    RawEndpoint endpoint(kind);
    TestPipeline pipeline(line(endpoint.uri(), {}, "connect-retries=5"));
    pipeline.play();
    ASSERT_NE(pipeline.waitError(), nullptr);
    EXPECT_EQ(endpoint.connections(), 1U);
    EXPECT_EQ(pipeline.messages("wsbridge-attempt-failed"), 0U);
  }
}

TEST(Handshake, ABadCertificateIsNotTriedAgain) {
  const testsupport::TestCa ca;
  SoupEndpoint::Options options;
  options.certFile = ca.selfSigned().certFile;
  options.keyFile = ca.selfSigned().keyFile;
  SoupEndpoint endpoint(options);
  TestPipeline pipeline(line(endpoint.uri(), {}, "connect-retries=5"));
  pipeline.play();
  const auto* error = pipeline.waitError();
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->field("kind"), "tls");
  EXPECT_EQ(pipeline.messages("wsbridge-attempt-failed"), 0U);
}

TEST(Handshake, OtherAnswersBeforeTheAnswerAreNone) {
  const std::string early =
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nX: y\r\n\r\n"
      "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n";
  // At once and octet by octet, with the first audio behind the 101 in the same segment.
  for (const bool split : {false, true}) {
    RawEndpoint endpoint([&](RawConnection& connection) {
      connection.readRequest();
      const std::string all = early + connection.handshakeResponse("WSBRIDGE");
      for (size_t at = 0; at < all.size(); at += split ? 1 : all.size())
        connection.write(all.substr(at, split ? 1 : all.size()));
      connection.sendBinary(std::string(640, 'a'));
      while (connection.recvFrame(5s)) {
      }
    });
    TestPipeline pipeline(line(endpoint.uri(), {}));
    pipeline.play();
    EXPECT_NE(pipeline.waitMessage("wsbridge-opened"), nullptr) << split;
    EXPECT_TRUE(pipeline.waitUntil([&] { return pipeline.stat("src", "frames-played") == 1; }, 5s));
  }
}

TEST(Handshake, OneThatNeverComesToTheAnswerIsLeft) {
  RawEndpoint endpoint([](RawConnection& connection) {
    connection.readRequest();
    while (connection.write("HTTP/1.1 103 Early Hints\r\n\r\n")) {
    }
  });
  TestPipeline pipeline(line(endpoint.uri(), {}));
  pipeline.play();
  const auto* error = pipeline.waitError();
  ASSERT_NE(error, nullptr);
  EXPECT_NE(error->text.find("103"), std::string::npos) << error->text;
}

TEST(Handshake, AHeadThatIsTooLongIsNamedAsThat) {
  RawEndpoint endpoint([](RawConnection& connection) {
    connection.readRequest();
    connection.write("HTTP/1.1 101 Switching Protocols\r\nX: " + std::string(20'000, 'x') +
                     "\r\n\r\n");
    connection.waitPeerGone(5s);
  });
  TestPipeline pipeline(line(endpoint.uri(), {}));
  pipeline.play();
  const auto* error = pipeline.waitError();
  ASSERT_NE(error, nullptr);
  EXPECT_NE(error->text.find("headers"), std::string::npos) << error->text;
  EXPECT_EQ(error->field("kind"), "handshake");
}

TEST(Handshake, RetriesEndWithTheBudget) {
  const ClosedPort closed;
  TestPipeline pipeline(line(closed.uri(), {}, "connect-retries=1000 connect-timeout=800"));
  const auto start = Clock::now();
  pipeline.play();
  const auto* error = pipeline.waitError();
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->field("kind"), "refused");
  EXPECT_LT(Clock::now() - start, 2s);
  EXPECT_GE(pipeline.messages("wsbridge-attempt-failed"), 2U) << "after 100, 300 and 700 ms";
  EXPECT_LE(pipeline.messages("wsbridge-attempt-failed"), 3U);
}

TEST(Handshake, StoppingDuringAPauseLeavesNothingRunning) {
  const ClosedPort closed;
  for (int round = 0; round < 20; ++round) {
    TestPipeline pipeline(line(closed.uri(), {closed.uri()}, "connect-retries=1000"));
    pipeline.play();
    ASSERT_NE(pipeline.waitMessage("wsbridge-attempt-failed"), nullptr);
    pipeline.waitUntil([] { return false; }, testsupport::Millis(round));
    if (round % 2 == 0) g_signal_emit_by_name(pipeline.element("src"), "close", 1000U, "enough");
  }
}

TEST(Handshake, AfterABreakTheOtherEndpointsAreTriedInTheirOrder) {
  SoupEndpoint::Options options;
  options.echo = true;
  auto broken = std::make_unique<SoupEndpoint>(options);
  const ClosedPort closed;
  SoupEndpoint third(options);
  TestPipeline pipeline(
      line(broken->uri(), {closed.uri(), third.uri()}, "reconnect-time=600 connection=moved") +
      " audiotestsrc is-live=true samplesperbuffer=320 ! audio/x-raw,rate=16000 ! wsbridgesink "
      "connection=moved");
  pipeline.play();
  ASSERT_TRUE(pipeline.waitUntil([&] { return pipeline.stat("src", "frames-played") > 5; }, 5s));
  broken->close(1, 1011, "restarting");
  broken.reset();
  ASSERT_TRUE(third.waitTexts(1, 1, 5s));
  EXPECT_EQ(first(third).texts()[0], R"({"resumption":1,"content-type":"audio/l16;rate=16000"})");
  const uint64_t played = pipeline.stat("src", "frames-played");
  EXPECT_TRUE(
      pipeline.waitUntil([&] { return pipeline.stat("src", "frames-played") > played + 5; }, 5s));
  EXPECT_EQ(text(pipeline.stats("src").get(), "uri"), third.uri());
  EXPECT_EQ(pipeline.errors(), 0U);
}

TEST(Handshake, ABreakThatLeavesNoTimeForAnotherAttemptCountsNothingTwice) {
  const auto received = [](const std::string& more) {
    SoupEndpoint endpoint;
    TestPipeline pipeline(line(endpoint.uri(), {}, more));
    pipeline.play();
    EXPECT_NE(pipeline.waitMessage("wsbridge-opened"), nullptr);
    for (int i = 0; i < 3; ++i)
      endpoint.sendText(1, "hello");
    endpoint.close(1, 1011);
    EXPECT_NE(pipeline.waitError(), nullptr);
    guint64 messages = 0;
    gst_structure_get_uint64(pipeline.stats("src").get(), "messages-received", &messages);
    return messages;
  };
  const auto once = received("reconnect-time=0");
  EXPECT_GE(once, 3U);
  EXPECT_EQ(received("reconnect-time=100"), once);
}

TEST(Handshake, AfterABreakWithNobodyLeftTheLastFailureIsTheError) {
  SoupEndpoint::Options options;
  options.echo = true;
  auto broken = std::make_unique<SoupEndpoint>(options);
  SoupEndpoint::Options rejecting;
  rejecting.rejectStatus = 503;
  SoupEndpoint second(rejecting);
  TestPipeline pipeline(
      line(broken->uri(), {second.uri("/second")}, "reconnect-time=300 connect-retries=9"));
  pipeline.play();
  ASSERT_NE(pipeline.waitMessage("wsbridge-opened"), nullptr);
  broken->close(1, 1011, "restarting");
  broken.reset();
  const auto* error = pipeline.waitError();
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->number("http-status"), 503U);
  EXPECT_EQ(error->field("uri"), second.uri("/second"));
  EXPECT_EQ(second.requests(), 1U) << "one attempt each";
}

TEST(Handshake, WsAndWssGoThroughAProxy) {
  const testsupport::TestCa ca;
  SoupEndpoint::Options secured;
  secured.certFile = ca.valid().certFile;
  secured.keyFile = ca.valid().keyFile;
  secured.echo = true;
  SoupEndpoint safe(secured);
  SoupEndpoint::Options echoing;
  echoing.echo = true;
  SoupEndpoint plain(echoing);
  ConnectProxy proxy({.credentials = "user:p@ss"});
  for (SoupEndpoint* endpoint : {&plain, &safe}) {
    TestPipeline pipeline(line(endpoint->uri("/", "localhost"), {},
                               "connection=proxied proxy=" + proxy.uri("user:p%40ss") +
                                   " tls-ca-file=" + ca.caFile()) +
                          " audiotestsrc is-live=true samplesperbuffer=320 ! "
                          "audio/x-raw,rate=16000 ! wsbridgesink connection=proxied");
    pipeline.play();
    ASSERT_TRUE(pipeline.waitUntil([&] { return pipeline.stat("src", "frames-played") > 5; }, 5s));
    EXPECT_FALSE(first(*endpoint).hasHeader("Proxy-Authorization"));
    EXPECT_EQ(proxy.targets().back(), "localhost:" + std::to_string(endpoint->port()));
  }
}

TEST(Handshake, AProxyIsAskedForTheAddressesThatWereChecked) {
  SoupEndpoint endpoint;
  ConnectProxy proxy;
  const std::string port = std::to_string(endpoint.port());
  TestPipeline pipeline(line("ws://bot.test.example:" + port + "/", {},
                             "resolved-addresses=127.0.0.1 proxy=" + proxy.uri()));
  pipeline.play();
  ASSERT_NE(pipeline.waitMessage("wsbridge-opened"), nullptr);
  EXPECT_EQ(proxy.targets(), std::vector<std::string>{"127.0.0.1:" + port});
  EXPECT_EQ(first(endpoint).header("Host"), "bot.test.example:" + port);
}

TEST(Handshake, WhatAProxyRefusesIsNamed) {
  SoupEndpoint endpoint;
  for (const unsigned status : {403U, 407U, 502U}) {
    ConnectProxy::Options options;
    if (status == 407) options.credentials = "user:other";
    if (status != 407) options.rejectStatus = status;
    ConnectProxy proxy(options);
    TestPipeline pipeline(line(endpoint.uri(), {}, "proxy=" + proxy.uri("user:s3cret")));
    pipeline.play();
    const auto* error = pipeline.waitError();
    ASSERT_NE(error, nullptr);
    EXPECT_EQ(error->field("kind"), "handshake");
    EXPECT_EQ(error->number("http-status"), status);
    const std::string who = "the proxy 127.0.0.1:" + std::to_string(proxy.port());
    EXPECT_NE(error->text.find(who + " answered " + std::to_string(status)), std::string::npos)
        << error->text;
    EXPECT_EQ((error->text + error->debug).find("s3cret"), std::string::npos);
  }
  EXPECT_EQ(endpoint.requests(), 0U);
}

TEST(Handshake, AProxyThatIsAwaySilentOrNoProxy) {
  SoupEndpoint endpoint;
  RawEndpoint silent(Misbehaviour::NeverAnswers);
  RawEndpoint garbage(Misbehaviour::Garbage);
  const ClosedPort closed;
  const std::pair<std::string, const char*> proxies[] = {
      {closed.uri(), "cannot connect to the proxy"},
      {silent.uri(), "while waiting for the proxy's answer"},
      {garbage.uri(), "does not answer in HTTP"},
  };
  for (const auto& [uri, words] : proxies) {
    TestPipeline pipeline(
        line(endpoint.uri(), {}, "connect-timeout=700 proxy=http" + uri.substr(2)));
    pipeline.play();
    const auto* error = pipeline.waitError();
    ASSERT_NE(error, nullptr);
    EXPECT_NE(error->text.find(words), std::string::npos) << error->text;
  }
  EXPECT_EQ(endpoint.requests(), 0U);
}

TEST(Handshake, FaultsOfTheAuthorizationNameTheProperty) {
  const std::pair<const char*, const char*> faults[] = {
      {"authorization-type=basic", "username"},
      {"authorization-type=bearer", "bearer-token"},
      {"authorization-type=jwt", "jwt-key-file"},
      {"authorization-type=jwt jwt-key-file=/nonexistent", "jwt-key-file"},
      {"proxy=https://proxy:3128", "proxy"},
      {"credentials-for=1", "credentials-for"},
      {"credentials-for=everybody", "credentials-for"},
      {"authorization-for=-1", "authorization-for"},
      {"proxy=http://user:pw@proxy", "proxy"},
      {"fallback-uris=\"<ftp://h/>\"", "fallback-uris"},
  };
  for (const auto& [properties, word] : faults) {
    TestPipeline pipeline(std::string("wsbridgesrc uri=ws://h/ ") + properties + " ! fakesink");
    EXPECT_EQ(pipeline.play(), GST_STATE_CHANGE_FAILURE) << properties;
    const auto* error = pipeline.waitError();
    ASSERT_NE(error, nullptr) << properties;
    EXPECT_EQ(error->code, GST_RESOURCE_ERROR_SETTINGS);
    EXPECT_NE(error->text.find(word), std::string::npos) << error->text;
  }
}

TEST(Handshake, TheAuthorizationIsMadeOfItsPropertiesAndSecretsCannotBeRead) {
  SoupEndpoint endpoint;
  TestPipeline pipeline(line(endpoint.uri(), {},
                             "authorization-type=basic username=Aladdin password=\"open sesame\""));
  pipeline.play();
  ASSERT_NE(pipeline.waitMessage("wsbridge-opened"), nullptr);
  EXPECT_EQ(first(endpoint).header("Authorization"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
  GObjectClass* klass = G_OBJECT_GET_CLASS(pipeline.element("src"));
  for (const char* name : {"authorization", "password", "bearer-token", "twilio-auth-token",
                           "signature-key", "proxy"}) {
    const GParamSpec* spec = g_object_class_find_property(klass, name);
    ASSERT_NE(spec, nullptr) << name;
    EXPECT_EQ(spec->flags & G_PARAM_READABLE, 0) << name;
  }
}

TEST(Handshake, CredentialsGoToThePositionsThatAreMeant) {
  const std::string all =
      "authorization=op signature-key=k twilio-auth-token=t extra-headers=\"x,X-Api-Key=z\" ";
  const auto headers = [&](const std::string& more, bool fallback) {
    SoupEndpoint endpoint;
    const ClosedPort closed;
    TestPipeline pipeline(fallback ? line(closed.uri(), {endpoint.uri()}, all + more)
                                   : line(endpoint.uri(), {closed.uri()}, all + more));
    pipeline.play();
    EXPECT_NE(pipeline.waitMessage("wsbridge-opened"), nullptr) << more;
    std::string found;
    for (const char* name : {"Authorization", "X-Wsbridge-Signature", "X-Wsbridge-Timestamp",
                             "X-Twilio-Signature", "X-Api-Key"})
      found += first(endpoint).hasHeader(name) ? '1' : '0';
    return found;
  };
  EXPECT_EQ(headers("", false), "11111");
  EXPECT_EQ(headers("credentials-for=all", true), "11111");
  EXPECT_EQ(headers("credentials-for=none", false), "00000");
  EXPECT_EQ(headers("credentials-for=0", false), "11111");
  EXPECT_EQ(headers("credentials-for=0", true), "00000");
  EXPECT_EQ(headers("credentials-for=1", true), "11111");
  EXPECT_EQ(headers("credentials-for=none authorization-for=all", true), "10000");
  EXPECT_EQ(headers("credentials-for=1 authorization-for=none", true), "01111");
}

/// What makes a JWT of a key that takes milliseconds to sign with.
std::string signing(const testsupport::TempDir& dir) {
  const std::string key = dir.file("key.pem");
  const auto result = testsupport::runCommand(
      {"openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:4096", "-out", key},
      60s);
  EXPECT_EQ(result.status, 0) << result.errors;
  return "authorization-type=jwt jwt-key-file=" + key;
}

TEST(Handshake, ItIsSignedBesideTheLoop) {
  const testsupport::TempDir dir("wsbridge-signing");
  const std::string properties = signing(dir);
  SoupEndpoint endpoint;
  TestPipeline pipeline(line(endpoint.uri(), {}, properties));
  pipeline.play();
  ASSERT_NE(pipeline.waitMessage("wsbridge-opened"), nullptr);
  EXPECT_EQ(first(endpoint).header("Authorization").substr(0, 10), "Bearer eyJ");
}

TEST(Handshake, StoppingWhileItIsSignedLeavesNothing) {
  const testsupport::TempDir dir("wsbridge-signing");
  const std::string properties = signing(dir);
  RawEndpoint endpoint([](RawConnection& connection) { connection.waitPeerGone(10s); });
  for (size_t i = 1; i <= 20; ++i) {
    TestPipeline pipeline(line(endpoint.uri(), {}, properties));
    pipeline.play();
    ASSERT_TRUE(endpoint.waitConnections(i, 5s));  // it has connected, and signs
    pipeline.stop();
    ASSERT_TRUE(endpoint.waitServed(i, 5s)) << "the socket is still open";
  }
}

}  // namespace
