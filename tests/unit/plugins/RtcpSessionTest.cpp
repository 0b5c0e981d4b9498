// SPDX-License-Identifier: LGPL-2.1-or-later
// The reports of RFC 3550 6, written by RtcpSession and read by GStreamer's RTP library, and the
// other way round.
#include <algorithm>
#include <array>

#include <gst/rtp/gstrtcpbuffer.h>
#include <gtest/gtest.h>

#include "rtp/RtcpSession.hpp"
#include "wire/Rtp.hpp"

namespace wsbridge {
namespace {

constexpr uint32_t kRate = 8000;
constexpr int64_t kSecondUs = 1'000'000;
constexpr int64_t kRealUs = 1'700'000'000 * kSecondUs + 500'000;
constexpr uint32_t kOurs = 0x11223344;
constexpr uint32_t kTheirs = 0x55667788;

using Header = std::array<uint8_t, wire::kRtpHeaderBytes>;

Header header(uint32_t ssrc, uint16_t seq, uint32_t timestamp) {
  Header out;
  wire::writeRtp(out.data(), {.sequence = seq, .timestamp = timestamp, .ssrc = ssrc});
  return out;
}

struct Block {
  guint32 ssrc = 0;
  guint8 fraction = 0;
  gint32 lost = 0;
  guint32 highest = 0;
  guint32 jitter = 0;
  guint32 lsr = 0;
  guint32 dlsr = 0;
};

/// A compound packet, taken apart by GStreamer.
struct Read {
  bool valid = false;
  std::vector<GstRTCPType> types;
  guint32 ssrc = 0;
  guint64 ntp = 0;
  guint32 rtp_time = 0;
  guint32 packets = 0;
  guint32 octets = 0;
  std::vector<Block> blocks;
  std::string cname;
  guint32 bye = 0;
};

Read read(const std::vector<uint8_t>& bytes) {
  Read out;
  GstBuffer* buffer = gst_rtcp_buffer_new_copy_data(bytes.data(), static_cast<guint>(bytes.size()));
  out.valid = gst_rtcp_buffer_validate(buffer) != FALSE;
  GstRTCPBuffer rtcp = GST_RTCP_BUFFER_INIT;
  gst_rtcp_buffer_map(buffer, GST_MAP_READ, &rtcp);
  GstRTCPPacket packet;
  for (gboolean more = gst_rtcp_buffer_get_first_packet(&rtcp, &packet); more != FALSE;
       more = gst_rtcp_packet_move_to_next(&packet)) {
    const GstRTCPType type = gst_rtcp_packet_get_type(&packet);
    out.types.push_back(type);
    if (type == GST_RTCP_TYPE_SR)
      gst_rtcp_packet_sr_get_sender_info(&packet, &out.ssrc, &out.ntp, &out.rtp_time, &out.packets,
                                         &out.octets);
    if (type == GST_RTCP_TYPE_RR) out.ssrc = gst_rtcp_packet_rr_get_ssrc(&packet);
    if (type == GST_RTCP_TYPE_SR || type == GST_RTCP_TYPE_RR) {
      for (guint i = 0; i < gst_rtcp_packet_get_rb_count(&packet); ++i) {
        Block& b = out.blocks.emplace_back();
        gst_rtcp_packet_get_rb(&packet, i, &b.ssrc, &b.fraction, &b.lost, &b.highest, &b.jitter,
                               &b.lsr, &b.dlsr);
      }
    }
    if (type == GST_RTCP_TYPE_SDES) {
      GstRTCPSDESType item = GST_RTCP_SDES_INVALID;
      guint8 length = 0;
      guint8* data = nullptr;
      gst_rtcp_packet_sdes_first_item(&packet);
      gst_rtcp_packet_sdes_first_entry(&packet);
      gst_rtcp_packet_sdes_get_entry(&packet, &item, &length, &data);
      EXPECT_EQ(item, GST_RTCP_SDES_CNAME);
      out.cname.assign(reinterpret_cast<const char*>(data), length);
    }
    if (type == GST_RTCP_TYPE_BYE) out.bye = gst_rtcp_packet_bye_get_nth_ssrc(&packet, 0);
  }
  gst_rtcp_buffer_unmap(&rtcp);
  gst_buffer_unref(buffer);
  return out;
}

using Types = std::vector<GstRTCPType>;

class RtcpSessionTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { gst_init(nullptr, nullptr); }
  /// `count` packets of 20 ms from `seq`, each as much later as the last of its own time stamp.
  void receive(uint16_t seq, int count, int64_t from_us) {
    for (int i = 0; i < count; ++i)
      EXPECT_TRUE(session_.received(
          header(kTheirs, static_cast<uint16_t>(seq + i), static_cast<uint32_t>(160 * (seq + i))),
          from_us + 20'000 * i));
  }
  Block reportedBlock(int64_t now_us = 0) {
    const Read out = read(session_.report(now_us, kRealUs, false));
    EXPECT_TRUE(out.valid);
    EXPECT_EQ(out.blocks.size(), 1U);
    return out.blocks.empty() ? Block{} : out.blocks.front();
  }

  RtcpSession session_{kRate, 4711};
};

TEST_F(RtcpSessionTest, SenderReportSaysWhatWasSentAndWhen) {
  session_.sent(header(kOurs, 7, 1000), 160, 0);
  session_.sent(header(kOurs, 8, 1160), 160, 20'000);
  const Read out = read(session_.report(120'000, kRealUs, false));
  EXPECT_TRUE(out.valid);
  EXPECT_EQ(out.types, (Types{GST_RTCP_TYPE_SR, GST_RTCP_TYPE_SDES}));
  EXPECT_EQ(out.ssrc, kOurs);
  EXPECT_EQ(out.packets, 2U);
  EXPECT_EQ(out.octets, 320U);
  // 100 ms after the last packet.
  EXPECT_EQ(out.rtp_time, 1160U + 800);
  EXPECT_EQ(out.ntp >> 32, 1'700'000'000ULL + 2'208'988'800ULL);
  EXPECT_NEAR(static_cast<double>(out.ntp & 0xffffffff), 0.5 * 4294967296.0, 2);
  EXPECT_EQ(out.cname.size(), 16U);
  EXPECT_TRUE(out.blocks.empty());
}

// RFC 4733: the packets of a key have the time stamp of its beginning.
TEST_F(RtcpSessionTest, AKeyThatWeSendDoesNotHoldTheClock) {
  session_.sent(header(kOurs, 7, 1000), 160, 0);
  for (uint16_t i = 0; i < 50; ++i)
    session_.sent(header(kOurs, static_cast<uint16_t>(8 + i), 1160), 4,
                  20'000 + 20'000 * int64_t{i});
  EXPECT_EQ(read(session_.report(1'020'000, kRealUs, false)).rtp_time, 1160U + 8000);
}

TEST_F(RtcpSessionTest, WithoutNewPacketsItIsAReceiverReport) {
  session_.sent(header(kOurs, 7, 1000), 160, 0);
  EXPECT_EQ(read(session_.report(0, kRealUs, false)).types.front(), GST_RTCP_TYPE_SR);
  const Read second = read(session_.report(kSecondUs, kRealUs, false));
  EXPECT_EQ(second.types, (Types{GST_RTCP_TYPE_RR, GST_RTCP_TYPE_SDES}));
  EXPECT_EQ(second.ssrc, kOurs);
}

TEST_F(RtcpSessionTest, ByeNamesOurSsrc) {
  EXPECT_FALSE(session_.isKnown());
  session_.sent(header(kOurs, 7, 1000), 160, 0);
  EXPECT_TRUE(session_.isKnown());
  const Read out = read(session_.report(0, kRealUs, true));
  EXPECT_TRUE(out.valid);
  EXPECT_EQ(out.types, (Types{GST_RTCP_TYPE_SR, GST_RTCP_TYPE_SDES, GST_RTCP_TYPE_BYE}));
  EXPECT_EQ(out.bye, kOurs);
}

TEST_F(RtcpSessionTest, BlockCountsLossOverTheWrapOfTheNumbers) {
  receive(65530, 6, 0);
  receive(2, 4, 160'000);  // 0 and 1 are lost
  Block block = reportedBlock();
  EXPECT_EQ(block.ssrc, kTheirs);
  EXPECT_EQ(block.lost, 2);
  EXPECT_EQ(block.highest, 65536U + 5);
  EXPECT_EQ(block.fraction, 2 * 256 / 12);
  // The fraction is of what came since, the number of all.
  receive(6, 10, 240'000);
  block = reportedBlock();
  EXPECT_EQ(block.lost, 2);
  EXPECT_EQ(block.fraction, 0);
}

TEST_F(RtcpSessionTest, DoubledPacketsMakeTheLossNegative) {
  receive(100, 5, 0);
  receive(104, 1, 80'000);
  receive(104, 1, 80'000);
  const Block block = reportedBlock();
  EXPECT_EQ(block.lost, -2);
  EXPECT_EQ(block.fraction, 0);
}

TEST_F(RtcpSessionTest, NoBlockWhileNothingComes) {
  receive(1, 3, 0);
  EXPECT_EQ(read(session_.report(0, kRealUs, false)).blocks.size(), 1U);
  EXPECT_TRUE(read(session_.report(0, kRealUs, false)).blocks.empty());
}

TEST_F(RtcpSessionTest, JitterIsThatOfTheStandard) {
  // Every second packet 10 ms late: the difference is always 80 time stamp units.
  double expected = 0;
  for (int i = 0; i < 200; ++i) {
    const int64_t late_us = i % 2 == 0 ? 0 : 10'000;
    session_.received(header(kTheirs, static_cast<uint16_t>(i), static_cast<uint32_t>(160 * i)),
                      20'000 * int64_t{i} + late_us);
    if (i > 0) expected += (80 - expected) / 16;
  }
  EXPECT_NEAR(reportedBlock().jitter, expected, 1);
}

TEST_F(RtcpSessionTest, AKeyHeldDownIsNoJitter) {
  receive(0, 10, 0);
  for (uint16_t seq = 10; seq < 60; ++seq)
    session_.received(header(kTheirs, seq, 1600), 20'000 * int64_t{seq});
  EXPECT_EQ(reportedBlock().jitter, 0U);
}

TEST_F(RtcpSessionTest, AnotherSsrcIsAnotherStream) {
  receive(100, 5, 0);
  session_.received(header(0x99, 9000, 0), kSecondUs);
  const Block block = reportedBlock();
  EXPECT_EQ(block.ssrc, 0x99U);
  EXPECT_EQ(block.lost, 0);
  EXPECT_EQ(block.highest, 9000U);
}

TEST_F(RtcpSessionTest, AJumpCountsWhenTheNextPacketConfirmsIt) {
  receive(100, 5, 0);
  receive(30000, 1, 100'000);
  EXPECT_EQ(reportedBlock().highest, 104U);
  receive(30001, 3, 120'000);
  const Block block = reportedBlock();
  EXPECT_EQ(block.highest, 30003U);
  EXPECT_EQ(block.lost, 0);
}

TEST_F(RtcpSessionTest, AnewWithOtherTimeStampsIsNoJitter) {
  receive(100, 50, 0);
  for (uint16_t i = 0; i < 10; ++i)
    session_.received(header(kTheirs, static_cast<uint16_t>(40000 + i), 3'000'000'000U + 160U * i),
                      kSecondUs + 20'000 * int64_t{i});
  EXPECT_EQ(reportedBlock().jitter, 0U);
}

TEST_F(RtcpSessionTest, OurOwnSsrcIsNobodys) {
  session_.sent(header(kOurs, 7, 1000), 160, 0);
  EXPECT_FALSE(session_.received(header(kOurs, 7, 1000), 0));
  EXPECT_TRUE(read(session_.report(0, kRealUs, false)).blocks.empty());
  // The new one counts from nothing.
  session_.sent(header(0x77, 8, 1160), 160, 0);
  EXPECT_EQ(read(session_.report(0, kRealUs, false)).packets, 1U);
}

// Two of them talk: each learns from the other what became of its packets, and how long a report
// and its answer take.
TEST_F(RtcpSessionTest, RoundTripAndLossAreToldByTheOtherSide) {
  RtcpSession other(kRate, 815);
  for (uint16_t i = 0; i < 50; ++i) {
    const int64_t now_us = 20'000 * int64_t{i};
    session_.sent(header(kOurs, i, 160U * i), 160, now_us);
    if (i % 10 != 9) other.received(header(kOurs, i, 160U * i), now_us + 30'000);
    other.sent(header(kTheirs, i, 160U * i), 160, now_us);
    session_.received(header(kTheirs, i, 160U * i), now_us + 30'000);
  }
  EXPECT_FALSE(session_.remote());
  // 30 ms there, 2 s in between, 45 ms back.
  other.takeReport(session_.report(kSecondUs, kRealUs, false), kSecondUs + 30'000);
  const auto answer = other.report(3 * kSecondUs + 30'000, kRealUs + 5 * kSecondUs, false);
  const Read read_answer = read(answer);
  ASSERT_EQ(read_answer.blocks.size(), 1U);
  EXPECT_EQ(read_answer.blocks[0].dlsr, 2U * 65536);
  session_.takeReport(answer, 3 * kSecondUs + 75'000);
  ASSERT_TRUE(session_.remote());
  // The last one lost was the last one sent, which nobody can miss.
  EXPECT_EQ(session_.remote()->lost, 4);
  EXPECT_EQ(session_.remote()->jitter_us, 0);
  EXPECT_NEAR(static_cast<double>(session_.remote()->round_trip_us), 75'000, 100);
}

TEST_F(RtcpSessionTest, BrokenReportsAreLeftOut) {
  session_.sent(header(kOurs, 7, 1000), 160, 0);
  RtcpSession other(kRate, 815);
  other.received(header(kOurs, 7, 1000), 0);
  const auto whole = other.report(0, kRealUs, true);
  for (size_t size = 0; size < whole.size(); ++size) {
    RtcpSession fresh(kRate, 1);
    fresh.sent(header(kOurs, 7, 1000), 160, 0);
    fresh.takeReport(std::span(whole).first(size), 0);
    EXPECT_EQ(fresh.remote().has_value(), size >= 32) << size;
  }
  // A count of blocks that the length has no room for.
  auto liar = whole;
  liar[0] = 0x9f;
  session_.takeReport(liar, 0);
  EXPECT_FALSE(session_.remote());
}

TEST_F(RtcpSessionTest, IntervalsAreSpreadAroundFiveSeconds) {
  int64_t least = INT64_MAX;
  int64_t most = 0;
  EXPECT_LE(session_.nextIntervalUs(), 3'750'000);
  session_.report(0, kRealUs, false);
  for (int i = 0; i < 1000; ++i) {
    const int64_t interval_us = session_.nextIntervalUs();
    least = std::min(least, interval_us);
    most = std::max(most, interval_us);
  }
  EXPECT_GE(least, 2'500'000);
  EXPECT_LT(least, 2'600'000);
  EXPECT_LE(most, 7'500'000);
  EXPECT_GT(most, 7'400'000);
}

TEST_F(RtcpSessionTest, NamesAreRandom) {
  RtcpSession other(kRate, 815);
  EXPECT_NE(session_.ssrc(), other.ssrc());
  EXPECT_NE(read(session_.report(0, kRealUs, false)).cname,
            read(other.report(0, kRealUs, false)).cname);
}

}  // namespace
}  // namespace wsbridge
