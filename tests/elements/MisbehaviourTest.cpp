// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Endpoints that misbehave: each fault has its error, nothing hangs, nothing is left behind.
#include <gtest/gtest.h>

#include "RawEndpoint.hpp"
#include "TestPipeline.hpp"

namespace {

using elementtest::TestPipeline;
using testsupport::Misbehaviour;
using testsupport::Opcode;
using testsupport::RawEndpoint;
using namespace std::chrono_literals;

struct Expectation {
  const char* name;
  Misbehaviour misbehaviour;
  const char* kind;
  int code;
};

std::string line(const std::string& uri, const std::string& more = "") {
  return "wsbridgesrc name=src connect-timeout=700 uri=" + uri + " " + more +
         " ! fakesink sync=false async=false";
}

class Misbehaves : public testing::TestWithParam<Expectation> {};

TEST_P(Misbehaves, IsAnErrorOfItsKind) {
  RawEndpoint endpoint(GetParam().misbehaviour);
  TestPipeline pipeline(line(endpoint.uri()));
  pipeline.play();
  const auto* error = pipeline.waitError(4s);
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->field("kind"), GetParam().kind) << error->text;
  EXPECT_EQ(error->code, GetParam().code) << error->text;
  EXPECT_EQ(pipeline.errors(), 1U);
}

constexpr int kOpen = GST_RESOURCE_ERROR_OPEN_READ_WRITE;

INSTANTIATE_TEST_SUITE_P(
    All, Misbehaves,
    testing::Values(
        Expectation{"NeverAnswers", Misbehaviour::NeverAnswers, "timeout", kOpen},
        Expectation{"Status401", Misbehaviour::Status401, "handshake",
                    GST_RESOURCE_ERROR_NOT_AUTHORIZED},
        Expectation{"Status404", Misbehaviour::Status404, "handshake",
                    GST_RESOURCE_ERROR_NOT_FOUND},
        Expectation{"Status500", Misbehaviour::Status500, "handshake", kOpen},
        Expectation{"Redirect302", Misbehaviour::Redirect302, "handshake", kOpen},
        Expectation{"Garbage", Misbehaviour::Garbage, "handshake", kOpen},
        Expectation{"HalfResponse", Misbehaviour::HalfResponse, "timeout", kOpen},
        Expectation{"EndlessHeaders", Misbehaviour::EndlessHeaders, "handshake", kOpen},
        Expectation{"WrongAcceptKey", Misbehaviour::WrongAcceptKey, "handshake", kOpen},
        Expectation{"WrongSubprotocol", Misbehaviour::WrongSubprotocol, "handshake", kOpen},
        Expectation{"ClosesAfterRequest", Misbehaviour::ClosesAfterRequest, "handshake", kOpen},
        Expectation{"EndlessTextFragments", Misbehaviour::EndlessTextFragments, "protocol",
                    GST_STREAM_ERROR_DECODE},
        Expectation{"InvalidUtf8", Misbehaviour::InvalidUtf8, "protocol", GST_STREAM_ERROR_DECODE},
        Expectation{"ReservedBits", Misbehaviour::ReservedBits, "protocol",
                    GST_STREAM_ERROR_DECODE},
        Expectation{"MaskedFrames", Misbehaviour::MaskedFrames, "protocol",
                    GST_STREAM_ERROR_DECODE},
        Expectation{"UnknownOpcode", Misbehaviour::UnknownOpcode, "protocol",
                    GST_STREAM_ERROR_DECODE},
        Expectation{"FragmentedPing", Misbehaviour::FragmentedPing, "protocol",
                    GST_STREAM_ERROR_DECODE},
        Expectation{"ResetInFrame", Misbehaviour::ResetInFrame, "lost", GST_RESOURCE_ERROR_READ},
        Expectation{"ResetAfterHandshake", Misbehaviour::ResetAfterHandshake, "lost",
                    GST_RESOURCE_ERROR_READ},
        Expectation{"FinWithoutClose", Misbehaviour::FinWithoutClose, "lost",
                    GST_RESOURCE_ERROR_READ}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(Misbehaviour, NobodyListens) {
  int port = 0;
  {
    const RawEndpoint endpoint;
    port = endpoint.port();
  }
  TestPipeline pipeline(line("ws://127.0.0.1:" + std::to_string(port)));
  pipeline.play();
  const auto* error = pipeline.waitError();
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->field("kind"), "refused");
}

TEST(Misbehaviour, ANameThatDoesNotResolve) {
  TestPipeline pipeline(line("ws://no-such-host.invalid/", "connect-timeout=20000"));
  pipeline.play();
  const auto* error = pipeline.waitError(25s);
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->field("kind"), "resolve");
}

