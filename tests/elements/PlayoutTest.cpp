// SPDX-License-Identifier: LGPL-2.1-or-later
//
// wsbridgesrc: rhythm, time stamps, bursts, back-pressure, control messages, the test clock.
#include <filesystem>
#include <thread>

#include <gst/check/gstharness.h>
#include <gst/check/gsttestclock.h>
#include <gtest/gtest.h>

#include "Pcm.hpp"
#include "RawEndpoint.hpp"
#include "SoupEndpoint.hpp"
#include "TestPipeline.hpp"

namespace {

using elementtest::TestPipeline;
using testsupport::EndpointMessage;
using testsupport::Opcode;
using testsupport::RawEndpoint;
using testsupport::SoupEndpoint;
using namespace std::chrono_literals;

constexpr GstClockTime kFrame = 20 * GST_MSECOND;

std::string source(const std::string& uri, const std::string& more = "",
                   const std::string& sink = "sync=false async=false") {
  return "wsbridgesrc name=src uri=" + uri + " " + more +
         " ! audio/x-raw,rate=16000 ! fakesink name=out signal-handoffs=true " + sink;
}

/// Small values, so that no fade touches them; the value tells the position.
std::string numbered(size_t samples) {
  testsupport::Samples all(samples);
  for (size_t i = 0; i < samples; ++i)
    all[i] = static_cast<int16_t>(i % 499 + 1);
  return testsupport::toBytes(all);
}

/// wsbridgesrc in a harness whose clock only the test moves.
class ClockedSource {
 public:
  explicit ClockedSource(const std::string& uri, const std::string& more = "") {
    harness_ = gst_harness_new_parse(("wsbridgesrc " + more + " uri=" + uri).c_str());
    gst_harness_use_testclock(harness_);
    gst_harness_set_sink_caps_str(
        harness_, "audio/x-raw,format=S16LE,layout=interleaved,channels=1,rate=16000");
    gst_harness_play(harness_);
  }
  ~ClockedSource() { gst_harness_teardown(harness_); }
  ClockedSource(const ClockedSource&) = delete;
  ClockedSource& operator=(const ClockedSource&) = delete;

  GstBuffer* next() {
    if (!gst_harness_wait_for_clock_id_waits(harness_, 1, 5)) return nullptr;
    gst_harness_crank_single_clock_wait(harness_);
    return gst_harness_pull(harness_);
  }
  std::string nextBytes() {
    GstBuffer* buffer = next();
    if (buffer == nullptr) return "";
    std::string bytes(gst_buffer_get_size(buffer), '\0');
    gst_buffer_extract(buffer, 0, bytes.data(), bytes.size());
    gst_buffer_unref(buffer);
    return bytes;
  }
  GstHarness* get() { return harness_; }

 private:
  GstHarness* harness_;
};

TEST(Source, IsLiveWithOneFrameEach20MsOfTheClockAndContinuousTimes) {
  SoupEndpoint endpoint;
  ClockedSource source(endpoint.uri());
  GstClockTime expected = GST_CLOCK_TIME_NONE;
  for (int i = 0; i < 200; ++i) {
    GstBuffer* buffer = source.next();
    ASSERT_NE(buffer, nullptr);
    EXPECT_EQ(gst_buffer_get_size(buffer), 640U);
    EXPECT_EQ(GST_BUFFER_DURATION(buffer), kFrame);
    if (expected != GST_CLOCK_TIME_NONE) {
      EXPECT_EQ(GST_BUFFER_PTS(buffer), expected);
    }
    EXPECT_EQ(GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_DISCONT) != 0, i == 0);
    expected = GST_BUFFER_PTS(buffer) + kFrame;
    gst_buffer_unref(buffer);
  }
  EXPECT_EQ(gst_harness_query_latency(source.get()), kFrame);
}

