// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What really is a protocol error is answered with the close code that it has in RFC 6455 7.4.1,
// and is one error for the application.
#include <functional>

#include <gtest/gtest.h>

#include "RawEndpoint.hpp"
#include "TestPipeline.hpp"

namespace {

using elementtest::TestPipeline;
using testsupport::closePayload;
using testsupport::encodeFrame;
using testsupport::Opcode;
using testsupport::RawConnection;
using testsupport::RawEndpoint;
using namespace std::chrono_literals;

constexpr unsigned kProtocolError = 1002;
constexpr unsigned kInvalidData = 1007;
constexpr unsigned kTooBig = 1009;

struct Fault {
  const char* name;
  unsigned code;
  std::string bytes;
  const char* kind = "protocol";
};

std::vector<Fault> faults() {
  const std::string audio(640, '\x11');
  const std::string half = encodeFrame(Opcode::Text, false, "{\"action\":");
  const std::string much(1024 * 1024 + 1, 'x');
  return {
      {"ReservedBits", kProtocolError, encodeFrame(Opcode::Text, true, "{}", {.rsv = 4})},
      {"ReservedBitsOfAudio", kProtocolError, encodeFrame(Opcode::Binary, true, audio, {.rsv = 2})},
      {"Masked", kProtocolError, encodeFrame(Opcode::Text, true, "{}", {.mask = true})},
      {"MaskedAudio", kProtocolError, encodeFrame(Opcode::Binary, true, audio, {.mask = true})},
      {"UnknownOpcode", kProtocolError, encodeFrame(static_cast<Opcode>(5), true, "x")},
      {"UnknownControlOpcode", kProtocolError, encodeFrame(static_cast<Opcode>(11), true, "x")},
      {"FragmentedPing", kProtocolError, encodeFrame(Opcode::Ping, false, "p")},
      {"LongPing", kProtocolError, encodeFrame(Opcode::Ping, true, std::string(126, 'p'))},
      {"TextWithinText", kProtocolError, half + encodeFrame(Opcode::Text, true, "{}")},
      {"AudioWithinText", kProtocolError, half + encodeFrame(Opcode::Binary, true, audio)},
      {"TextWithinAudio", kProtocolError,
       encodeFrame(Opcode::Binary, false, audio) + encodeFrame(Opcode::Text, true, "{}")},
      {"ContinuationOfNothing", kProtocolError, encodeFrame(Opcode::Continuation, true, "x")},
      {"CloseOfOneByte", kProtocolError, encodeFrame(Opcode::Close, true, "\x03")},
      {"CloseReasonThatIsNotUtf8", kInvalidData,
       encodeFrame(Opcode::Close, true, closePayload(1000, "bye \xC3\x28"))},
      {"LengthOf2To63", kProtocolError, std::string("\x82\x7F\x80\0\0\0\0\0\0\0", 10) + audio},
      {"LengthOfTextOf2To63", kProtocolError, std::string("\x81\x7F\x80\0\0\0\0\0\0\1", 10) + "{}"},
      {"LongFormOfAShortLength", kProtocolError, std::string("\x82\x7E\0\x7D", 4) + audio},
      {"LongestFormOfAShortLength", kProtocolError,
       std::string("\x82\x7F\0\0\0\0\0\0\xFF\xFF", 10) + audio},
      {"InvalidUtf8", kInvalidData, encodeFrame(Opcode::Text, true, "bad \xC3\x28 text")},
      {"InvalidUtf8AcrossFragments", kInvalidData,
       encodeFrame(Opcode::Text, false, "bad \xC3") +
           encodeFrame(Opcode::Continuation, true, "\x28 text")},
      {"LongText", kTooBig, encodeFrame(Opcode::Text, true, much)},
      {"LongFragments", kTooBig,
       encodeFrame(Opcode::Text, false, much.substr(0, 600'000)) +
           encodeFrame(Opcode::Continuation, true, much.substr(0, 600'000))},
  };
}

void PrintTo(const Fault& fault, std::ostream* out) {
  *out << fault.name;
}

class ProtocolErrors : public testing::TestWithParam<Fault> {};

TEST_P(ProtocolErrors, AreClosedWithTheirCode) {
  const Fault& fault = GetParam();
  RawEndpoint endpoint;
  TestPipeline pipeline("wsbridgesrc name=src uri=" + endpoint.uri() +
                        " ! fakesink sync=false async=false");
  pipeline.play();
  const auto connection = endpoint.accept(5s);
  ASSERT_TRUE(connection && connection->acceptHandshake());
  ASSERT_TRUE(connection->recvFrame(Opcode::Text, 5s).has_value());
  connection->write(fault.bytes);
  const auto close = connection->recvFrame(Opcode::Close, 5s);
  ASSERT_TRUE(close.has_value()) << "no close frame";
  EXPECT_EQ(close->closeCode(), fault.code);
  const auto* error = pipeline.waitError();
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->field("kind"), fault.kind) << error->text;
  EXPECT_EQ(error->number("close-code"), fault.code) << error->text;
  EXPECT_EQ(pipeline.errors(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Rfc6455, ProtocolErrors, testing::ValuesIn(faults()),
                         [](const auto& test) { return std::string(test.param.name); });

/// A close code that may not be sent (7.4.1) is answered all the same, and is an error.
TEST(ProtocolError, ACloseCodeThatMayNotBeSent) {
  for (const unsigned code : {1005U, 1006U, 1015U, 999U, 1016U, 5000U}) {
    SCOPED_TRACE(code);
    RawEndpoint endpoint;
    TestPipeline pipeline("wsbridgesrc name=src uri=" + endpoint.uri() +
                          " ! fakesink sync=false async=false");
    pipeline.play();
    const auto connection = endpoint.accept(5s);
    ASSERT_TRUE(connection && connection->acceptHandshake());
    ASSERT_TRUE(connection->recvFrame(Opcode::Text, 5s).has_value());
    connection->sendClose(code);
    EXPECT_TRUE(connection->recvFrame(Opcode::Close, 5s).has_value()) << "not answered";
    EXPECT_NE(pipeline.waitError(), nullptr);
  }
}

/// While our close waits for its answer, what else comes is of no use, and no error.
TEST(ProtocolError, BehindOurOwnCloseIsNone) {
  RawEndpoint endpoint;
  TestPipeline pipeline("wsbridgesrc name=src uri=" + endpoint.uri() +
                        " ! fakesink sync=false async=false");
  pipeline.play();
  const auto connection = endpoint.accept(5s);
  ASSERT_TRUE(connection && connection->acceptHandshake());
  ASSERT_NE(pipeline.waitMessage("wsbridge-opened"), nullptr);
  g_signal_emit_by_name(pipeline.element("src"), "close", 1000U, "bye");
  ASSERT_TRUE(connection->recvFrame(Opcode::Close, 5s).has_value());
  connection->write(encodeFrame(Opcode::Text, true, std::string(1024 * 1024 + 1, 'x')));
  EXPECT_NE(pipeline.waitMessage("wsbridge-closed", 3s), nullptr);
  EXPECT_EQ(pipeline.errors(), 0U);
}

/// No dialect calls a type of message unacceptable (1003): what it cannot use it ignores.
TEST(ProtocolError, AudioWhereTextIsSpokenIsNone) {
  RawEndpoint endpoint;
  TestPipeline pipeline("wsbridgesrc name=src dialect=twilio uri=" + endpoint.uri() +
                        " ! fakesink sync=false async=false");
  pipeline.play();
  const auto connection = endpoint.accept(5s);
  ASSERT_TRUE(connection && connection->acceptHandshake());
  connection->sendBinary(std::string(640, '\x11'));
  EXPECT_TRUE(
      pipeline.waitUntil([&] { return pipeline.stat("src", "ignored-messages") == 1; }, 5s));
  connection->sendFrame(Opcode::Ping, true, "still there");
  EXPECT_TRUE(connection->recvFrame(Opcode::Pong, 5s).has_value());
  EXPECT_EQ(pipeline.errors(), 0U);
}

}  // namespace
