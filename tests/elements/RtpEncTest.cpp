// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <string>
#include <vector>

#include <gst/check/gstharness.h>
#include <gtest/gtest.h>

#include "Pcm.hpp"
#include "RtpPeer.hpp"
#include "TestPipeline.hpp"

namespace {

using elementtest::StructurePtr;
using elementtest::TestPipeline;
using testsupport::Samples;
using namespace std::chrono_literals;

constexpr GstClockTime kBlock = 20 * GST_MSECOND;

/// One buffer that came out.
struct Packet {
  std::string bytes;
  GstClockTime pts = GST_CLOCK_TIME_NONE;
  GstClockTime duration = GST_CLOCK_TIME_NONE;
  bool marker_flag = false;

  [[nodiscard]] wire::RtpHeader header() const {
    wire::RtpHeader header;
    EXPECT_TRUE(
        wire::parseRtp(reinterpret_cast<const guint8*>(bytes.data()), bytes.size(), header));
    return header;
  }
  [[nodiscard]] bool marker() const { return header().marker; }
  [[nodiscard]] int payloadType() const { return header().payloadType; }
  [[nodiscard]] guint sequence() const { return header().sequence; }
  [[nodiscard]] guint timestamp() const { return header().timestamp; }
  [[nodiscard]] guint ssrc() const { return header().ssrc; }
  [[nodiscard]] std::string payload() const { return bytes.substr(12); }
};

/// A launch line, or one element, between harness pads.
class Bench {
 public:
  explicit Bench(const std::string& line, int rate = 8000)
      : harness_(gst_harness_new_parse(line.c_str())) {
    setRate(rate);
  }
  ~Bench() { gst_harness_teardown(harness_); }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  void setRate(int rate) {
    rate_ = rate;
    const std::string caps =
        "audio/x-raw,format=S16LE,layout=interleaved,channels=1,rate=" + std::to_string(rate);
    gst_harness_set_src_caps_str(harness_, caps.c_str());
  }
  GstFlowReturn push(const Samples& samples, bool discont = false) {
    const std::string bytes = testsupport::toBytes(samples);
    GstBuffer* buffer = gst_buffer_new_memdup(bytes.data(), bytes.size());
    GST_BUFFER_PTS(buffer) = now;
    GST_BUFFER_DURATION(buffer) = gst_util_uint64_scale_int(samples.size(), GST_SECOND, rate_);
    if (discont) GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_DISCONT);
    now += GST_BUFFER_DURATION(buffer);
    return gst_harness_push(harness_, buffer);
  }
  /// In blocks of so many samples, the last one shorter.
  void pushAll(const Samples& samples, size_t block) {
    for (size_t at = 0; at < samples.size(); at += block)
      push(testsupport::slice(samples, at, std::min(block, samples.size() - at)));
  }
  void event(GstEvent* event) { gst_harness_push_event(harness_, event); }
  void eos() { event(gst_event_new_eos()); }

  std::vector<Packet> packets() {
    std::vector<Packet> all;
    while (GstBuffer* buffer = gst_harness_try_pull(harness_)) {
      Packet packet;
      packet.bytes.resize(gst_buffer_get_size(buffer));
      gst_buffer_extract(buffer, 0, packet.bytes.data(), packet.bytes.size());
      packet.pts = GST_BUFFER_PTS(buffer);
      packet.duration = GST_BUFFER_DURATION(buffer);
      packet.marker_flag = GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_MARKER);
      all.push_back(std::move(packet));
      gst_buffer_unref(buffer);
    }
    return all;
  }
  StructurePtr caps() {
    GstCaps* caps = gst_pad_get_current_caps(harness_->sinkpad);
    if (caps == nullptr) return nullptr;
    StructurePtr fields(gst_structure_copy(gst_caps_get_structure(caps, 0)));
    gst_caps_unref(caps);
    return fields;
  }
  /// Borrowed: the launch line's bin keeps it.
  [[nodiscard]] GstElement* encoder() const {
    GstElement* element = gst_harness_find_element(harness_, "wsbridgertpenc");
    gst_object_unref(element);
    return element;
  }
  [[nodiscard]] GstHarness* harness() const { return harness_; }
  guint64 stat(const char* field) {
    GstStructure* stats = nullptr;
    g_object_get(encoder(), "stats", &stats, nullptr);
    const StructurePtr owned(stats);
    guint64 value = G_MAXUINT64;
    gst_structure_get_uint64(stats, field, &value);
    return value;
  }

  GstClockTime now = 0;

 private:
  GstHarness* harness_;
  int rate_ = 8000;
};