TEST(Source, PlaysAMinuteSentAtOnceToTheLastSampleOnTheTestClock) {
  const std::string minute = numbered(16000 * 60);
  SoupEndpoint::Options options;
  options.onOpen = [&](SoupEndpoint& endpoint, int id) { endpoint.sendBinary(id, minute); };
  SoupEndpoint endpoint(options);
  ClockedSource source(endpoint.uri(), "fallback=silence name=src");
  GstElement* element = gst_harness_find_element(source.get(), "wsbridgesrc");
  // The clock stands still while the minute arrives.
  ASSERT_TRUE(testsupport::eventually(
      [&] {
        GstStructure* stats = nullptr;
        g_object_get(element, "stats", &stats, nullptr);
        guint64 queued = 0;
        gst_structure_get_uint64(stats, "playout-ms", &queued);
        gst_structure_free(stats);
        return queued == 60000;
      },
      10s));
  gst_object_unref(element);
  std::string played;
  while (played.size() < minute.size()) {
    const std::string bytes = source.nextBytes();
    ASSERT_EQ(bytes.size(), 640U);
    played += bytes;
  }
  EXPECT_EQ(played, minute);
}

TEST(Source, FallbackNoneSendsGapsAndSilenceSendsZeros) {
  SoupEndpoint endpoint;
  {
    ClockedSource source(endpoint.uri(), "fallback=silence");
    for (int i = 0; i < 5; ++i)
      EXPECT_EQ(source.nextBytes(), std::string(640, '\0'));
  }
  TestPipeline pipeline(source(endpoint.uri(), "fallback=none"));
  pipeline.record("out");
  pipeline.play();
  ASSERT_TRUE(pipeline.waitUntil([&] { return pipeline.stat("src", "frames-fallback") > 10; }, 5s));
  EXPECT_EQ(pipeline.recorded(), "");
}

TEST(Source, MessagesOfAnySizeAndFragmentsAreOneStream) {
  const std::string audio = numbered(16000 * 3 + 77);
  RawEndpoint endpoint([&](testsupport::RawConnection& connection) {
    if (!connection.acceptHandshake()) return;
    size_t at = 0;
    const auto next = [&](size_t size) {
      std::string part = audio.substr(at, size);
      at += part.size();
      return part;
    };
    connection.sendFrame(Opcode::Binary, true, next(1));
    connection.sendFrame(Opcode::Binary, true, next(100));
    connection.sendFrame(Opcode::Binary, false, next(333));
    connection.sendFrame(Opcode::Continuation, false, next(0));
    connection.sendFrame(Opcode::Ping, true, "between");
    connection.sendFrame(Opcode::Continuation, true, next(7001));
    connection.sendFrame(Opcode::Binary, true, next(70001));
    connection.sendFrame(Opcode::Binary, true, next(1 << 20));
    connection.recvFrame(Opcode::Pong, 5s);
    connection.sendClose(1000, "done");
    connection.waitPeerGone(10s);
  });
  TestPipeline pipeline(source(endpoint.uri(), "fallback=silence"));
  pipeline.record("out");
  pipeline.play();
  ASSERT_TRUE(pipeline.waitEos(10s));
  std::string played = pipeline.recorded();
  const size_t start = played.find_first_not_of('\0') & ~size_t{1};
  EXPECT_EQ(played.substr(start, audio.size()), audio);
  EXPECT_EQ(pipeline.errors(), 0U);
}

/// Werkzeug's server writes an answer of HTTP where its WebSocket has ended.
TEST(Source, WhatIsQueuedIsPlayedWhateverComesBehindTheCloseFrame) {
  const std::string audio = numbered(16000);
  const std::string answers[] = {
      "HTTP/1.1 200 OK\r\nServer: Werkzeug/3.1.3 Python/3.13.5\r\nContent-Length: 0\r\n\r\n",
      testsupport::encodeFrame(Opcode::Binary, true, std::string(640, '\x7f')),
      testsupport::encodeFrame(Opcode::Close, true, testsupport::closePayload(1011, "late")),
      std::string("\x83\xFF\xFF\xFF", 4)};
  for (const std::string& answer : answers) {
    RawEndpoint endpoint([&](testsupport::RawConnection& connection) {
      if (!connection.acceptHandshake()) return;
      connection.write(
          testsupport::encodeFrame(Opcode::Binary, true, audio) +
          testsupport::encodeFrame(Opcode::Close, true, testsupport::closePayload(1000, "done")) +
          answer);
      connection.waitPeerGone(10s);
    });
    TestPipeline pipeline(source(endpoint.uri(), "fallback=silence"));
    pipeline.record("out");
    pipeline.play();
    ASSERT_TRUE(pipeline.waitEos(10s));
    const std::string played = pipeline.recorded();
    const size_t start = played.find_first_not_of('\0') & ~size_t{1};
    EXPECT_EQ(played.substr(start, audio.size()), audio);
    EXPECT_EQ(played.find('\x7f' + std::string(600, '\x7f')), std::string::npos);
    EXPECT_EQ(pipeline.errors(), 0U);
  }
}

