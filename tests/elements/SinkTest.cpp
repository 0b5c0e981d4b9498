// SPDX-License-Identifier: LGPL-2.1-or-later
//
// wsbridgesink: framing, caps, DTMF, what is dropped, end of stream.
#include <gst/check/gstharness.h>
#include <gtest/gtest.h>

#include "Pcm.hpp"
#include "RawEndpoint.hpp"
#include "SoupEndpoint.hpp"
#include "TestPipeline.hpp"

namespace {

using elementtest::TestPipeline;
using testsupport::RawEndpoint;
using testsupport::SoupEndpoint;
using namespace std::chrono_literals;

/// A sink in a harness, connected, with buffers pushed by hand.
class SinkHarness {
 public:
  SinkHarness(const std::string& uri, int rate, const std::string& properties = "") {
    const std::string line =
        "wsbridgesink name=sink sync=false async=false uri=" + uri + " " + properties;
    harness_ = gst_harness_new_parse(line.c_str());
    gst_harness_set_src_caps_str(
        harness_,
        ("audio/x-raw,format=S16LE,layout=interleaved,channels=1,rate=" + std::to_string(rate))
            .c_str());
  }
  ~SinkHarness() { gst_harness_teardown(harness_); }
  SinkHarness(const SinkHarness&) = delete;
  SinkHarness& operator=(const SinkHarness&) = delete;

  GstFlowReturn push(const std::string& bytes) {
    GstBuffer* buffer = gst_buffer_new_memdup(bytes.data(), bytes.size());
    GST_BUFFER_PTS(buffer) = 0;
    return gst_harness_push(harness_, buffer);
  }
  GstHarness* get() { return harness_; }
  GstElement* sink() {
    GstElement* found = gst_harness_find_element(harness_, "wsbridgesink");
    gst_object_unref(found);
    return found;
  }