std::string joined(const std::vector<Packet>& packets) {
  std::string all;
  for (const Packet& packet : packets)
    all += packet.payload();
  return all;
}

guint uintIn(const StructurePtr& fields, const char* name) {
  guint value = G_MAXUINT;
  EXPECT_TRUE(gst_structure_get_uint(fields.get(), name, &value)) << name;
  return value;
}

int intIn(const StructurePtr& fields, const char* name) {
  int value = -1;
  EXPECT_TRUE(gst_structure_get_int(fields.get(), name, &value)) << name;
  return value;
}

/// All sample values, so that every code comes.
Samples everyLevel() {
  Samples samples;
  for (int value = -32768; value < 32768; value += 7)
    samples.push_back(static_cast<int16_t>(value));
  samples.resize(samples.size() / 160 * 160);
  return samples;
}

struct Codec {
  const char* encoding;
  const char* stock;
};

class RtpEncCodecs : public testing::TestWithParam<Codec> {};

TEST_P(RtpEncCodecs, ThePacketsAreThoseOfTheStockElements) {
  const std::string numbers = " ssrc=4711 seqnum-offset=65530 timestamp-offset=4294960000 ";
  const std::string pt = std::string(GetParam().encoding) == "l16" ? " pt=96" : "";
  Bench ours(std::string("wsbridgertpenc encoding=") + GetParam().encoding + numbers + pt);
  Bench stock(GetParam().stock + numbers + pt + " min-ptime=20000000 max-ptime=20000000");
  const Samples samples = everyLevel();
  ours.pushAll(samples, 160);
  stock.pushAll(samples, 160);
  const auto got = ours.packets();
  const auto expected = stock.packets();
  ASSERT_EQ(got.size(), samples.size() / 160);
  ASSERT_EQ(expected.size(), got.size());
  for (size_t i = 0; i < got.size(); ++i) {
    // The stock payloader marks the first packet only when its input is a discontinuity.
    std::string bytes = got[i].bytes;
    if (i == 0) {
      EXPECT_TRUE(got[i].marker());
      bytes[1] = static_cast<char>(bytes[1] & 0x7f);
      EXPECT_EQ(bytes.substr(12), expected[i].payload());
      EXPECT_EQ(bytes.substr(2, 10), expected[i].bytes.substr(2, 10));
      continue;
    }
    ASSERT_EQ(bytes, expected[i].bytes) << i;
    EXPECT_EQ(got[i].pts, expected[i].pts);
    EXPECT_EQ(got[i].duration, kBlock);
  }
  const StructurePtr fields = ours.caps();
  const StructurePtr stock_fields = stock.caps();
  for (const char* name : {"media", "encoding-name"}) {
    EXPECT_STREQ(gst_structure_get_string(fields.get(), name),
                 gst_structure_get_string(stock_fields.get(), name));
  }
  for (const char* name : {"ssrc", "timestamp-offset", "seqnum-offset"})
    EXPECT_EQ(uintIn(fields, name), uintIn(stock_fields, name)) << name;
  for (const char* name : {"clock-rate", "payload"})
    EXPECT_EQ(intIn(fields, name), intIn(stock_fields, name)) << name;
}
INSTANTIATE_TEST_SUITE_P(RtpEnc, RtpEncCodecs,
                         testing::Values(Codec{"pcmu", "mulawenc ! rtppcmupay"},
                                         Codec{"pcma", "alawenc ! rtppcmapay"},
                                         Codec{"l16", "audioconvert ! rtpL16pay"}));