TEST(Source, AFullQueueStopsReadingWhileControlAndOurAudioGoOn) {
  std::atomic<bool> finished{false};
  std::atomic<uint64_t> received{0};
  const std::string audio = numbered(16000 * 30);
  RawEndpoint endpoint([&](testsupport::RawConnection& connection) {
    if (!connection.acceptHandshake()) return;
    std::thread writer([&] {
      for (size_t at = 0; at < audio.size(); at += 32000)
        connection.sendBinary(audio.substr(at, 32000));
      finished = true;
    });
    while (const auto frame = connection.recvFrame(5s)) {
      if (frame->opcode == Opcode::Binary) ++received;
      if (frame->opcode == Opcode::Text && frame->payload == "stop") break;
    }
    connection.release();
    writer.join();
  });
  TestPipeline pipeline(
      "audiotestsrc is-live=true samplesperbuffer=320 ! audio/x-raw,rate=16000 ! wsbridgesink "
      "connection=p name=sink uri=" +
      endpoint.uri() +
      " wsbridgesrc connection=p name=src fallback=silence max-playout=1000 ! fakesink sync=false");
  pipeline.play();
  ASSERT_TRUE(pipeline.waitUntil([&] { return pipeline.stat("src", "pauses") >= 1; }, 5s));
  const uint64_t before = received;
  ASSERT_TRUE(pipeline.waitUntil([&] { return received > before + 50; }, 5s));
  EXPECT_LE(pipeline.stat("src", "playout-high-ms"), 1000U + 600U);
  gboolean sent = FALSE;
  g_signal_emit_by_name(pipeline.element("src"), "send-text", "stop", &sent);
  EXPECT_TRUE(sent);
  ASSERT_TRUE(endpoint.waitServed(1, 15s));
}

TEST(Source, ItsEndWithAFullQueueDoesNotLeaveTheSinkWithASocketThatNobodyReads) {
  const std::string audio = numbered(16000 * 10);
  RawEndpoint endpoint([&](testsupport::RawConnection& connection) {
    if (!connection.acceptHandshake()) return;
    connection.sendBinary(audio);
    connection.sendClose(1000);
    while (connection.recvFrame(5s)) {
    }
  });
  TestPipeline playing(
      "wsbridgesrc connection=end name=src fallback=silence max-playout=1000 ! fakesink "
      "sync=false");
  TestPipeline sending(
      "audiotestsrc is-live=true samplesperbuffer=320 ! audio/x-raw,rate=16000 ! wsbridgesink "
      "connection=end name=sink uri=" +
      endpoint.uri());
  playing.play();
  sending.play();
  ASSERT_TRUE(playing.waitUntil([&] { return playing.stat("src", "pauses") >= 1; }, 5s));
  EXPECT_EQ(sending.messages("wsbridge-closed"), 0U);
  playing.stop();
  EXPECT_NE(sending.waitMessage("wsbridge-closed"), nullptr);
}

TEST(Source, PlaysAgainBesideASinkThatHasGoneOn) {
  SoupEndpoint::Options options;
  options.echo = true;
  SoupEndpoint endpoint(options);
  TestPipeline playing("wsbridgesrc connection=again name=src ! fakesink sync=false");
  TestPipeline sending(
      "audiotestsrc is-live=true samplesperbuffer=320 ! audio/x-raw,rate=16000 ! wsbridgesink "
      "connection=again name=sink uri=" +
      endpoint.uri());
  playing.play();
  sending.play();
  const auto played = [&] { return playing.stat("src", "frames-played"); };
  ASSERT_TRUE(playing.waitUntil([&] { return played() > 10; }, 5s));
  gst_element_set_state(playing.pipeline(), GST_STATE_READY);
  const uint64_t before = played();
  playing.play();
  EXPECT_TRUE(playing.waitUntil([&] { return played() > before + 10; }, 5s));
  EXPECT_EQ(endpoint.count(), 1U);
}

