// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Call control by the application and by the endpoint: mute, the end, messages, errors.
#include <atomic>

#include <gtest/gtest.h>

#include "RawEndpoint.hpp"
#include "SoupEndpoint.hpp"
#include "TestPipeline.hpp"

namespace {

using elementtest::TestPipeline;
using testsupport::Opcode;
using testsupport::RawEndpoint;
using testsupport::SoupEndpoint;
using namespace std::chrono_literals;

const std::string kMuted = R"({"event":"websocket:media:update","method":"update","active":false})";
const std::string kHeard = R"({"event":"websocket:media:update","method":"update","active":true})";

std::string line(const SoupEndpoint& endpoint, const std::string& more = "dialect=vonage") {
  return "audiotestsrc is-live=true samplesperbuffer=320 ! audio/x-raw,rate=16000 ! "
         "wsbridgesink name=sink sync=false async=false uri=" +
         endpoint.uri() + " " + more;
}

bool isMuted(TestPipeline& pipeline) {
  gboolean mute = FALSE;
  g_object_get(pipeline.element("sink"), "mute", &mute, nullptr);
  return mute != FALSE;
}

/// Frames of live audio go by and none of them is sent.
void expectSilence(TestPipeline& pipeline, const SoupEndpoint& endpoint) {
  const size_t before = endpoint.connection(1)->binaries().size();
  const uint64_t muted = pipeline.stat("sink", "frames-muted");
  EXPECT_TRUE(
      pipeline.waitUntil([&] { return pipeline.stat("sink", "frames-muted") >= muted + 10; }, 5s));
  EXPECT_EQ(endpoint.connection(1)->binaries().size(), before);
}

class MuteOfASink : public testing::Test {
 protected:
  void start(const std::string& more = "dialect=vonage") {
    pipeline_ = std::make_unique<TestPipeline>(line(endpoint_, more));
    g_signal_connect(pipeline_->element("sink"), "notify::mute",
                     G_CALLBACK(+[](GObject*, GParamSpec*, gpointer count) {
                       ++*static_cast<std::atomic<int>*>(count);
                     }),
                     &notified_);
    pipeline_->play();
    ASSERT_TRUE(endpoint_.waitTexts(1, 1, 5s));
  }
  void mute(bool on) {
    g_object_set(pipeline_->element("sink"), "mute", on ? TRUE : FALSE, nullptr);
  }