TEST(Misbehaviour, AClearWhileReadingIsPausedLetsItGoOn) {
  std::atomic<bool> answered{false};
  RawEndpoint endpoint([&](testsupport::RawConnection& connection) {
    if (!connection.acceptHandshake()) return;
    connection.sendBinary(std::string(32000 * 3, '\1'));
    connection.sendText(R"({"action":"clear"})");
    connection.sendBinary(std::string(6400, '\1'));
    connection.sendFrame(Opcode::Ping, true, "still there?");
    answered = connection.recvFrame(Opcode::Pong, 5s).has_value();
  });
  TestPipeline pipeline(line(endpoint.uri(), "max-playout=2000"));
  pipeline.play();
  ASSERT_TRUE(endpoint.waitServed(1, 10s));
  EXPECT_TRUE(answered);
}

TEST(Misbehaviour, AFloodOfPingsDoesNotHoldUpTheOthersOfItsLoop) {
  RawEndpoint flood([](testsupport::RawConnection& connection) {
    if (!connection.acceptHandshake()) return;
    std::string pings;
    for (int i = 0; i < 500; ++i)
      pings += testsupport::encodeFrame(Opcode::Ping, true, std::string(100, 'p'));
    while (connection.write(pings)) {
    }
  });
  RawEndpoint quiet([](testsupport::RawConnection& connection) {
    if (!connection.acceptHandshake()) return;
    for (int i = 0; i < 20; ++i) {
      connection.sendFrame(Opcode::Ping, true, "p");
      if (!connection.recvFrame(Opcode::Pong, 1s)) return;
    }
    connection.sendClose(1000);
    connection.waitPeerGone(5s);
  });
  TestPipeline flooded(line(flood.uri(), "context=flood"));
  flooded.play();
  ASSERT_NE(flooded.waitMessage("wsbridge-opened"), nullptr);
  TestPipeline other(line(quiet.uri(), "context=flood"));
  other.play();
  EXPECT_TRUE(other.waitEos(15s));
}

TEST(Misbehaviour, RepliesThatAreNeverReadAreLimited) {
  RawEndpoint endpoint([](testsupport::RawConnection& connection) {
    if (!connection.acceptHandshake()) return;
    const std::string notify =
        R"({"action":"notify","payload":")" + std::string(30000, 'x') + "\"}";
    while (connection.sendText(notify)) {
    }
  });
  TestPipeline pipeline(line(endpoint.uri()));
  pipeline.play();
  const GstStructure* closed = pipeline.waitMessage("wsbridge-closed", 15s);
  ASSERT_NE(closed, nullptr);
  guint code = 0;
  gst_structure_get_uint(closed, "code", &code);
  EXPECT_EQ(code, 1008U);
}

TEST(Misbehaviour, EndlessAudioFragmentsAreAudioAndMemoryStaysBounded) {
  RawEndpoint endpoint(Misbehaviour::EndlessBinaryFragments);
  TestPipeline pipeline(line(endpoint.uri(), "max-playout=2000"));
  pipeline.play();
  ASSERT_TRUE(pipeline.waitUntil([&] { return pipeline.stat("src", "pauses") >= 1; }, 5s));
  ASSERT_TRUE(pipeline.waitUntil([&] { return pipeline.stat("src", "frames-played") > 50; }, 5s));
  EXPECT_LE(pipeline.stat("src", "playout-high-ms"), 2600U);
  EXPECT_EQ(pipeline.errors(), 0U);
}