TEST(Source, ABurstThroughASmallQueueLosesNothing) {
  const std::string audio = numbered(16000 * 4);
  SoupEndpoint::Options options;
  options.onOpen = [&](SoupEndpoint& endpoint, int id) {
    endpoint.sendBinary(id, audio);
    endpoint.close(id, 1000);
  };
  SoupEndpoint endpoint(options);
  TestPipeline pipeline(source(endpoint.uri(), "fallback=silence max-playout=500"));
  pipeline.record("out");
  pipeline.play();
  ASSERT_TRUE(pipeline.waitEos(15s));
  const std::string played = pipeline.recorded();
  const size_t start = played.find_first_not_of('\0') & ~size_t{1};
  EXPECT_EQ(played.substr(start, audio.size()), audio);
  EXPECT_GE(pipeline.stat("src", "pauses"), 1U);
}

TEST(Source, ClearEmptiesTheQueueAndNotifyFiresBehindItsAudio) {
  SoupEndpoint::Options options;
  options.onOpen = [](SoupEndpoint& endpoint, int id) {
    endpoint.sendBinary(id, numbered(3200));
    endpoint.sendText(id, R"({"action":"notify","payload":{"id":1}})");
    endpoint.sendBinary(id, numbered(16000 * 60));
    endpoint.sendText(id, R"({"action":"notify","payload":{"id":2}})");
  };
  SoupEndpoint endpoint(options);
  TestPipeline pipeline(source(endpoint.uri(), "fallback=silence max-playout=120000"));
  pipeline.play();
  ASSERT_TRUE(endpoint.waitConnections(1, 5s));
  ASSERT_TRUE(endpoint.waitTexts(1, 2, 5s));
  EXPECT_EQ(endpoint.connection(1)->texts()[1],
            R"({"event":"websocket:notify","payload":{"id":1}})");
  EXPECT_GT(pipeline.stat("src", "playout-ms"), 50000U);
  endpoint.sendText(1, R"({"action":"clear"})");
  EXPECT_TRUE(endpoint.waitTexts(1, 4, 5s));
  const auto texts = endpoint.connection(1)->texts();
  ASSERT_EQ(texts.size(), 4U) << testing::PrintToString(texts);
  EXPECT_EQ(texts[2], R"({"event":"websocket:notify","payload":{"id":2}})");
  EXPECT_EQ(texts[3], R"({"event":"websocket:cleared"})");
  EXPECT_LE(pipeline.stat("src", "playout-ms"), 20U);
  EXPECT_NE(pipeline.waitMessage("wsbridge-control"), nullptr);
}