  SoupEndpoint endpoint_;
  std::atomic<int> notified_{0};
  std::unique_ptr<TestPipeline> pipeline_;
};

TEST_F(MuteOfASink, ByTheApplicationIsToldAndHolds) {
  start();
  ASSERT_TRUE(endpoint_.waitBinaries(1, 5, 5s));
  mute(true);
  ASSERT_TRUE(endpoint_.waitTexts(1, 2, 5s));
  EXPECT_EQ(endpoint_.connection(1)->texts()[1], kMuted);
  expectSilence(*pipeline_, endpoint_);
  // The endpoint cannot end it, but learns so.
  endpoint_.sendText(1, R"({"action":"mute","active":false})");
  ASSERT_TRUE(endpoint_.waitTexts(1, 3, 5s));
  EXPECT_EQ(endpoint_.connection(1)->texts()[2], kMuted);
  EXPECT_TRUE(isMuted(*pipeline_));
  const size_t before = endpoint_.connection(1)->binaries().size();
  mute(false);
  ASSERT_TRUE(endpoint_.waitTexts(1, 4, 5s));
  EXPECT_EQ(endpoint_.connection(1)->texts()[3], kHeard);
  EXPECT_TRUE(endpoint_.waitBinaries(1, before + 5, 5s));
  EXPECT_EQ(notified_, 2);
}

TEST_F(MuteOfASink, ByTheEndpointNotifiesTheApplication) {
  start();
  ASSERT_TRUE(endpoint_.waitBinaries(1, 5, 5s));
  endpoint_.sendText(1, R"({"action":"mute","active":true})");
  ASSERT_TRUE(endpoint_.waitTexts(1, 2, 5s));
  EXPECT_EQ(endpoint_.connection(1)->texts()[1], kMuted);
  expectSilence(*pipeline_, endpoint_);
  EXPECT_TRUE(isMuted(*pipeline_));
  EXPECT_EQ(notified_, 1);
  const auto* message = pipeline_->waitMessage("wsbridge-control");
  ASSERT_NE(message, nullptr);
  EXPECT_STREQ(gst_structure_get_string(message, "action"), "mute");
  EXPECT_STREQ(gst_structure_get_string(message, "value"), "true");
  const size_t before = endpoint_.connection(1)->binaries().size();
  endpoint_.sendText(1, R"({"action":"mute","active":false})");
  EXPECT_TRUE(endpoint_.waitBinaries(1, before + 5, 5s));
  EXPECT_EQ(endpoint_.connection(1)->texts()[2], kHeard);
  EXPECT_FALSE(isMuted(*pipeline_));
  EXPECT_EQ(notified_, 2);
}

TEST_F(MuteOfASink, FromTheStartSendsNothingAndSaysSoAfterTheOpening) {
  start("dialect=vonage mute=true");
  ASSERT_TRUE(endpoint_.waitTexts(1, 2, 5s));
  EXPECT_EQ(endpoint_.connection(1)->texts()[1], kMuted);
  expectSilence(*pipeline_, endpoint_);
  EXPECT_TRUE(endpoint_.connection(1)->binaries().empty());
}

TEST_F(MuteOfASink, ByTheEndpointEndsWithItsWebSocket) {
  start("dialect=vonage reconnect-time=5000");
  endpoint_.sendText(1, R"({"action":"mute","active":true})");
  ASSERT_TRUE(endpoint_.waitTexts(1, 2, 5s));
  endpoint_.close(1, 1011);
  ASSERT_TRUE(endpoint_.waitConnections(2, 5s));
  EXPECT_TRUE(endpoint_.waitBinaries(2, 5, 5s));
  EXPECT_FALSE(isMuted(*pipeline_));
  EXPECT_EQ(notified_, 2);
}

TEST_F(MuteOfASink, ByTheApplicationOutlivesTheWebSocket) {
  start("dialect=vonage reconnect-time=5000");
  mute(true);
  ASSERT_TRUE(endpoint_.waitTexts(1, 2, 5s));
  endpoint_.close(1, 1011);
  ASSERT_TRUE(endpoint_.waitConnections(2, 5s));
  ASSERT_TRUE(endpoint_.waitTexts(2, 2, 5s));
  EXPECT_EQ(endpoint_.connection(2)->texts()[1], kMuted);
  EXPECT_TRUE(endpoint_.connection(2)->binaries().empty());
}

std::string ended(const std::string& reason) {
  return R"({"event":"websocket:disconnected","reason":")" + reason + "\"}";
}

TEST(End, IsToldBeforeTheClose) {
  SoupEndpoint endpoint;
  TestPipeline pipeline(line(endpoint));
  pipeline.play();
  ASSERT_TRUE(endpoint.waitBinaries(1, 3, 5s));
  gboolean taken = FALSE;
  for (const char* bad : {"", "a b", "\"", "Caller"}) {
    g_signal_emit_by_name(pipeline.element("sink"), "end-call", 1000U, "text", bad, &taken);
    EXPECT_FALSE(taken) << bad;
  }
  g_signal_emit_by_name(pipeline.element("sink"), "end-call", 1001U, "Going", "draining", &taken);
  EXPECT_TRUE(taken);
  ASSERT_TRUE(endpoint.waitClosed(1, 5s));
  const auto record = *endpoint.connection(1);
  EXPECT_TRUE(record.messages.back().text);
  EXPECT_EQ(record.messages.back().data, ended("draining"));
  EXPECT_EQ(record.closeCode, 1001U);
  EXPECT_EQ(record.closeReason, "Going");
}

TEST(End, OfTheElementsIsToldAsWell) {
  SoupEndpoint endpoint;
  TestPipeline plain(line(endpoint));
  plain.play();
  ASSERT_TRUE(endpoint.waitBinaries(1, 3, 5s));
  g_signal_emit_by_name(plain.element("sink"), "close", 1000U, "bye");
  ASSERT_TRUE(endpoint.waitClosed(1, 5s));
  EXPECT_EQ(endpoint.connection(1)->texts().back(), ended("closed"));

  TestPipeline stopped(line(endpoint));
  stopped.play();
  ASSERT_TRUE(endpoint.waitBinaries(2, 3, 5s));
  stopped.stop();
  ASSERT_TRUE(endpoint.waitClosed(2, 5s));
  EXPECT_EQ(endpoint.connection(2)->texts().back(), ended("stopped"));

  TestPipeline finished(
      "audiotestsrc num-buffers=5 samplesperbuffer=320 ! audio/x-raw,rate=16000 ! "
      "wsbridgesink name=sink sync=false async=false dialect=vonage uri=" +
      endpoint.uri());
  finished.play();
  ASSERT_TRUE(endpoint.waitConnections(3, 5s));
  ASSERT_TRUE(endpoint.waitClosed(3, 5s));
  EXPECT_EQ(endpoint.connection(3)->texts().back(), ended("end-of-stream"));
  EXPECT_EQ(endpoint.connection(3)->binaries().size(), 5U);
}