class RtpEncPtimes : public testing::TestWithParam<int> {};

TEST_P(RtpEncPtimes, PacketsOfThatLengthFromAnyBuffers) {
  const auto samples = static_cast<size_t>(GetParam()) * 8;
  const Samples speech = testsupport::syllables(8000, 1.0);
  const std::string whole = testsupport::RtpPeer::encodePayload("PCMU", speech);
  for (const size_t block : {size_t{160}, size_t{123}, size_t{1001}, size_t{80}}) {
    Bench bench("wsbridgertpenc ptime=" + std::to_string(GetParam()));
    bench.pushAll(speech, block);
    EXPECT_EQ(bench.stat("packets"), speech.size() / samples);
    bench.eos();
    const auto packets = bench.packets();
    ASSERT_EQ(packets.size(), (speech.size() + samples - 1) / samples);
    for (size_t i = 0; i < packets.size(); ++i) {
      const size_t size = std::min(samples, speech.size() - i * samples);
      ASSERT_EQ(packets[i].payload().size(), size);
      EXPECT_EQ(packets[i].timestamp(), packets[0].timestamp() + i * samples);
      EXPECT_NEAR(static_cast<double>(packets[i].pts), static_cast<double>(i * samples * 125'000),
                  8000);
      EXPECT_EQ(packets[i].duration, size * 125'000);
    }
    EXPECT_EQ(joined(packets), whole);
    EXPECT_EQ(bench.stat("bytes"), whole.size() + 12 * packets.size());
  }
}
INSTANTIATE_TEST_SUITE_P(RtpEnc, RtpEncPtimes, testing::Values(10, 20, 30, 40, 60));

TEST(RtpEnc, JumpsGapsAndDiscontinuities) {
  Bench bench("wsbridgertpenc seqnum-offset=65534 timestamp-offset=0");
  const Samples block(160);
  bench.push(block, true);
  bench.push(block);
  bench.now += 500 * GST_MSECOND;
  bench.push(block);  // a jump
  bench.push(block);
  bench.event(gst_event_new_gap(bench.now, kBlock));
  bench.now += kBlock;
  bench.push(block);  // after a gap of one packet
  bench.now += 5 * GST_MSECOND;
  bench.push(block, true);  // placed exactly
  bench.push(block);
  const auto packets = bench.packets();
  std::vector<guint> times;
  std::string marked;
  for (const Packet& packet : packets) {
    times.push_back(packet.timestamp());
    marked += packet.marker() ? '!' : '.';
    EXPECT_EQ(packet.marker(), packet.marker_flag);
    EXPECT_EQ(packet.pts, packet.timestamp() * guint64{125'000});
  }
  EXPECT_EQ(marked, "!.!.!!.");
  EXPECT_EQ(times, (std::vector<guint>{0, 160, 4320, 4480, 4800, 5000, 5160}));
  for (size_t i = 0; i < packets.size(); ++i)
    EXPECT_EQ(packets[i].sequence(), (65534 + i) & 0xffff);
  guint seqnum = 0;
  guint timestamp = 0;
  g_object_get(bench.encoder(), "seqnum", &seqnum, "timestamp", &timestamp, nullptr);
  EXPECT_EQ(seqnum, packets.back().sequence());
  EXPECT_EQ(timestamp, 5160U);
}

TEST(RtpEnc, AGapEventPassesBehindWhatWasHeld) {
  Bench bench("wsbridgertpenc");
  bench.push(Samples(200));
  bench.event(gst_event_new_gap(bench.now, kBlock));
  EXPECT_EQ(bench.packets().size(), 2U);
  std::vector<GstEventType> types;
  while (GstEvent* event = gst_harness_try_pull_event(bench.harness())) {
    types.push_back(GST_EVENT_TYPE(event));
    gst_event_unref(event);
  }
  EXPECT_EQ(types, (std::vector<GstEventType>{GST_EVENT_STREAM_START, GST_EVENT_CAPS,
                                              GST_EVENT_SEGMENT, GST_EVENT_GAP}));
}

TEST(RtpEnc, AFlushDropsWhatIsHeld) {
  Bench bench("wsbridgertpenc seqnum-offset=1");
  bench.push(Samples(200));
  bench.event(gst_event_new_flush_start());
  bench.event(gst_event_new_flush_stop(TRUE));
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  bench.event(gst_event_new_segment(&segment));
  bench.now = 0;
  EXPECT_EQ(bench.push(Samples(160)), GST_FLOW_OK);
  const auto packets = bench.packets();
  ASSERT_FALSE(packets.empty());
  EXPECT_EQ(packets.back().sequence(), 2U);
  EXPECT_TRUE(packets.back().marker());
  EXPECT_EQ(packets.back().payload().size(), 160U);
}

TEST(RtpEnc, ACapsChangeKeepsTheStream) {
  Bench bench("wsbridgertpenc timestamp-offset=0 seqnum-offset=10");
  bench.push(Samples(200));
  bench.setRate(16000);
  bench.push(Samples(320));
  bench.push(Samples(320));
  const auto packets = bench.packets();
  ASSERT_EQ(packets.size(), 4U);  // what was held went out before
  const std::vector<guint> times = {0, 160, 200, 360};
  for (size_t i = 0; i < packets.size(); ++i) {
    EXPECT_EQ(packets[i].timestamp(), times[i]);
    EXPECT_EQ(packets[i].sequence(), 10 + i);
    EXPECT_EQ(packets[i].ssrc(), packets[0].ssrc());
    EXPECT_EQ(packets[i].payload().size(), i == 1 ? 40U : 160U);
    EXPECT_EQ(packets[i].marker(), i == 0);
  }
}

TEST(RtpEnc, AnotherClockRateComesWithNewCaps) {
  Bench bench("wsbridgertpenc encoding=l16 pt=100");
  bench.push(Samples(160));
  EXPECT_EQ(intIn(bench.caps(), "clock-rate"), 8000);
  bench.setRate(16000);
  bench.push(Samples(320));
  EXPECT_EQ(intIn(bench.caps(), "clock-rate"), 16000);
  EXPECT_EQ(intIn(bench.caps(), "channels"), 1);
  const auto packets = bench.packets();
  ASSERT_EQ(packets.size(), 2U);
  EXPECT_EQ(packets[1].payload().size(), 640U);
  EXPECT_EQ(packets[1].ssrc(), packets[0].ssrc());
  EXPECT_EQ(packets[1].payloadType(), 100);
}

TEST(RtpEnc, ReadyBeginsAnew) {
  Bench bench("wsbridgertpenc seqnum-offset=7");
  bench.push(Samples(200));
  bench.packets();
  GstElement* element = bench.encoder();
  gst_element_set_state(element, GST_STATE_READY);
  EXPECT_EQ(bench.stat("packets"), 1U);
  gst_element_set_state(element, GST_STATE_PLAYING);
  EXPECT_EQ(bench.stat("packets"), 0U);
  bench.event(gst_event_new_stream_start("again"));
  bench.setRate(8000);
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  bench.event(gst_event_new_segment(&segment));
  bench.now = 0;
  bench.push(Samples(160));
  const auto packets = bench.packets();
  ASSERT_EQ(packets.size(), 1U);
  EXPECT_EQ(packets[0].sequence(), 7U);
  EXPECT_TRUE(packets[0].marker());
}

TEST(RtpEnc, ACollisionBringsANewSsrcWithNewCaps) {
  Bench bench("wsbridgertpenc ssrc=77");
  bench.push(Samples(160));
  const auto collide = [&](guint ssrc, guint suggested) {
    GstStructure* fields = gst_structure_new("GstRTPCollision", "ssrc", G_TYPE_UINT, ssrc, nullptr);
    if (suggested != 0)
      gst_structure_set(fields, "suggested-ssrc", G_TYPE_UINT, suggested, nullptr);
    gst_harness_push_upstream_event(bench.harness(),
                                    gst_event_new_custom(GST_EVENT_CUSTOM_UPSTREAM, fields));
    bench.push(Samples(160));
    return bench.packets().back().ssrc();
  };
  EXPECT_EQ(collide(78, 0), 77U);  // somebody else's
  EXPECT_EQ(collide(77, 1234), 1234U);
  EXPECT_EQ(uintIn(bench.caps(), "ssrc"), 1234U);
  const guint random = collide(1234, 1234);
  EXPECT_NE(random, 1234U);
  EXPECT_EQ(uintIn(bench.caps(), "ssrc"), random);
  // Caps that come later keep it.
  bench.setRate(16000);
  bench.push(Samples(320));
  EXPECT_EQ(bench.packets().back().ssrc(), random);
}

TEST(RtpEnc, TheSideBehindDecidesWhatIsLeftOpen) {
  struct Case {
    const char* properties;
    const char* behind;
    const char* encoding;
    int clock_rate;
    int payload;
  };
  for (const Case& one : std::vector<Case>{
           {"", "application/x-rtp", "PCMU", 8000, 0},
           {"", "application/x-rtp,payload=8", "PCMA", 8000, 8},
           {"", "application/x-rtp,payload=100", "PCMU", 8000, 100},
           {"", "application/x-rtp,encoding-name=L16,clock-rate=24000", "L16", 24000, 96},
           {"encoding=l16", "application/x-rtp", "L16", 16000, 96},
           {"encoding=l16", "application/x-rtp,clock-rate=8000,payload=[97,99]", "L16", 8000, 97},
           {"encoding=l16 clock-rate=8000 pt=120", "application/x-rtp", "L16", 8000, 120},
           {"encoding=pcma", "application/x-rtp,payload={0,101}", "PCMA", 8000, 101},
       }) {
    Bench bench(
        std::string("wsbridgertpenc ") + one.properties + " ! capsfilter caps=" + one.behind,
        16000);
    ASSERT_EQ(bench.push(Samples(320)), GST_FLOW_OK) << one.behind;
    const StructurePtr fields = bench.caps();
    EXPECT_STREQ(gst_structure_get_string(fields.get(), "encoding-name"), one.encoding);
    EXPECT_EQ(intIn(fields, "clock-rate"), one.clock_rate) << one.behind;
    EXPECT_EQ(intIn(fields, "payload"), one.payload) << one.behind;
    EXPECT_EQ(bench.packets().at(0).payloadType(), one.payload);
  }
}

TEST(RtpEnc, WhatCannotBeAgreedIsAnErrorWithARemedy) {
  for (const char* line : {"wsbridgertpenc encoding=pcma ! application/x-rtp,encoding-name=PCMU",
                           "wsbridgertpenc pt=0 ! application/x-rtp,payload=8",
                           "wsbridgertpenc encoding=pcmu clock-rate=16000 ! application/x-rtp"}) {
    TestPipeline pipeline(std::string("audiotestsrc ! audio/x-raw,rate=8000,channels=1 ! ") + line +
                          " ! fakesink");
    pipeline.play();
    const auto* error = pipeline.waitError();
    ASSERT_NE(error, nullptr) << line;
    EXPECT_EQ(error->domain, GST_STREAM_ERROR);
    EXPECT_EQ(error->code, GST_STREAM_ERROR_FORMAT);
    EXPECT_NE(error->debug.find("set encoding, clock-rate and pt"), std::string::npos);
  }
}

TEST(RtpEnc, TheLatencyHasTheConverterAndLongPackets) {
  const auto latency = [](const char* line, int rate) {
    Bench bench(line, rate);
    bench.push(Samples(static_cast<size_t>(rate) / 50));
    return gst_harness_query_latency(bench.harness());
  };
  EXPECT_EQ(latency("wsbridgertpenc", 8000), 0U);
  EXPECT_EQ(latency("wsbridgertpenc ptime=60", 8000), 40 * GST_MSECOND);
  const GstClockTime converted = latency("wsbridgertpenc", 16000);
  EXPECT_GT(converted, 0U);
  EXPECT_LT(converted, 5 * GST_MSECOND);
}

struct Way {
  const char* properties;
  const char* decoder;
  int rate;
};

class RtpEncWays : public testing::TestWithParam<Way> {};

TEST_P(RtpEncWays, TheStockElementsHearTheSame) {
  const Way& way = GetParam();
  Bench bench(std::string("wsbridgertpenc ") + way.properties + " ! " + way.decoder, 16000);
  const Samples speech = testsupport::syllables(16000, 2.0);
  bench.pushAll(speech, 320);
  std::string bytes;
  while (GstBuffer* buffer = gst_harness_try_pull(bench.harness())) {
    std::string part(gst_buffer_get_size(buffer), '\0');
    gst_buffer_extract(buffer, 0, part.data(), part.size());
    gst_buffer_unref(buffer);
    bytes += part;
  }
  Samples heard = testsupport::fromBytes(bytes);
  ASSERT_EQ(heard.size(), static_cast<size_t>(2 * way.rate));
  Samples sent = speech;
  if (way.rate == 8000) {
    // At 16 kHz, for the converter's delay may be half a sample of 8 kHz.
    heard = testsupport::resample(heard, 8000, 16000);
    sent = testsupport::resample(testsupport::resample(speech, 16000, 8000), 8000, 16000);
  }
  const auto match = testsupport::findIn(testsupport::slice(sent, 8000, 16000), heard);
  EXPECT_GT(match.correlation, 0.99);
  EXPECT_NEAR(match.gainDb, 0, 0.3);
}
INSTANTIATE_TEST_SUITE_P(
    RtpEnc, RtpEncWays,
    testing::Values(Way{"encoding=pcmu", "rtppcmudepay ! mulawdec", 8000},
                    Way{"encoding=pcma", "rtppcmadepay ! alawdec", 8000},
                    Way{"encoding=l16 clock-rate=8000",
                        "rtpL16depay ! audioconvert ! capsfilter caps=audio/x-raw,format=S16LE",
                        8000},
                    Way{"encoding=l16",
                        "rtpL16depay ! audioconvert ! capsfilter caps=audio/x-raw,format=S16LE",
                        16000}));

/// The last sender report of an SSRC in compound RTCP packets, RFC 3550 6.4.1.
struct SenderReport {
  guint packets = 0;
  guint octets = 0;
};
SenderReport lastReport(const std::string& rtcp, guint ssrc) {
  SenderReport report;
  const auto* bytes = reinterpret_cast<const guint8*>(rtcp.data());
  for (size_t at = 0; at + 4 <= rtcp.size();) {
    const size_t size = 4 * (size_t{GST_READ_UINT16_BE(bytes + at + 2)} + 1);
    if (bytes[at + 1] == 200 && size >= 28 && at + size <= rtcp.size() &&
        GST_READ_UINT32_BE(bytes + at + 4) == ssrc) {
      report = {.packets = GST_READ_UINT32_BE(bytes + at + 20),
                .octets = GST_READ_UINT32_BE(bytes + at + 24)};
    }
    at += size;
  }
  return report;
}

TEST(RtpEnc, ASessionCountsAndReportsWhatWasSent) {
  TestPipeline pipeline(
      "audiotestsrc is-live=true samplesperbuffer=160 ! "
      "audio/x-raw,format=S16LE,rate=8000,channels=1 ! wsbridgertpenc name=enc ssrc=99 ! "
      "session.send_rtp_sink rtpsession name=session rtcp-min-interval=100000000 "
      "session.send_rtp_src ! fakesink async=false sync=false "
      "session.send_rtcp_src ! fakesink name=rtcp async=false sync=false signal-handoffs=true");
  pipeline.record("rtcp");
  pipeline.play();
  EXPECT_TRUE(
      pipeline.waitUntil([&] { return lastReport(pipeline.recorded(), 99).packets >= 10; }, 5s));
  // A live source stands still then; the end of the stream would remove the session's source.
  gst_element_set_state(pipeline.pipeline(), GST_STATE_PAUSED);
  gst_element_get_state(pipeline.pipeline(), nullptr, nullptr, GST_CLOCK_TIME_NONE);
  const guint64 sent = pipeline.stat("enc", "packets");
  const SenderReport report = lastReport(pipeline.recorded(), 99);
  EXPECT_LE(report.packets, sent);
  EXPECT_EQ(report.octets, report.packets * 160);

  GObject* session = nullptr;
  g_object_get(pipeline.element("session"), "internal-session", &session, nullptr);
  ASSERT_NE(session, nullptr);
  GObject* source = nullptr;
  g_signal_emit_by_name(session, "get-source-by-ssrc", 99U, &source);
  ASSERT_NE(source, nullptr);
  guint64 packets = 0;
  guint64 octets = 0;
  int clock_rate = 0;
  const auto read = [&] {
    GstStructure* stats = nullptr;
    g_object_get(source, "stats", &stats, nullptr);
    const StructurePtr owned(stats);
    gst_structure_get(stats, "packets-sent", G_TYPE_UINT64, &packets, "octets-sent", G_TYPE_UINT64,
                      &octets, "clock-rate", G_TYPE_INT, &clock_rate, nullptr);
    return packets;
  };
  // The last packet may be on its way.
  EXPECT_TRUE(pipeline.waitUntil([&] { return read() == pipeline.stat("enc", "packets"); }, 5s));
  EXPECT_EQ(octets, packets * 160);
  EXPECT_EQ(clock_rate, 8000);
  g_object_unref(source);
  g_object_unref(session);
  EXPECT_EQ(pipeline.errors(), 0U);
}

/// Whether the key was taken.
bool sendDtmf(Bench& bench, const char* digit) {
  gboolean taken = FALSE;
  g_signal_emit_by_name(bench.encoder(), "send-dtmf", digit, 40U, &taken);
  return taken != FALSE;
}

/// The keys that are heard: one for each packet that carries the marker of its event.
size_t keysIn(const std::vector<Packet>& packets) {
  return static_cast<size_t>(std::count_if(packets.begin(), packets.end(), [](const Packet& one) {
    return one.payloadType() == 101 && one.marker();
  }));
}

TEST(RtpEncKeys, SoManyWaitAndOneAboveThemIsRefused) {
  constexpr size_t kMostWaiting = 128;
  constexpr size_t kOrdinary = 12;
  Bench bench("wsbridgertpenc encoding=pcmu event-pt=101");
  const Samples frame(160);
  for (size_t i = 0; i < kOrdinary; ++i)
    EXPECT_TRUE(sendDtmf(bench, "5")) << i;
  // A key of 40 ms takes four packets of 20 ms.
  for (size_t i = 0; i < kOrdinary * 4 + 1; ++i)
    bench.push(frame);
  EXPECT_EQ(keysIn(bench.packets()), kOrdinary);

  for (size_t i = 0; i < kMostWaiting; ++i)
    EXPECT_TRUE(sendDtmf(bench, "5")) << i;
  for (int i = 0; i < 10'000; ++i)
    ASSERT_FALSE(sendDtmf(bench, "6")) << i;
  // Between packets there are as many again on their way at the most.
  bench.push(frame);
  size_t more = 0;
  while (more <= kMostWaiting && sendDtmf(bench, "7"))
    ++more;
  EXPECT_LE(more, kMostWaiting);
  for (size_t i = 0; i < (kMostWaiting + more) * 4 + 1; ++i)
    bench.push(frame);
  EXPECT_EQ(keysIn(bench.packets()), kMostWaiting + more);
  EXPECT_TRUE(sendDtmf(bench, "8")) << "there is room again";
}

}  // namespace
