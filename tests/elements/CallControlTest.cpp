// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Call control by the application and by the endpoint: mute.
#include <atomic>

#include <gtest/gtest.h>

#include "SoupEndpoint.hpp"
#include "TestPipeline.hpp"

namespace {

using elementtest::TestPipeline;
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

}  // namespace