TEST(Misbehaviour, PingsAloneKeepAConnection) {
  RawEndpoint endpoint(Misbehaviour::PingsOnly);
  TestPipeline pipeline(line(endpoint.uri(), "ping-interval=1 pong-timeout=1"));
  pipeline.play();
  ASSERT_NE(pipeline.waitMessage("wsbridge-opened"), nullptr);
  EXPECT_FALSE(pipeline.waitUntil([&] { return pipeline.errors() > 0; }, 2500ms));
}

TEST(Misbehaviour, AnEndpointThatNeverAnswersPingsIsLost) {
  RawEndpoint endpoint(Misbehaviour::NeverAnswersPings);
  TestPipeline pipeline(line(endpoint.uri(), "ping-interval=1 pong-timeout=1"));
  pipeline.play();
  const auto* error = pipeline.waitError(5s);
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->field("kind"), "pong-timeout");
}

TEST(Misbehaviour, CloseFrames) {
  const std::pair<Misbehaviour, const char*> cases[] = {
      {Misbehaviour::CloseWithoutCode, "orderly"},
      {Misbehaviour::CloseOneByte, "error"},
      {Misbehaviour::CloseReservedCode, "error"},
      {Misbehaviour::CloseTooLongReason, "error"},
  };
  for (const auto& [misbehaviour, outcome] : cases) {
    RawEndpoint endpoint(misbehaviour);
    TestPipeline pipeline(line(endpoint.uri()));
    pipeline.play();
    if (std::string(outcome) == "orderly") {
      EXPECT_TRUE(pipeline.waitEos());
      EXPECT_EQ(pipeline.errors(), 0U);
    } else {
      EXPECT_NE(pipeline.waitError(), nullptr) << static_cast<int>(misbehaviour);
    }
  }
}

TEST(Misbehaviour, ACloseThatIsNeverAnsweredEndsSoonAllTheSame) {
  RawEndpoint endpoint(Misbehaviour::NeverAnswersClose);
  TestPipeline pipeline(line(endpoint.uri()));
  pipeline.play();
  ASSERT_NE(pipeline.waitMessage("wsbridge-opened"), nullptr);
  g_signal_emit_by_name(pipeline.element("src"), "close", 1000U, "");
  EXPECT_NE(pipeline.waitMessage("wsbridge-closed", 3s), nullptr);
}

TEST(Misbehaviour, OneByteAtATimeAndFramesBehindTheHandshakeAreFine) {
  for (const auto misbehaviour :
       {Misbehaviour::OneByteAtATime, Misbehaviour::FirstFramesWithHandshake}) {
    RawEndpoint endpoint(misbehaviour);
    TestPipeline pipeline(line(endpoint.uri(), "connect-timeout=5000"));
    pipeline.play();
    EXPECT_TRUE(pipeline.waitUntil([&] { return pipeline.stat("src", "frames-played") >= 9; }, 10s))
        << static_cast<int>(misbehaviour);
  }
}

TEST(Misbehaviour, TheCloseAnswerBehindAFullQueueIsRead) {
  RawEndpoint endpoint([](testsupport::RawConnection& connection) {
    if (!connection.acceptHandshake()) return;
    std::thread writer([&] {
      const std::string second(32000, '\1');
      for (int i = 0; i < 60; ++i)
        connection.sendBinary(second);
      connection.recvFrame(Opcode::Close, 5s);
      connection.sendClose(1000);
    });
    writer.join();
    connection.waitPeerGone(5s);
  });
  TestPipeline pipeline(line(endpoint.uri(), "max-playout=500"));
  pipeline.play();
  ASSERT_TRUE(pipeline.waitUntil([&] { return pipeline.stat("src", "pauses") >= 1; }, 5s));
  const auto start = testsupport::Clock::now();
  g_signal_emit_by_name(pipeline.element("src"), "close", 1000U, "bye");
  ASSERT_NE(pipeline.waitMessage("wsbridge-closed", 5s), nullptr);
  EXPECT_LT(testsupport::millisBetween(start, testsupport::Clock::now()), 1500);
  ASSERT_TRUE(endpoint.waitServed(1, 10s));
}

}  // namespace
