// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <gst/check/gstharness.h>
#include <gtest/gtest.h>

#include "SoupEndpoint.hpp"
#include "TestPipeline.hpp"
#include "audio/G711.hpp"
#include "wire/Rtp.hpp"

namespace {

using elementtest::StructurePtr;
using namespace std::chrono_literals;
using Samples = std::vector<int16_t>;
using Bytes = std::vector<guint8>;

constexpr GstClockTime kPacket = 20 * GST_MSECOND;

std::string rtpCaps(const char* encoding, int rate, int payload_type) {
  return "application/x-rtp,media=audio,clock-rate=" + std::to_string(rate) +
         ",encoding-name=" + encoding + ",payload=" + std::to_string(payload_type);
}
const std::string kPcmu = rtpCaps("PCMU", 8000, 0);
const std::string kPcma = rtpCaps("PCMA", 8000, 8);

std::string audioCaps(int rate) {
  return "audio/x-raw,format=S16LE,layout=interleaved,channels=1,rate=" + std::to_string(rate);
}

GstBuffer* rtp(guint seq, int payload_type, const Bytes& payload, guint samples = 160) {
  const std::string bytes = wire::rtpPacket({.payloadType = payload_type,
                                             .sequence = static_cast<uint16_t>(seq),
                                             .timestamp = seq * samples,
                                             .ssrc = 1},
                                            std::string(payload.begin(), payload.end()));
  GstBuffer* buffer = gst_buffer_new_memdup(bytes.data(), bytes.size());
  GST_BUFFER_PTS(buffer) = seq * kPacket;
  return buffer;
}

/// 20 ms of a tone, as PCMU.
Bytes tone(guint seq) {
  Samples samples(160);
  for (size_t i = 0; i < samples.size(); ++i)
    samples[i] = static_cast<int16_t>(6000 * std::sin(0.2 * static_cast<double>(seq * 160 + i)));
  Bytes bytes(160);
  wsbridge::g711::encodeUlaw(samples.data(), bytes.data(), samples.size());
  return bytes;
}

GstEvent* lostEvent(GstClockTime pts, GstClockTime duration) {
  return gst_event_new_custom(
      GST_EVENT_CUSTOM_DOWNSTREAM,
      gst_structure_new("GstRTPPacketLost", "seqnum", G_TYPE_UINT, 1U, "timestamp", G_TYPE_UINT64,
                        pts, "duration", G_TYPE_UINT64, duration, nullptr));
}

struct Piece {
  Samples samples;
  GstClockTime pts;
  GstClockTime duration;
  bool discont;
};

/// A launch line between harness pads.
class Bench {
 public:
  explicit Bench(const std::string& caps, int out_rate = 0,
                 const char* line = "wsbridgertpdec name=dec") {
    harness_ = gst_harness_new_parse(line);
    if (out_rate != 0) gst_harness_set_sink_caps_str(harness_, audioCaps(out_rate).c_str());
    gst_harness_set_src_caps_str(harness_, caps.c_str());
    dec_ = gst_harness_find_element(harness_, "wsbridgertpdec");
  }
  ~Bench() {
    gst_clear_object(&dec_);
    gst_harness_teardown(harness_);
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  GstFlowReturn push(GstBuffer* buffer) { return gst_harness_push(harness_, buffer); }
  bool event(GstEvent* event) { return gst_harness_push_event(harness_, event) != FALSE; }
  void caps(const std::string& caps) { gst_harness_set_src_caps_str(harness_, caps.c_str()); }

  std::vector<Piece> pieces() {
    std::vector<Piece> all;
    while (GstBuffer* buffer = gst_harness_try_pull(harness_)) {
      Samples samples(gst_buffer_get_size(buffer) / 2);
      gst_buffer_extract(buffer, 0, samples.data(), samples.size() * 2);
      all.push_back({std::move(samples), GST_BUFFER_PTS(buffer), GST_BUFFER_DURATION(buffer),
                     GST_BUFFER_IS_DISCONT(buffer) != FALSE});
      gst_buffer_unref(buffer);
    }
    return all;
  }
  Samples samples() {
    Samples all;
    for (const Piece& piece : pieces())
      all.insert(all.end(), piece.samples.begin(), piece.samples.end());
    return all;
  }
  guint64 stat(const char* field) const {
    GstStructure* stats = nullptr;
    g_object_get(dec_, "stats", &stats, nullptr);
    const StructurePtr owned(stats);
    guint64 value = G_MAXUINT64;
    EXPECT_TRUE(gst_structure_get_uint64(stats, field, &value)) << field;
    return value;
  }
  [[nodiscard]] int outRate() const {
    GstPad* pad = gst_element_get_static_pad(dec_, "src");
    GstCaps* caps = gst_pad_get_current_caps(pad);
    gint rate = 0;
    if (caps != nullptr) {
      gst_structure_get_int(gst_caps_get_structure(caps, 0), "rate", &rate);
      gst_caps_unref(caps);
    }
    gst_object_unref(pad);
    return rate;
  }
  [[nodiscard]] GstHarness* harness() const { return harness_; }
  [[nodiscard]] GstElement* element() const { return dec_; }

 private:
  GstHarness* harness_;
  GstElement* dec_;
};

/// What an element of GStreamer's makes of those bytes.
Bytes through(const char* line, const std::string& caps, const void* data, size_t size) {
  GstHarness* harness = gst_harness_new_parse(line);
  gst_harness_set_src_caps_str(harness, caps.c_str());
  GstBuffer* out = gst_harness_push_and_pull(harness, gst_buffer_new_memdup(data, size));
  Bytes bytes(gst_buffer_get_size(out));
  gst_buffer_extract(out, 0, bytes.data(), bytes.size());
  gst_buffer_unref(out);
  gst_harness_teardown(harness);
  return bytes;
}

TEST(G711, EncodesAllSamplesAsGStreamerDoes) {
  Samples samples(65536);
  for (size_t i = 0; i < samples.size(); ++i)
    samples[i] = static_cast<int16_t>(i);
  Bytes ours(samples.size());
  wsbridge::g711::encodeUlaw(samples.data(), ours.data(), samples.size());
  EXPECT_TRUE(ours == through("mulawenc", audioCaps(8000), samples.data(), samples.size() * 2));
  wsbridge::g711::encodeAlaw(samples.data(), ours.data(), samples.size());
  EXPECT_TRUE(ours == through("alawenc", audioCaps(8000), samples.data(), samples.size() * 2));
}

TEST(G711, DecodesAllCodesAsGStreamerDoes) {
  Bytes codes(256);
  for (size_t i = 0; i < codes.size(); ++i)
    codes[i] = static_cast<guint8>(i);
  Samples ours(codes.size());
  const auto same = [&](const Bytes& theirs) {
    return theirs.size() == ours.size() * 2 &&
           std::memcmp(theirs.data(), ours.data(), theirs.size()) == 0;
  };
  wsbridge::g711::decodeUlaw(codes.data(), ours.data(), codes.size());
  EXPECT_TRUE(same(through("mulawdec", "audio/x-mulaw,rate=8000,channels=1", codes.data(), 256)));
  wsbridge::g711::decodeAlaw(codes.data(), ours.data(), codes.size());
  EXPECT_TRUE(same(through("alawdec", "audio/x-alaw,rate=8000,channels=1", codes.data(), 256)));
}

TEST(RtpDec, DecodesBitForBitAsTheElementsItReplaces) {
  struct Case {
    std::string caps;
    const char* line;
    int payload_type;
    int rate;
  };
  const Case cases[] = {
      {kPcmu, "rtppcmudepay ! mulawdec", 0, 8000},
      {kPcma, "rtppcmadepay ! alawdec", 8, 8000},
      {rtpCaps("L16", 8000, 96), "rtpL16depay ! audioconvert", 96, 8000},
      {rtpCaps("L16", 16000, 96), "rtpL16depay ! audioconvert", 96, 16000},
  };
  for (const Case& c : cases) {
    Bench ours(c.caps, c.rate);
    Bench theirs(c.caps, c.rate, c.line);
    std::mt19937 random(1);
    for (guint seq = 0; seq < 100; ++seq) {
      Bytes payload(160 + 160 * (seq % 3));
      for (guint8& byte : payload)
        byte = static_cast<guint8>(random());
      EXPECT_EQ(ours.push(rtp(seq, c.payload_type, payload)), GST_FLOW_OK);
      theirs.push(rtp(seq, c.payload_type, payload));
    }
    const Samples expected = theirs.samples();
    ASSERT_GT(expected.size(), 10'000U);
    EXPECT_TRUE(ours.samples() == expected) << c.line << " " << c.rate;
    EXPECT_EQ(ours.stat("packets"), 100U);
    EXPECT_EQ(ours.outRate(), c.rate);
  }
}

TEST(RtpDec, TimesAreThoseOfThePackets) {
  Bench bench(kPcmu, 16000);
  for (const guint seq : {3U, 4U, 5U, 9U}) {
    GstBuffer* buffer = rtp(seq, 0, tone(seq));
    if (seq == 9) GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_DISCONT);
    bench.push(buffer);
  }
  const auto pieces = bench.pieces();
  ASSERT_EQ(pieces.size(), 4U);
  const guint expected[] = {3, 4, 5, 9};
  for (size_t i = 0; i < pieces.size(); ++i) {
    EXPECT_EQ(pieces[i].samples.size(), 320U);
    EXPECT_EQ(pieces[i].pts, expected[i] * kPacket);
    EXPECT_EQ(pieces[i].duration, kPacket);
    EXPECT_EQ(pieces[i].discont, i == 0 || i == 3);
  }
}

TEST(RtpDec, TheRateIsTheOneThatDownstreamTakes) {
  for (const int rate : {8000, 16000, 24000, 32000, 48000}) {
    Bench bench(kPcmu, rate);
    bench.push(rtp(0, 0, tone(0)));
    EXPECT_EQ(bench.outRate(), rate);
    EXPECT_EQ(bench.samples().size(), static_cast<size_t>(rate) / 50);
  }
  Bench any(rtpCaps("L16", 16000, 96));
  any.push(rtp(0, 96, Bytes(640)));
  EXPECT_EQ(any.outRate(), 16000) << "the codec's own when downstream takes all";
  Bench some(kPcmu, 0, "wsbridgertpdec ! capsfilter caps=audio/x-raw,rate={48000,16000}");
  some.push(rtp(0, 0, tone(0)));
  EXPECT_EQ(some.outRate(), 16000) << "or the nearest";
  Bench odd(rtpCaps("L16", 44100, 96), 16000);
  odd.push(rtp(0, 96, Bytes(1764)));
  EXPECT_EQ(odd.samples().size(), 320U);
}

TEST(RtpDec, DownstreamMayChangeTheRate) {
  Bench bench(kPcmu, 0, "wsbridgertpdec ! capsfilter name=filter caps=audio/x-raw,rate=16000");
  bench.push(rtp(0, 0, tone(0)));
  GstElement* filter = gst_harness_find_element(bench.harness(), "capsfilter");
  GstCaps* caps = gst_caps_from_string("audio/x-raw,rate=24000");
  g_object_set(filter, "caps", caps, nullptr);
  gst_caps_unref(caps);
  gst_object_unref(filter);
  bench.push(rtp(1, 0, tone(1)));
  const auto pieces = bench.pieces();
  ASSERT_EQ(pieces.size(), 2U);
  EXPECT_EQ(pieces[0].samples.size(), 320U);
  EXPECT_EQ(pieces[1].samples.size(), 480U);
  EXPECT_EQ(pieces[1].pts, kPacket);
}

TEST(RtpDec, ALossIsMadeUpAtOnceInItsPlace) {
  for (const bool gap : {false, true}) {
    Bench bench(kPcmu, 16000);
    for (guint seq = 0; seq < 3; ++seq)
      bench.push(rtp(seq, 0, tone(seq)));
    bench.pieces();
    EXPECT_TRUE(bench.event(gap ? gst_event_new_gap(3 * kPacket, kPacket)
                                : lostEvent(3 * kPacket, kPacket)));
    auto made_up = bench.pieces();
    ASSERT_EQ(made_up.size(), 1U);
    EXPECT_EQ(made_up[0].samples.size(), 320U);
    EXPECT_EQ(made_up[0].pts, 3 * kPacket);
    EXPECT_EQ(made_up[0].duration, kPacket);
    EXPECT_FALSE(made_up[0].discont);
    double energy = 0;
    for (const int16_t sample : made_up[0].samples)
      energy += static_cast<double>(sample) * sample / 320;
    EXPECT_NEAR(std::sqrt(energy), 6000 / std::sqrt(2), 600);
    EXPECT_EQ(bench.stat("lost"), 1U);
    EXPECT_EQ(bench.stat("concealed"), 1U);
    EXPECT_EQ(bench.stat("packets"), 3U);

    // Two in one event, and a duration that is not exact.
    bench.event(gap ? gst_event_new_gap(4 * kPacket, 2 * kPacket - 3 * GST_MSECOND)
                    : lostEvent(4 * kPacket, 2 * kPacket - 3 * GST_MSECOND));
    made_up = bench.pieces();
    ASSERT_EQ(made_up.size(), 2U);
    EXPECT_EQ(made_up[0].pts, 4 * kPacket);
    EXPECT_EQ(made_up[1].pts, 5 * kPacket);
    EXPECT_EQ(bench.stat("lost"), 3U);
    // Neither event goes on.
    while (GstEvent* event = gst_harness_try_pull_event(bench.harness())) {
      EXPECT_NE(GST_EVENT_TYPE(event), GST_EVENT_GAP);
      EXPECT_NE(GST_EVENT_TYPE(event), GST_EVENT_CUSTOM_DOWNSTREAM);
      gst_event_unref(event);
    }
  }
}

TEST(RtpDec, PassesThePayloadToThoseWhoPreferIt) {
  const auto bytesOf = [](Bench& bench) {
    std::vector<Bytes> all;
    while (GstBuffer* buffer = gst_harness_try_pull(bench.harness())) {
      all.emplace_back(gst_buffer_get_size(buffer));
      gst_buffer_extract(buffer, 0, all.back().data(), all.back().size());
      EXPECT_EQ(GST_BUFFER_DURATION(buffer), kPacket);
      gst_buffer_unref(buffer);
    }
    return all;
  };
  for (const bool ulaw : {true, false}) {
    Bench bench(ulaw ? kPcmu : kPcma, 0, "wsbridgertpdec name=dec");
    const std::string coded = ulaw ? "audio/x-mulaw" : "audio/x-alaw";
    const std::string other = ulaw ? "audio/x-alaw" : "audio/x-mulaw";
    const int type = ulaw ? 0 : 8;
    gst_harness_set_sink_caps_str(bench.harness(),
                                  (coded + ",rate=8000,channels=1;" + audioCaps(8000)).c_str());
    Bytes codes(160);
    for (guint seq = 0; seq < 4; ++seq) {
      for (size_t i = 0; i < codes.size(); ++i)
        codes[i] = static_cast<guint8>(seq * 96 + i);
      bench.push(rtp(seq, type, codes));
      EXPECT_EQ(bytesOf(bench), std::vector<Bytes>{codes}) << seq;
    }
    for (guint seq = 4; seq < 8; ++seq)
      bench.push(rtp(seq, type, tone(seq)));
    bytesOf(bench);
    bench.event(lostEvent(8 * kPacket, kPacket));
    const auto made_up = bytesOf(bench);
    ASSERT_EQ(made_up.size(), 1U);
    EXPECT_EQ(made_up[0].size(), 160U);
    Samples samples(160);
    (ulaw ? wsbridge::g711::decodeUlaw : wsbridge::g711::decodeAlaw)(made_up[0].data(),
                                                                     samples.data(), 160);
    double energy = 0;
    for (const int16_t sample : samples)
      energy += static_cast<double>(sample) * sample / 160;
    if (ulaw) {
      EXPECT_NEAR(std::sqrt(energy), 6000 / std::sqrt(2), 600);
    }
    EXPECT_GT(energy, 0);
    bench.push(rtp(9, type, tone(9)));
    bytesOf(bench);
    bench.push(rtp(10, type, tone(10)));
    EXPECT_EQ(bytesOf(bench), std::vector<Bytes>{tone(10)});
    EXPECT_EQ(bench.stat("concealed"), 1U);

    // In mid-stream downstream comes to want something else.
    gst_harness_set_sink_caps_str(bench.harness(),
                                  (other + ",rate=8000,channels=1;" + audioCaps(8000)).c_str());
    bench.push(rtp(11, type, tone(11)));
    EXPECT_EQ(bench.samples().size(), 160U);
  }
}

TEST(RtpDec, AFirstPacketLostIsSilence) {
  Bench bench(kPcmu, 8000);
  bench.event(lostEvent(0, 30 * GST_MSECOND));
  const auto pieces = bench.pieces();
  ASSERT_EQ(pieces.size(), 1U);
  EXPECT_EQ(pieces[0].samples, Samples(240, 0));
  EXPECT_TRUE(pieces[0].discont);
}

TEST(RtpDec, ALossWithoutDurationTakesNoTime) {
  Bench bench(kPcmu, 8000);
  bench.push(rtp(0, 0, tone(0)));
  bench.event(lostEvent(kPacket, 0));
  EXPECT_EQ(bench.samples().size(), 160U) << "a telephone event";
  EXPECT_EQ(bench.stat("lost"), 1U);
  EXPECT_EQ(bench.stat("concealed"), 0U);
  bench.event(gst_event_new_gap(kPacket, GST_CLOCK_TIME_NONE));
  EXPECT_EQ(bench.stat("lost"), 1U);
  bool passed = false;
  while (GstEvent* event = gst_harness_try_pull_event(bench.harness())) {
    passed = passed || GST_EVENT_TYPE(event) == GST_EVENT_GAP;
    gst_event_unref(event);
  }
  EXPECT_TRUE(passed) << "a gap of unknown length is not ours";
}

TEST(RtpDec, NoMoreThanMaxConcealInARow) {
  struct Case {
    guint limit_ms;
    size_t packets;
  };
  for (const Case& c : {Case{100, 5}, Case{0, 0}, Case{39, 1}, Case{1000, 8}}) {
    Bench bench(kPcmu, 16000);
    g_object_set(bench.element(), "max-conceal", c.limit_ms, nullptr);
    bench.push(rtp(0, 0, tone(0)));
    for (guint seq = 1; seq <= 8; ++seq)
      bench.event(lostEvent(seq * kPacket, kPacket));
    EXPECT_EQ(bench.samples().size(), (1 + c.packets) * 320) << c.limit_ms;
    EXPECT_EQ(bench.stat("lost"), 8U);
    EXPECT_EQ(bench.stat("concealed"), c.packets);
    bench.push(rtp(9, 0, tone(9)));
    bench.event(lostEvent(10 * kPacket, kPacket));
    EXPECT_EQ(bench.samples().size(), c.limit_ms >= 20 ? 640U : 320U) << "a new row";
  }
}

TEST(RtpDec, OtherPayloadTypesGoToTheSignal) {
  Bench bench(kPcmu, 8000);
  const Bytes digit = {5, 0x80, 0, 160};
  bench.push(rtp(0, 0, tone(0)));
  bench.push(rtp(1, 101, digit));
  struct Seen {
    guint type = 0;
    size_t count = 0;
    gsize bytes = 0;
  } seen;
  g_signal_connect(bench.element(), "other-payload",
                   G_CALLBACK(+[](GstElement*, guint type, GstBuffer* buffer, Seen* to) {
                     to->type = type;
                     to->bytes = gst_buffer_get_size(buffer);
                     ++to->count;
                   }),
                   &seen);
  bench.push(rtp(2, 101, digit));
  bench.push(rtp(3, 0, tone(3)));
  EXPECT_EQ(seen.count, 1U);
  EXPECT_EQ(seen.type, 101U);
  EXPECT_EQ(seen.bytes, 16U);
  EXPECT_EQ(bench.stat("other-payload"), 2U);
  EXPECT_EQ(bench.stat("packets"), 2U);
  EXPECT_EQ(bench.samples().size(), 320U);
}

TEST(RtpDec, WhatCannotBeDecodedIsCountedAndDropped) {
  Bench bench(rtpCaps("L16", 16000, 96), 8000);
  EXPECT_EQ(bench.push(rtp(0, 96, Bytes(641))), GST_FLOW_OK);
  EXPECT_EQ(bench.push(rtp(1, 96, {})), GST_FLOW_OK);
  EXPECT_EQ(bench.push(gst_buffer_new()), GST_FLOW_OK);
  EXPECT_EQ(bench.push(gst_buffer_new_memdup("garbage garbage", 15)), GST_FLOW_OK);
  EXPECT_EQ(bench.push(rtp(2, 96, Bytes(6402))), GST_FLOW_OK) << "more than 200 ms";
  EXPECT_EQ(bench.stat("invalid"), 5U);
  EXPECT_EQ(bench.stat("packets"), 0U);
  EXPECT_TRUE(bench.samples().empty());
  EXPECT_EQ(bench.push(rtp(3, 96, Bytes(6400))), GST_FLOW_OK);
  EXPECT_EQ(bench.samples().size(), 1600U);
}

TEST(RtpDec, PacketsOfAnySizeUpTo200Ms) {
  Bench bench(kPcmu, 16000);
  size_t expected = 0;
  for (guint seq = 0; seq < 200; ++seq) {
    const size_t size = 1 + seq * 331 % 1600;
    expected += size * 2;
    EXPECT_EQ(bench.push(rtp(seq, 0, Bytes(size, 0xff))), GST_FLOW_OK);
  }
  EXPECT_EQ(bench.samples().size(), expected);
}

TEST(RtpDec, AnotherCodecInMidStream) {
  Bench bench(kPcmu, 16000);
  bench.push(rtp(0, 0, tone(0)));
  bench.caps(kPcma);
  bench.push(rtp(1, 8, Bytes(160, 0xd5)));
  bench.push(rtp(2, 0, tone(2)));
  EXPECT_EQ(bench.stat("other-payload"), 1U) << "the old one's straggler";
  bench.caps(rtpCaps("L16", 16000, 97));
  bench.push(rtp(3, 97, Bytes(640)));
  bench.event(lostEvent(4 * kPacket, kPacket));
  const auto pieces = bench.pieces();
  ASSERT_EQ(pieces.size(), 4U);
  for (const Piece& piece : pieces)
    EXPECT_EQ(piece.samples.size(), 320U);
  EXPECT_EQ(bench.outRate(), 16000);
}

TEST(RtpDec, FlushAndStateChangesForget) {
  Bench bench(kPcmu, 8000);
  bench.push(rtp(0, 0, tone(0)));
  bench.pieces();
  bench.event(gst_event_new_flush_start());
  bench.event(gst_event_new_flush_stop(TRUE));
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  bench.event(gst_event_new_segment(&segment));
  bench.event(lostEvent(0, kPacket));
  auto pieces = bench.pieces();
  ASSERT_EQ(pieces.size(), 1U);
  EXPECT_EQ(pieces[0].samples, Samples(160, 0)) << "nothing is known any more";
  EXPECT_TRUE(pieces[0].discont);
  EXPECT_EQ(bench.stat("packets"), 1U);

  gst_element_set_state(bench.element(), GST_STATE_READY);
  EXPECT_EQ(bench.stat("packets"), 1U) << "the figures stay until the next run";
  gst_element_set_state(bench.element(), GST_STATE_PLAYING);
  EXPECT_EQ(bench.stat("packets"), 0U);
  EXPECT_EQ(bench.stat("lost"), 0U);
}

TEST(RtpDec, BuffersOutliveTheElement) {
  GstBuffer* kept = nullptr;
  {
    Bench bench(kPcmu, 8000);
    bench.push(rtp(0, 0, tone(0)));
    kept = gst_harness_pull(bench.harness());
  }
  EXPECT_EQ(gst_buffer_get_size(kept), 320U);
  gst_buffer_unref(kept);
}

TEST(RtpDec, TheLatencyIsThatOfTheConverter) {
  for (const int rate : {8000, 16000}) {
    Bench bench(kPcmu, rate);
    gst_harness_set_upstream_latency(bench.harness(), 10 * GST_MSECOND);
    const GstClockTime latency = gst_harness_query_latency(bench.harness());
    if (rate == 8000) {
      EXPECT_EQ(latency, 10 * GST_MSECOND);
    } else {
      EXPECT_GT(latency, 11 * GST_MSECOND);
      EXPECT_LT(latency, 13 * GST_MSECOND);
    }
  }
}

TEST(RtpDec, ErrorsHaveARemedy) {
  struct Case {
    const char* line;
    const char* remedy;
  };
  const Case cases[] = {
      {"appsrc name=in format=time caps=application/x-rtp,media=audio,clock-rate=16000,"
       "encoding-name=L16,channels=2 ! wsbridgertpdec ! fakesink",
       "encoding-name"},
      {"appsrc name=in format=time caps=application/x-rtp,media=audio,clock-rate=8000,"
       "encoding-name=PCMU ! wsbridgertpdec ! fakesink name=picky",
       "audioresample"},
  };
  for (const Case& c : cases) {
    elementtest::TestPipeline pipeline(c.line);
    GstElement* picky = gst_bin_get_by_name(GST_BIN(pipeline.pipeline()), "picky");
    if (picky != nullptr) {
      // Takes what no decoder gives.
      GstPad* pad = gst_element_get_static_pad(picky, "sink");
      gst_pad_set_query_function(
          pad, +[](GstPad* queried, GstObject* parent, GstQuery* query) -> gboolean {
            if (GST_QUERY_TYPE(query) != GST_QUERY_CAPS)
              return gst_pad_query_default(queried, parent, query);
            GstCaps* none = gst_caps_new_empty();
            gst_query_set_caps_result(query, none);
            gst_caps_unref(none);
            return TRUE;
          });
      gst_object_unref(pad);
      gst_object_unref(picky);
    }
    pipeline.play();
    GstBuffer* buffer = rtp(1, 96, Bytes(640));
    GstFlowReturn flow = GST_FLOW_OK;
    g_signal_emit_by_name(pipeline.element("in"), "push-buffer", buffer, &flow);
    gst_buffer_unref(buffer);
    const auto* error = pipeline.waitError();
    ASSERT_NE(error, nullptr) << c.line;
    EXPECT_EQ(error->domain, GST_STREAM_ERROR);
    EXPECT_EQ(error->code, GST_STREAM_ERROR_FORMAT);
    EXPECT_NE(error->debug.find(c.remedy), std::string::npos) << error->debug;
  }
}

TEST(RtpDec, AWebSocketGetsAudioAtItsRate) {
  testsupport::SoupEndpoint endpoint;
  elementtest::TestPipeline pipeline(
      "appsrc name=in format=time caps=" + kPcmu +
      " ! wsbridgertpdec name=dec ! wsbridgesink name=ws sync=false async=false "
      "content-type=audio/l16;rate=16000 uri=ws://127.0.0.1:" +
      std::to_string(endpoint.port()) + "/");
  pipeline.play();
  ASSERT_TRUE(endpoint.waitConnections(1, 5s));
  for (guint seq = 0; seq < 5; ++seq) {
    GstBuffer* buffer = rtp(seq, 0, tone(seq));
    GstFlowReturn flow = GST_FLOW_OK;
    g_signal_emit_by_name(pipeline.element("in"), "push-buffer", buffer, &flow);
    gst_buffer_unref(buffer);
  }
  ASSERT_TRUE(endpoint.waitBinaries(1, 5, 5s));
  EXPECT_EQ(endpoint.connection(1)->audio().size(), 5U * 640);
  EXPECT_EQ(pipeline.errors(), 0U);
}

TEST(RtpDec, BehindTheJitterBufferTheTimeLineIsExact) {
  Bench bench(kPcmu, 16000, "wsbridgejitterbuffer ! wsbridgertpdec");
  constexpr guint kPackets = 2000;
  std::mt19937 random(3);
  for (guint seq = 0; seq < kPackets; ++seq) {
    const bool lost = random() % 20 == 0 && seq != 0 && seq != kPackets - 1;
    if (lost) continue;
    GstBuffer* buffer = rtp(seq, 0, tone(seq));
    GST_BUFFER_PTS(buffer) = seq * kPacket + random() % 30 * GST_MSECOND;
    bench.push(buffer);
  }
  bench.event(gst_event_new_eos());
  EXPECT_EQ(bench.samples().size(), size_t{kPackets} * 320);
  EXPECT_GT(bench.stat("concealed"), 50U);
  EXPECT_EQ(bench.stat("lost"), bench.stat("concealed"));
  EXPECT_EQ(bench.stat("packets") + bench.stat("lost"), kPackets);
}

}  // namespace