TEST(Source, TextDtmfAndHangupOfTheEndpointBecomeMessages) {
  SoupEndpoint::Options options;
  options.onOpen = [](SoupEndpoint& endpoint, int id) {
    endpoint.sendText(id, "plain words");
    endpoint.sendText(id, R"({"action":"dtmf","digits":"4#","duration":200})");
    endpoint.sendText(id, R"({"action":"hangup"})");
  };
  SoupEndpoint endpoint(options);
  TestPipeline pipeline(source(endpoint.uri()));
  pipeline.play();
  const GstStructure* control = pipeline.waitMessage("wsbridge-control");
  ASSERT_NE(control, nullptr);
  EXPECT_STREQ(gst_structure_get_string(control, "action"), "hangup");
  EXPECT_STREQ(gst_structure_get_string(pipeline.waitMessage("wsbridge-text"), "text"),
               "plain words");
  EXPECT_EQ(pipeline.messages("wsbridge-dtmf"), 2U);
  const GstStructure* dtmf = pipeline.waitMessage("wsbridge-dtmf");
  EXPECT_STREQ(gst_structure_get_string(dtmf, "digit"), "#");
  EXPECT_STREQ(gst_structure_get_string(dtmf, "direction"), "from-endpoint");
}

TEST(Source, ASharedLoopGivesTheSameRhythmWithoutAThreadPerElement) {
  SoupEndpoint::Options options;
  options.echo = true;
  SoupEndpoint endpoint(options);
  std::string line;
  for (int i = 0; i < 20; ++i) {
    line += "wsbridgesrc fallback=silence context=test context-wait=5 uri=" + endpoint.uri() +
            " name=s" + std::to_string(i) + " ! fakesink sync=false async=false ";
  }
  TestPipeline pipeline(line);
  pipeline.play();
  ASSERT_TRUE(endpoint.waitConnections(20, 5s));
  const auto frames = [&](int i) {
    return pipeline.stat("s" + std::to_string(i), "frames-fallback");
  };
  const uint64_t before = frames(0);
  const auto start = testsupport::Clock::now();
  ASSERT_TRUE(pipeline.waitUntil([&] { return frames(0) >= before + 100; }, 10s));
  const double took = testsupport::millisBetween(start, testsupport::Clock::now());
  EXPECT_NEAR(took, 2000, 200);
  for (int i = 1; i < 20; ++i)
    EXPECT_NEAR(static_cast<double>(frames(i)), static_cast<double>(frames(0)), 6);
}

TEST(Source, PauseAndPlayAgainGoOn) {
  SoupEndpoint endpoint;
  for (const char* context : {"", "context=pp"}) {
    TestPipeline pipeline(source(endpoint.uri(), context));
    for (int round = 0; round < 3; ++round) {
      pipeline.play();
      const uint64_t before = pipeline.stat("src", "frames-fallback");
      ASSERT_TRUE(pipeline.waitUntil(
          [&] { return pipeline.stat("src", "frames-fallback") > before + 5; }, 5s));
      gst_element_set_state(pipeline.pipeline(), GST_STATE_PAUSED);
      gst_element_get_state(pipeline.pipeline(), nullptr, nullptr, GST_CLOCK_TIME_NONE);
    }
  }
}

TEST(Source, PausingLeavesNothingBehind) {
  SoupEndpoint endpoint;
  const auto threads = [] {
    const auto usage = std::distance(std::filesystem::directory_iterator("/proc/self/task"), {});
    return usage;
  };
  const auto before = threads();
  for (int round = 0; round < 10; ++round) {
    TestPipeline pipeline(source(endpoint.uri()));
    for (const GstState state :
         {GST_STATE_PLAYING, GST_STATE_PAUSED, GST_STATE_PLAYING, GST_STATE_PAUSED}) {
      gst_element_set_state(pipeline.pipeline(), state);
      gst_element_get_state(pipeline.pipeline(), nullptr, nullptr, GST_SECOND);
    }
  }
  EXPECT_TRUE(testsupport::eventually([&] { return threads() <= before + 1; }, 10s))
      << threads() << ", before " << before;
}

TEST(Source, ABlockingSinkBehindAPrivateLoopIsHarmless) {
  SoupEndpoint::Options options;
  options.echo = true;
  SoupEndpoint endpoint(options);
  TestPipeline pipeline(
      "audiotestsrc is-live=true samplesperbuffer=320 ! audio/x-raw,rate=16000 ! wsbridgesink "
      "connection=b name=sink uri=" +
      endpoint.uri() + " wsbridgesrc connection=b name=src ! fakesink sync=true");
  pipeline.play();
  ASSERT_TRUE(pipeline.waitUntil([&] { return pipeline.stat("src", "frames-played") > 50; }, 10s));
  gst_element_set_state(pipeline.pipeline(), GST_STATE_PAUSED);  // the sink now blocks its pusher
  pipeline.stop();
}

TEST(Source, EosOfTheApplicationEndsTheStream) {
  SoupEndpoint endpoint;
  TestPipeline pipeline(source(endpoint.uri()));
  pipeline.play();
  ASSERT_NE(pipeline.waitMessage("wsbridge-opened"), nullptr);
  gst_element_send_event(pipeline.pipeline(), gst_event_new_eos());
  EXPECT_TRUE(pipeline.waitEos());
}

}  // namespace