 private:
  GstHarness* harness_;
};

TEST(Sink, SendsTheFirstMessageAndThenFramesOf20MsWhateverTheBufferSizes) {
  for (const int rate : {8000, 16000, 24000, 32000, 48000}) {
    SoupEndpoint endpoint;
    SinkHarness sink(endpoint.uri(), rate);
    const size_t frame = static_cast<size_t>(rate) / 50 * 2;
    const std::string audio = testsupport::toBytes(testsupport::noise(rate, 1.0, 9000));
    for (size_t at = 0, size = 2; at < audio.size(); at += size, size = (size * 3) % 5000 + 2) {
      ASSERT_EQ(sink.push(audio.substr(at, size)), GST_FLOW_OK);
    }
    ASSERT_TRUE(endpoint.waitConnections(1, 5s));
    ASSERT_TRUE(endpoint.waitBinaries(1, 50, 5s)) << rate;
    const auto connection = *endpoint.connection(1);
    EXPECT_TRUE(connection.messages.front().text);
    EXPECT_EQ(connection.messages.front().data,
              "{\"content-type\":\"audio/l16;rate=" + std::to_string(rate) + "\"}");
    for (const auto& message : connection.binaries())
      ASSERT_EQ(message.data.size(), frame);
    EXPECT_EQ(connection.audio(), audio);
    EXPECT_EQ(connection.protocol, "WSBRIDGE");
  }
}

TEST(Sink, EndOfStreamSendsTheRemainderAndCloses) {
  SoupEndpoint endpoint;
  SinkHarness sink(endpoint.uri(), 16000);
  sink.push(std::string(650, 'a'));
  EXPECT_TRUE(gst_harness_push_event(sink.get(), gst_event_new_eos()));
  ASSERT_TRUE(endpoint.waitClosed(1, 5s));
  const auto connection = *endpoint.connection(1);
  EXPECT_EQ(connection.audio(), std::string(650, 'a') + std::string(630, '\0'));
  EXPECT_EQ(connection.closeCode, 1000U);
}

TEST(Sink, AShortFileIsSentWholeBeforeThePipelineEnds) {
  SoupEndpoint::Options options;
  options.handshakeDelay = 300ms;
  SoupEndpoint endpoint(options);
  TestPipeline pipeline(
      "audiotestsrc num-buffers=5 samplesperbuffer=320 ! audio/x-raw,rate=16000 ! wsbridgesink "
      "uri=" +
      endpoint.uri());
  pipeline.play();
  ASSERT_TRUE(pipeline.waitEos());
  pipeline.stop();
  ASSERT_TRUE(endpoint.waitClosed(1, 5s));
  EXPECT_EQ(endpoint.connection(1)->binaries().size(), 5U);
}

TEST(Sink, SettingsReachTheHandshakeAndTheFirstMessage) {
  SoupEndpoint::Options options;
  options.protocol = "mine";
  SoupEndpoint endpoint(options);
  SinkHarness sink(
      endpoint.uri("/a/b?c=d"), 8000,
      R"(subprotocols="other, mine" authorization="Bearer token" content-type="audio/l16;rate=8000" )"
      R"(headers="{\"name_1\":\"value_1\"}" extra-headers="x,X-Call=\"42\"")");
  ASSERT_TRUE(endpoint.waitTexts(1, 1, 5s));
  const auto connection = *endpoint.connection(1);
  EXPECT_EQ(connection.path, "/a/b");
  EXPECT_EQ(connection.query, "c=d");
  EXPECT_EQ(connection.header("Authorization"), "Bearer token");
  EXPECT_EQ(connection.header("X-Call"), "42");
  EXPECT_EQ(connection.header("Sec-WebSocket-Protocol"), "other, mine");
  EXPECT_EQ(connection.protocol, "mine");
  EXPECT_EQ(connection.header("Host"), "127.0.0.1:" + std::to_string(endpoint.port()));
  EXPECT_EQ(connection.texts().front(),
            R"({"name_1":"value_1","content-type":"audio/l16;rate=8000"})");
}

GstEvent* dtmfEvent(GstEventType type, int number, bool start) {
  return gst_event_new_custom(
      type, gst_structure_new("dtmf-event", "type", G_TYPE_INT, 1, "number", G_TYPE_INT, number,
                              "volume", G_TYPE_INT, 10, "start", G_TYPE_BOOLEAN,
                              static_cast<gboolean>(start), nullptr));
}

TEST(Sink, DtmfEventsAreRelayedInOrderWithTheirDuration) {
  SoupEndpoint endpoint;
  SinkHarness sink(endpoint.uri(), 16000);
  ASSERT_TRUE(endpoint.waitTexts(1, 1, 5s));
  const char* digits = "0123456789*#ABCD";
  for (int number = 0; number < 16; ++number) {
    gst_harness_push_event(sink.get(), dtmfEvent(GST_EVENT_CUSTOM_DOWNSTREAM, number, true));
    GstEvent* stop = dtmfEvent(GST_EVENT_CUSTOM_DOWNSTREAM, number, false);
    gst_structure_set(gst_event_writable_structure(stop), "duration", G_TYPE_UINT,
                      100U + static_cast<guint>(number), nullptr);
    gst_harness_push_event(sink.get(), stop);
  }
  ASSERT_TRUE(endpoint.waitTexts(1, 17, 5s));
  const auto texts = endpoint.connection(1)->texts();
  for (size_t i = 0; i < 16; ++i) {
    EXPECT_EQ(texts[i + 1], std::string("{\"digit\":\"") + digits[i] +
                                "\",\"duration\":" + std::to_string(100 + i) + "}");
  }
}

TEST(Sink, DtmfSentToTheElementOrByActionSignal) {
  SoupEndpoint endpoint;
  SinkHarness sink(endpoint.uri(), 16000);
  ASSERT_TRUE(endpoint.waitTexts(1, 1, 5s));
  ASSERT_TRUE(testsupport::eventually(
      [&] {
        GstStructure* stats = nullptr;
        g_object_get(sink.sink(), "stats", &stats, nullptr);
        const bool open = g_strcmp0(gst_structure_get_string(stats, "state"), "open") == 0;
        gst_structure_free(stats);
        return open;
      },
      5s));
  gst_element_send_event(sink.sink(), dtmfEvent(GST_EVENT_CUSTOM_UPSTREAM, 11, true));
  gst_element_send_event(sink.sink(), dtmfEvent(GST_EVENT_CUSTOM_UPSTREAM, 11, false));
  gboolean sent = FALSE;
  g_signal_emit_by_name(sink.sink(), "send-dtmf", "a", 250U, &sent);
  EXPECT_TRUE(sent);
  g_signal_emit_by_name(sink.sink(), "send-dtmf", "x", 250U, &sent);
  EXPECT_FALSE(sent);
  g_signal_emit_by_name(sink.sink(), "send-text", "{\"hello\":1}", &sent);
  EXPECT_TRUE(sent);
  g_signal_emit_by_name(sink.sink(), "send-text", "\xff", &sent);
  EXPECT_FALSE(sent);
  ASSERT_TRUE(endpoint.waitTexts(1, 4, 5s));
  const auto texts = endpoint.connection(1)->texts();
  EXPECT_EQ(texts[1].substr(0, 24), "{\"digit\":\"#\",\"duration\":");
  EXPECT_EQ(texts[2], "{\"digit\":\"A\",\"duration\":250}");
  EXPECT_EQ(texts[3], "{\"hello\":1}");
}

TEST(Sink, LeakyItDropsTheOldestOfWhatIsNotReadAndNeverBlocks) {
  RawEndpoint::Options options;
  options.receiveBuffer = 4096;
  RawEndpoint endpoint(
      [](testsupport::RawConnection& connection) {
        connection.acceptHandshake();
        connection.hold();
        while (connection.recvFrame(2s)) {
        }
      },
      options);
  TestPipeline pipeline(
      "appsrc name=in format=time caps=audio/x-raw,format=S16LE,layout=interleaved,channels=1,"
      "rate=48000 ! wsbridgesink name=sink sync=false async=false max-queue=200 leaky=true "
      "uri=" +
      endpoint.uri());
  pipeline.play();
  ASSERT_NE(pipeline.waitMessage("wsbridge-opened"), nullptr);
  GstElement* in = pipeline.element("in");
  const auto start = testsupport::Clock::now();
  const auto frame = [](int number) {
    std::string bytes(1920, '\0');
    bytes[0] = static_cast<char>(number & 0xFF);
    bytes[1] = static_cast<char>(number >> 8);
    return gst_buffer_new_memdup(bytes.data(), bytes.size());
  };
  for (int i = 0; i < 1000; ++i) {
    GstFlowReturn flow = GST_FLOW_ERROR;
    GstBuffer* buffer = frame(i);
    g_signal_emit_by_name(in, "push-buffer", buffer, &flow);
    gst_buffer_unref(buffer);
    ASSERT_EQ(flow, GST_FLOW_OK);
  }
  ASSERT_TRUE(
      pipeline.waitUntil([&] { return pipeline.stat("sink", "frames-dropped") > 500; }, 5s));
  EXPECT_LT(testsupport::millisBetween(start, testsupport::Clock::now()), 3000);
  EXPECT_TRUE(pipeline.waitUntil([&] { return pipeline.warnings() > 0; }, 3s));
  EXPECT_LE(pipeline.warnings(), 3U);
  EXPECT_EQ(pipeline.errors(), 0U);
}

/// 20 ms at 48 kHz, all samples of which are `number`.
GstBuffer* numbered(int number, int frames = 1) {
  std::vector<int16_t> samples;
  for (int i = 0; i < frames; ++i)
    samples.insert(samples.end(), 960, static_cast<int16_t>(number + i));
  return gst_buffer_new_memdup(samples.data(), samples.size() * 2);
}

int numberIn(const std::string& payload) {
  return static_cast<uint8_t>(payload[0]) | static_cast<uint8_t>(payload[1]) << 8;
}

void push(GstElement* in, GstBuffer* buffer) {
  GstFlowReturn flow = GST_FLOW_ERROR;
  g_signal_emit_by_name(in, "push-buffer", buffer, &flow);
  gst_buffer_unref(buffer);
  ASSERT_EQ(flow, GST_FLOW_OK);
}

const std::string kNumbers =
    "appsrc name=in format=time max-bytes=0 caps=audio/x-raw,format=S16LE,layout=interleaved,"
    "channels=1,rate=48000 ! wsbridgesink name=sink sync=false async=false max-queue=200 uri=";

TEST(Sink, LosesNothingToAnEndpointThatReads) {
  SoupEndpoint endpoint;
  TestPipeline pipeline(kNumbers + endpoint.uri());
  pipeline.play();
  GstElement* in = pipeline.element("in");
  // Before the WebSocket is open, one buffer that is longer than the queue, and many at once.
  push(in, numbered(0, 1500));
  for (int i = 1500; i < 3000; ++i)
    push(in, numbered(i));
  GstFlowReturn flow = GST_FLOW_ERROR;
  g_signal_emit_by_name(in, "end-of-stream", &flow);
  ASSERT_TRUE(pipeline.waitEos(20s));
  ASSERT_TRUE(endpoint.waitBinaries(1, 3000, 5s));
  const auto binaries = endpoint.connection(1)->binaries();
  ASSERT_EQ(binaries.size(), 3000U);
  for (size_t i = 0; i < binaries.size(); ++i)
    ASSERT_EQ(numberIn(binaries[i].data), static_cast<int>(i));
  EXPECT_EQ(pipeline.stat("sink", "frames-dropped"), 0U);
  EXPECT_EQ(pipeline.warnings(), 0U);
}

TEST(Sink, WaitsForAnEndpointThatDoesNotReadThroughAPauseToo) {
  RawEndpoint endpoint(RawEndpoint::Handler(), {.receiveBuffer = 4096});
  TestPipeline pipeline(kNumbers + endpoint.uri());
  pipeline.play();
  GstElement* in = pipeline.element("in");
  for (int i = 0; i < 2000; ++i)
    push(in, numbered(i));
  const auto connection = endpoint.accept(5s);
  ASSERT_TRUE(connection && connection->acceptHandshake());
  ASSERT_TRUE(connection->recvFrame(testsupport::Opcode::Text, 5s));
  ASSERT_TRUE(pipeline.waitUntil([&] { return pipeline.stat("sink", "frames-sent") > 0; }, 5s));
  gst_element_set_state(pipeline.pipeline(), GST_STATE_PAUSED);
  ASSERT_EQ(gst_element_get_state(pipeline.pipeline(), nullptr, nullptr, 2 * GST_SECOND),
            GST_STATE_CHANGE_SUCCESS);
  gst_element_set_state(pipeline.pipeline(), GST_STATE_PLAYING);
  for (int i = 0; i < 2000; ++i) {
    const auto frame = connection->recvFrame(testsupport::Opcode::Binary, 5s);
    ASSERT_TRUE(frame) << "frame " << i;
    ASSERT_EQ(numberIn(frame->payload), i);
  }
  EXPECT_EQ(pipeline.stat("sink", "frames-dropped"), 0U);
}

TEST(Sink, ThatWaitsIsStoppedAtOnce) {
  RawEndpoint endpoint(RawEndpoint::Handler(), {.receiveBuffer = 4096});
  TestPipeline pipeline(kNumbers + endpoint.uri());
  pipeline.play();
  const auto connection = endpoint.accept(5s);
  ASSERT_TRUE(connection && connection->acceptHandshake());
  for (int i = 0; i < 2000; ++i)
    push(pipeline.element("in"), numbered(i));
  ASSERT_TRUE(pipeline.waitUntil([&] { return pipeline.stat("sink", "frames-sent") > 0; }, 5s));
  const auto start = testsupport::Clock::now();
  pipeline.stop();
  EXPECT_LT(testsupport::millisBetween(start, testsupport::Clock::now()), 1500);
  EXPECT_EQ(pipeline.stat("sink", "frames-dropped"), 0U);
  EXPECT_EQ(pipeline.errors(), 0U);
}

TEST(Sink, DataWithoutAFormatIsAnError) {
  SoupEndpoint endpoint;
  TestPipeline pipeline("fakesrc num-buffers=200 sizetype=fixed filltype=zero ! wsbridgesink uri=" +
                        endpoint.uri());
  pipeline.play();
  const auto* error = pipeline.waitError();
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->domain, GST_STREAM_ERROR);
}

TEST(Sink, AnotherRateThanTheForcedOneIsRefusedInNegotiation) {
  SoupEndpoint endpoint;
  TestPipeline pipeline(
      "audiotestsrc ! audio/x-raw,rate=8000 ! wsbridgesink content-type=audio/l16;rate=16000 uri=" +
      endpoint.uri());
  pipeline.play();
  EXPECT_NE(pipeline.waitError(), nullptr);
}

TEST(Sink, TheForcedRateIsWhatUpstreamConvertsTo) {
  SoupEndpoint endpoint;
  TestPipeline pipeline(
      "audiotestsrc num-buffers=20 is-live=true ! audio/x-raw,rate=44100 ! audioconvert ! "
      "audioresample ! wsbridgesink content-type=audio/l16;rate=24000 uri=" +
      endpoint.uri());
  pipeline.play();
  ASSERT_TRUE(endpoint.waitConnections(1, 5s));
  ASSERT_TRUE(endpoint.waitBinaries(1, 5, 5s));
  EXPECT_EQ(endpoint.connection(1)->texts().front(), R"({"content-type":"audio/l16;rate=24000"})");
  EXPECT_EQ(endpoint.connection(1)->binaries().front().data.size(), 960U);
}

TEST(Sink, AnEndpointThatClosesInOrderEndsThePipeline) {
  SoupEndpoint::Options options;
  options.onMessage = [](SoupEndpoint& endpoint, int id,
                         const testsupport::EndpointMessage& message) {
    if (!message.text) endpoint.close(id, 1000, "enough");
  };
  SoupEndpoint endpoint(options);
  TestPipeline pipeline(
      "audiotestsrc is-live=true samplesperbuffer=320 ! audio/x-raw,rate=16000 ! wsbridgesink "
      "uri=" +
      endpoint.uri());
  pipeline.play();
  EXPECT_TRUE(pipeline.waitEos());
  const GstStructure* closed = pipeline.waitMessage("wsbridge-closed");
  ASSERT_NE(closed, nullptr);
  EXPECT_STREQ(gst_structure_get_string(closed, "who"), "endpoint");
  EXPECT_STREQ(gst_structure_get_string(closed, "reason"), "enough");
  EXPECT_EQ(pipeline.errors(), 0U);
}

}  // namespace