/// The endpoint does not read: all buffers on the way are full of audio when the end comes.
TEST(End, KeepsItsOrderBehindAFullQueue) {
  RawEndpoint endpoint(RawEndpoint::Handler(), {.receiveBuffer = 4096});
  TestPipeline pipeline(
      "audiotestsrc is-live=false samplesperbuffer=960 ! audio/x-raw,rate=48000 ! "
      "wsbridgesink name=sink sync=false async=false dialect=vonage max-queue=200 "
      "leaky=true uri=" +
      endpoint.uri());
  pipeline.play();
  const auto connection = endpoint.accept(5s);
  ASSERT_TRUE(connection && connection->acceptHandshake());
  ASSERT_TRUE(
      pipeline.waitUntil([&] { return pipeline.stat("sink", "frames-dropped") > 500; }, 10s));
  gboolean taken = FALSE;
  g_signal_emit_by_name(pipeline.element("sink"), "end-call", 1000U, "bye", "caller-hangup",
                        &taken);
  const auto close = connection->recvFrame(Opcode::Close, 5s);
  ASSERT_TRUE(close.has_value());
  ASSERT_FALSE(connection->skipped().empty());
  EXPECT_EQ(connection->skipped().back().opcode, Opcode::Text);
  EXPECT_EQ(connection->skipped().back().payload, ended("caller-hangup"));
}

TEST(Messages, PassThroughTheElementBothWays) {
  SoupEndpoint endpoint;
  TestPipeline pipeline(line(endpoint));
  pipeline.play();
  ASSERT_TRUE(endpoint.waitBinaries(1, 3, 5s));
  GstElement* sink = pipeline.element("sink");
  gboolean told = FALSE;
  g_signal_emit_by_name(sink, "send-message", "text/plain", "\xff", &told);
  EXPECT_FALSE(told) << "not UTF-8";
  g_signal_emit_by_name(sink, "send-message", "text/plain", "hello", &told);
  EXPECT_TRUE(told);
  ASSERT_TRUE(endpoint.waitTexts(1, 2, 5s));
  EXPECT_EQ(endpoint.connection(1)->texts()[1],
            R"({"event":"websocket:message","content-type":"text/plain","body":"hello"})");

  endpoint.sendText(1, R"({"action":"message","content-type":"a/b","body":"hi"})");
  const auto* message = pipeline.waitMessage("wsbridge-message");
  ASSERT_NE(message, nullptr);
  EXPECT_STREQ(gst_structure_get_string(message, "content-type"), "a/b");
  EXPECT_STREQ(gst_structure_get_string(message, "body"), "hi");
  g_signal_emit_by_name(sink, "message-result", 486U, "Busy\xff", &told);
  EXPECT_TRUE(told);
  ASSERT_TRUE(endpoint.waitTexts(1, 3, 5s));
  EXPECT_EQ(
      endpoint.connection(1)->texts()[2],
      "{\"event\":\"websocket:message:sent\",\"status\":486,\"reason\":\"Busy\xef\xbf\xbd\"}");
}

/// Each command that cannot be used is answered by chan_websocket's ERROR, the warning comes once.
TEST(Errors, AreToldInTheWordsOfAsterisk) {
  SoupEndpoint endpoint({.protocol = "media"});
  TestPipeline pipeline(line(endpoint, "dialect=asterisk call-id=c"));
  pipeline.play();
  ASSERT_TRUE(endpoint.waitTexts(1, 1, 5s));
  endpoint.sendText(1, R"({"command":)");
  ASSERT_TRUE(endpoint.waitTexts(1, 2, 5s));  // what comes now may change the form
  endpoint.sendText(1, "SET_MEDIA_DIRECTION up");
  ASSERT_TRUE(endpoint.waitTexts(1, 3, 5s));
  const auto texts = endpoint.connection(1)->texts();
  EXPECT_EQ(texts[1],
            R"({"event":"ERROR","channel_id":"c","error_text":"Unable to parse JSON command"})");
  EXPECT_EQ(texts[2],
            "ERROR channel_id:c error_text:SET_MEDIA_DIRECTION needs a direction: both, in or out");
  EXPECT_TRUE(pipeline.waitUntil([&] { return pipeline.warnings() > 0; }, 5s));
  EXPECT_EQ(pipeline.warnings(), 1U);
  EXPECT_EQ(pipeline.stat("sink", "ignored-messages"), 2U);
}

}  // namespace
