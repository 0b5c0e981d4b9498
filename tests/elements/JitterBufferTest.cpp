// SPDX-License-Identifier: LGPL-2.1-or-later
#include <atomic>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gst/check/gstharness.h>
#include <gtest/gtest.h>

#include "TestPipeline.hpp"
#include "Waiting.hpp"
#include "wire/Rtp.hpp"

#ifdef __SANITIZE_ADDRESS__
// libspandsp's plc_fillin(), behind spanplc, copies between ranges that overlap.
extern "C" __attribute__((visibility("default"))) const char* __asan_default_suppressions();
extern "C" const char* __asan_default_suppressions() {
  return "interceptor_via_lib:libspandsp.so\n";
}
#endif

namespace {

using elementtest::StructurePtr;
using testsupport::Monitor;
using namespace std::chrono_literals;

constexpr const char* kCaps =
    "application/x-rtp,media=audio,clock-rate=8000,encoding-name=PCMU,payload=0";
constexpr GstClockTime kPacket = 20 * GST_MSECOND;

/// 20 ms of PCMU; comes when it was sent unless another time is given.
GstBuffer* rtp(guint seq, GstClockTime at = GST_CLOCK_TIME_NONE, guint32 ssrc = 1) {
  const std::string bytes = wire::rtpPacket(
      {.sequence = static_cast<uint16_t>(seq), .timestamp = seq * 160, .ssrc = ssrc},
      std::string(160, '\0'));
  GstBuffer* buffer = gst_buffer_new_memdup(bytes.data(), bytes.size());
  GST_BUFFER_PTS(buffer) = GST_CLOCK_TIME_IS_VALID(at) ? at : seq * kPacket;
  return buffer;
}

GstElement* makeElement(guint max_wait_ms, const char* context = nullptr) {
  GstElement* element = gst_element_factory_make("wsbridgejitterbuffer", nullptr);
  g_object_set(element, "max-wait", max_wait_ms, "context", context, nullptr);
  return element;
}

/// The element between harness pads on a test clock, and what leaves it, in order, as text: "1! 2"
/// for buffers, "-3" for lost ones, "eos".
class Bench {
 public:
  explicit Bench(GstElement* element) : element_(element) {
    harness_ = gst_harness_new_with_element(element, "sink", "src");
    gst_harness_set_src_caps_str(harness_, kCaps);
    GstPad* src = gst_element_get_static_pad(element, "src");
    const auto what = static_cast<GstPadProbeType>(GST_PAD_PROBE_TYPE_BUFFER |
                                                   GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM);
    gst_pad_add_probe(src, what, onLeave, this, nullptr);
    gst_object_unref(src);
  }
  ~Bench() {
    gst_harness_teardown(harness_);
    gst_object_unref(element_);
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  GstFlowReturn push(GstBuffer* buffer) { return gst_harness_push(harness_, buffer); }
  bool event(GstEvent* event) { return gst_harness_push_event(harness_, event) != FALSE; }
  [[nodiscard]] std::string text() {
    const auto lock = monitor_.lock();
    return text_;
  }
  bool waitText(const std::string& expected) {
    return monitor_.waitFor([&] { return text_ == expected; }, 5s);
  }
  [[nodiscard]] std::vector<StructurePtr>& lost() { return lost_; }
  [[nodiscard]] std::vector<GstClockTime>& times() { return times_; }
  [[nodiscard]] std::vector<guint>& sequence() { return sequence_; }
  [[nodiscard]] GstHarness* harness() const { return harness_; }
  [[nodiscard]] GstElement* element() const { return element_; }
  guint64 stat(const char* field) const {
    GstStructure* stats = nullptr;
    g_object_get(element_, "stats", &stats, nullptr);
    const StructurePtr owned(stats);
    guint64 value = G_MAXUINT64;
    gst_structure_get_uint64(stats, field, &value);
    return value;
  }

 private:
  static GstPadProbeReturn onLeave(GstPad* /*pad*/, GstPadProbeInfo* info, gpointer data) {
    static_cast<Bench*>(data)->note(info);
    return GST_PAD_PROBE_OK;
  }
  void note(GstPadProbeInfo* info) {
    const auto lock = monitor_.lock();
    if (GstBuffer* buffer = GST_PAD_PROBE_INFO_BUFFER(info);
        (GST_PAD_PROBE_INFO_TYPE(info) & GST_PAD_PROBE_TYPE_BUFFER) != 0) {
      guint8 bytes[2];
      gst_buffer_extract(buffer, 2, bytes, 2);
      const guint seq = GST_READ_UINT16_BE(bytes);
      sequence_.push_back(seq);
      times_.push_back(GST_BUFFER_PTS(buffer));
      say(std::to_string(seq) + (GST_BUFFER_IS_DISCONT(buffer) ? "!" : ""));
    } else {
      const GstEvent* event = GST_PAD_PROBE_INFO_EVENT(info);
      if (gst_event_has_name(const_cast<GstEvent*>(event), "GstRTPPacketLost")) {
        const GstStructure* structure = gst_event_get_structure(const_cast<GstEvent*>(event));
        lost_.emplace_back(gst_structure_copy(structure));
        guint seq = 0;
        gst_structure_get_uint(structure, "seqnum", &seq);
        sequence_.push_back(seq);
        say("-" + std::to_string(seq));
      } else if (GST_EVENT_TYPE(event) == GST_EVENT_EOS || GST_EVENT_TYPE(event) == GST_EVENT_GAP) {
        say(GST_EVENT_TYPE_NAME(event));
      }
    }
    monitor_.notify();
  }
  void say(const std::string& word) { text_ += (text_.empty() ? "" : " ") + word; }

  GstElement* element_;
  GstHarness* harness_;
  Monitor monitor_;
  std::string text_;
  std::vector<StructurePtr> lost_;
  std::vector<GstClockTime> times_;
  std::vector<guint> sequence_;
};

TEST(JitterBufferElement, InOrderBuffersPassInTheCallAndUncopied) {
  Bench bench(makeElement(60));
  for (guint seq = 1; seq <= 3; ++seq) {
    GstBuffer* buffer = rtp(seq);
    bench.push(buffer);
    GstBuffer* out = gst_harness_try_pull(bench.harness());
    EXPECT_EQ(out, buffer);
    gst_buffer_unref(out);
  }
  EXPECT_EQ(bench.text(), "1! 2 3");
  EXPECT_EQ(bench.times(), (std::vector<GstClockTime>{kPacket, 2 * kPacket, 3 * kPacket}));
  GstTestClock* clock = gst_harness_get_testclock(bench.harness());
  EXPECT_EQ(gst_test_clock_peek_id_count(clock), 0U);
  gst_object_unref(clock);
}

TEST(JitterBufferElement, AGapIsHeldForTheClockThenReported) {
  Bench bench(makeElement(60));
  gst_harness_set_time(bench.harness(), 4 * kPacket);
  for (const guint seq : {1U, 2U, 4U})
    bench.push(rtp(seq));
  EXPECT_EQ(bench.text(), "1! 2");
  EXPECT_EQ(bench.stat("held"), 1U);
  ASSERT_TRUE(gst_harness_wait_for_clock_id_waits(bench.harness(), 1, 5));
  GstTestClock* clock = gst_harness_get_testclock(bench.harness());
  EXPECT_EQ(gst_test_clock_get_next_entry_time(clock), 4 * kPacket + 60 * GST_MSECOND);
  gst_object_unref(clock);
  ASSERT_TRUE(gst_harness_crank_single_clock_wait(bench.harness()));
  ASSERT_TRUE(bench.waitText("1! 2 -3 4!")) << bench.text();

  const GstStructure* lost = bench.lost().at(0).get();
  guint seq = 0;
  guint retry = 1;
  guint64 timestamp = 0;
  guint64 duration = 0;
  ASSERT_TRUE(gst_structure_get(lost, "seqnum", G_TYPE_UINT, &seq, "timestamp", G_TYPE_UINT64,
                                &timestamp, "duration", G_TYPE_UINT64, &duration, "retry",
                                G_TYPE_UINT, &retry, nullptr));
  EXPECT_EQ(seq, 3U);
  EXPECT_EQ(timestamp, 3 * kPacket);
  EXPECT_EQ(duration, kPacket);
  EXPECT_EQ(retry, 0U);
  EXPECT_EQ(bench.stat("lost"), 1U);
  EXPECT_EQ(bench.stat("held"), 0U);
}

TEST(JitterBufferElement, ASecondGapIsWaitedForAfterTheFirst) {
  Bench bench(makeElement(60));
  for (const guint seq : {1U, 3U, 5U}) {
    gst_harness_set_time(bench.harness(), seq * kPacket);
    bench.push(rtp(seq));
  }
  ASSERT_TRUE(gst_harness_crank_single_clock_wait(bench.harness()));
  ASSERT_TRUE(bench.waitText("1! -2 3!")) << bench.text();
  ASSERT_TRUE(gst_harness_crank_single_clock_wait(bench.harness()));
  ASSERT_TRUE(bench.waitText("1! -2 3! -4 5!")) << bench.text();
}

TEST(JitterBufferElement, TheMissingBufferInTimeIsPutInItsPlace) {
  Bench bench(makeElement(60));
  for (const guint seq : {1U, 3U, 4U})
    bench.push(rtp(seq));
  bench.push(rtp(2, 90 * GST_MSECOND));
  EXPECT_EQ(bench.text(), "1! 2 3 4");
  EXPECT_EQ(bench.stat("reordered"), 1U);
  bench.push(rtp(4));
  EXPECT_EQ(bench.stat("duplicates"), 1U);
}

TEST(JitterBufferElement, AShorterWaitHoldsAtOnce) {
  Bench bench(makeElement(10'000));
  gst_harness_set_time(bench.harness(), 3 * kPacket);
  bench.push(rtp(1));
  bench.push(rtp(3));
  g_object_set(bench.element(), "max-wait", 0, nullptr);
  EXPECT_TRUE(bench.waitText("1! -2 3!")) << bench.text();
}

TEST(JitterBufferElement, BufferListsAreTaken) {
  Bench bench(makeElement(60));
  GstBufferList* list = gst_buffer_list_new();
  for (const guint seq : {1U, 3U, 2U, 4U})
    gst_buffer_list_add(list, rtp(seq));
  GstPad* sink = gst_element_get_static_pad(bench.element(), "sink");
  EXPECT_EQ(gst_pad_chain_list(sink, gst_buffer_list_ref(list)), GST_FLOW_OK);
  gst_object_unref(sink);
  EXPECT_EQ(bench.text(), "1! 2 3 4");
  EXPECT_EQ(gst_buffer_list_length(list), 4U) << "somebody else's list is left alone";
  gst_buffer_list_unref(list);
}

TEST(JitterBufferElement, EndOfStreamReleasesWhatIsHeldFirst) {
  Bench bench(makeElement(60));
  for (const guint seq : {1U, 3U, 5U})
    bench.push(rtp(seq));
  bench.event(gst_event_new_gap(0, kPacket));
  bench.event(gst_event_new_eos());
  EXPECT_EQ(bench.text(), "1! gap -2 3! -4 5! eos");
}

TEST(JitterBufferElement, AFlushThrowsAwayWhatIsHeld) {
  Bench bench(makeElement(60));
  for (const guint seq : {1U, 3U})
    bench.push(rtp(seq));
  bench.event(gst_event_new_flush_start());
  bench.event(gst_event_new_flush_stop(TRUE));
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  bench.event(gst_event_new_segment(&segment));
  bench.push(rtp(9));
  EXPECT_EQ(bench.text(), "1! 9!");
  EXPECT_EQ(bench.stat("flushed"), 1U);
}

TEST(JitterBufferElement, NothingComesAfterTheStateHasGoneDownInAWait) {
  for (const char* context : {static_cast<const char*>(nullptr), "jitter-teardown"}) {
    Bench bench(makeElement(30, context));
    for (const guint seq : {1U, 3U})
      bench.push(rtp(seq));
    gst_element_set_state(bench.element(), GST_STATE_READY);
    EXPECT_EQ(bench.stat("flushed"), 1U);
    EXPECT_EQ(bench.stat("received"), 2U) << "the figures stay until the next run";
    if (context == nullptr) {
      GstTestClock* clock = gst_harness_get_testclock(bench.harness());
      EXPECT_EQ(gst_test_clock_peek_id_count(clock), 0U);
      gst_object_unref(clock);
    } else {
      // A later wait on the same loop ends: so the time of the first has passed.
      Bench later(makeElement(60, context));
      for (const guint seq : {1U, 3U})
        later.push(rtp(seq));
      EXPECT_TRUE(later.waitText("1! -2 3!")) << later.text();
    }
    EXPECT_EQ(bench.text(), "1!");
    gst_element_set_state(bench.element(), GST_STATE_PLAYING);
    EXPECT_EQ(bench.stat("received"), 0U);
  }
}

TEST(JitterBufferElement, TeardownWithAWaitPendingIsSafe) {
  for (int i = 0; i < 200; ++i) {
    Bench bench(makeElement(1, i % 2 != 0 ? "jitter-churn" : nullptr));
    if (i % 4 < 2) gst_harness_use_systemclock(bench.harness());
    for (const guint seq : {1U, 3U, 5U})
      bench.push(rtp(seq));
    if (i % 3 == 0) std::this_thread::yield();
  }
}

TEST(JitterBufferElement, ASharedLoopEndsTheWait) {
  Bench bench(makeElement(20, "jitter-loop"));
  for (const guint seq : {1U, 3U, 5U})
    bench.push(rtp(seq));
  EXPECT_TRUE(bench.waitText("1! -2 3! -4 5!")) << bench.text();
}

TEST(JitterBufferElement, OrderHoldsWhileTheTimerAndTheSenderPushTogether) {
  for (const char* context : {static_cast<const char*>(nullptr), "jitter-threads"}) {
    Bench bench(makeElement(1, context));
    gst_harness_use_systemclock(bench.harness());
    constexpr guint kPackets = 3000;
    std::thread sender([&bench] {
      std::mt19937 random(7);
      for (guint seq = 1; seq <= kPackets; ++seq) {
        if (random() % 10 == 0) continue;
        GstBuffer* buffer = rtp(seq);
        GST_BUFFER_PTS(buffer) = GST_CLOCK_TIME_NONE;
        bench.push(buffer);
        // Long enough for some of the waits to end meanwhile.
        if (random() % 16 == 0) g_usleep(random() % 2000);
      }
    });
    sender.join();
    bench.event(gst_event_new_eos());
    const auto& sequence = bench.sequence();
    for (size_t i = 1; i < sequence.size(); ++i)
      ASSERT_EQ(sequence[i], sequence[i - 1] + 1);
    EXPECT_EQ(bench.stat("delivered") + bench.stat("lost"), sequence.size());
    EXPECT_GT(bench.stat("lost"), 200U);
  }
}

TEST(JitterBufferElement, AnUnknownClockRateIsAnErrorWithARemedy) {
  elementtest::TestPipeline pipeline(
      "appsrc name=in format=time caps=application/x-rtp,media=audio ! wsbridgejitterbuffer ! "
      "fakesink");
  pipeline.play();
  GstBuffer* buffer = rtp(1);
  GstFlowReturn flow = GST_FLOW_OK;
  g_signal_emit_by_name(pipeline.element("in"), "push-buffer", buffer, &flow);
  gst_buffer_unref(buffer);
  const auto* error = pipeline.waitError();
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->domain, GST_STREAM_ERROR);
  EXPECT_EQ(error->code, GST_STREAM_ERROR_FORMAT);
  EXPECT_NE(error->debug.find("clock-rate"), std::string::npos);
}

TEST(JitterBufferElement, WhatIsNoRtpIsCountedAndDropped) {
  Bench bench(makeElement(60));
  EXPECT_EQ(bench.push(gst_buffer_new_allocate(nullptr, 5, nullptr)), GST_FLOW_OK);
  EXPECT_EQ(bench.push(gst_buffer_new()), GST_FLOW_OK);
  EXPECT_EQ(bench.stat("invalid"), 2U);
  EXPECT_EQ(bench.stat("received"), 0U);
}

TEST(JitterBufferElement, TheLatencyIsOnlyAPossibleOne) {
  Bench bench(makeElement(60));
  gst_harness_set_upstream_latency(bench.harness(), 10 * GST_MSECOND);
  GstPad* src = gst_element_get_static_pad(bench.element(), "src");
  GstQuery* query = gst_query_new_latency();
  ASSERT_TRUE(gst_pad_query(src, query));
  GstClockTime min = 0;
  GstClockTime max = 0;
  gst_query_parse_latency(query, nullptr, &min, &max);
  EXPECT_EQ(min, 10 * GST_MSECOND);
  EXPECT_TRUE(!GST_CLOCK_TIME_IS_VALID(max) || max == 70 * GST_MSECOND);
  gst_query_unref(query);
  gst_object_unref(src);
}

TEST(JitterBufferElement, DecodersConcealExactlyWhatWasLost) {
  GstHarness* harness =
      gst_harness_new_parse("wsbridgejitterbuffer ! rtppcmudepay ! mulawdec ! spanplc");
  gst_harness_set_src_caps_str(harness, kCaps);
  constexpr guint kPackets = 2000;
  std::mt19937 random(3);
  for (guint seq = 0; seq < kPackets; ++seq) {
    const bool lost = random() % 20 == 0 && seq != 0 && seq != kPackets - 1;
    const GstClockTime jitter = random() % 30 * GST_MSECOND;
    if (!lost) gst_harness_push(harness, rtp(seq, seq * kPacket + jitter));
  }
  gst_harness_push_event(harness, gst_event_new_eos());
  gsize bytes = 0;
  while (GstBuffer* buffer = gst_harness_try_pull(harness)) {
    bytes += gst_buffer_get_size(buffer);
    gst_buffer_unref(buffer);
  }
  EXPECT_EQ(bytes, gsize{kPackets} * 320);
  gst_harness_teardown(harness);
}

}  // namespace
