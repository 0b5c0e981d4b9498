// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The reports that wsbridgertpsrc and wsbridgertpsink make by themselves. A BYE ends them, with a
// whole report before it, so nothing here waits for an interval.
#include <gtest/gtest.h>

#include "TestPipeline.hpp"
#include "UdpPeer.hpp"
#include "wire/Bytes.hpp"

namespace {

using elementtest::TestPipeline;
using elementtest::UdpPeer;
using namespace std::chrono_literals;

constexpr int kSenderReport = 200;
constexpr int kReceiverReport = 201;
constexpr int kBye = 203;

uint32_t get32(const std::string& bytes, size_t at) {
  return static_cast<uint32_t>(
      wire::getBig(reinterpret_cast<const uint8_t*>(bytes.substr(at, 4).data()), 4));
}

int typeOf(const std::string& packet) {
  return packet.size() < 12 ? -1 : static_cast<uint8_t>(packet[1]);
}

bool isReport(const std::string& packet) {
  return typeOf(packet) == kSenderReport || typeOf(packet) == kReceiverReport;
}

uint32_t ssrcOf(const std::string& rtp) {
  return get32(rtp, 8);
}

/// The SSRC that a compound packet says goodbye for; 0: none.
uint32_t byeOf(const std::string& compound) {
  for (size_t at = 0; at + 8 <= compound.size();) {
    if (static_cast<uint8_t>(compound[at + 1]) == kBye) return get32(compound, at + 4);
    at += 4 * (size_t{get32(compound, at) & 0xffff} + 1);
  }
  return 0;
}

/// The next packet that is a report, or is none; empty: nothing came.
std::string next(const UdpPeer& peer, bool report) {
  for (;;) {
    std::string packet = peer.receive();
    if (packet.empty() || isReport(packet) == report) return packet;
  }
}

std::string speaking(const UdpPeer& phone, const std::string& more = "") {
  return "wsbridgertpsrc name=src transport=pair address=127.0.0.1 rtcp-mux=true reports=true "
         "caps=application/x-rtp,clock-rate=8000 remote-address=127.0.0.1 remote-port=" +
         std::to_string(phone.port()) + more +
         " ! fakesink sync=false async=false "
         "audiotestsrc is-live=true samplesperbuffer=160 ! "
         "audio/x-raw,format=S16LE,rate=8000,channels=1 ! wsbridgertpenc ! "
         "wsbridgertpsink name=sink transport=pair";
}

TEST(Rtcp, ByeAndLastReportComeWhenTheSourceStops) {
  const UdpPeer phone;
  TestPipeline pipeline(speaking(phone));
  pipeline.play();
  const std::string first = next(phone, false);
  ASSERT_GE(first.size(), 12U);
  std::string ours = first;
  ours.replace(8, 4, "mine");
  phone.send(ours, pipeline.port("src"));
  ASSERT_TRUE(
      pipeline.waitUntil([&] { return pipeline.stat("src", "packets-received") == 1; }, 5s));
  pipeline.stop();
  const std::string report = next(phone, true);
  ASSERT_EQ(typeOf(report), kSenderReport);
  EXPECT_EQ(get32(report, 4), ssrcOf(first));
  EXPECT_GE(get32(report, 20), 1U) << "packets sent";
  EXPECT_EQ(report[0] & 0x1f, 1) << "report blocks";
  EXPECT_EQ(report.substr(28, 4), "mine");
  EXPECT_EQ(byeOf(report), ssrcOf(first));
}

TEST(Rtcp, WhatThePhoneReportsIsInTheStatistics) {
  const UdpPeer phone;
  TestPipeline pipeline(speaking(phone));
  pipeline.play();
  const uint32_t ssrc = ssrcOf(next(phone, false));
  std::string report(32, '\0');
  report.replace(0, 8, std::string("\x81\xc9\x00\x07them", 8));
  for (size_t i = 0; i < 4; ++i)
    report[8 + i] = static_cast<char>(ssrc >> (24 - 8 * i));
  report[15] = 3;   // lost
  report[23] = 80;  // jitter: 10 ms
  phone.send(report, pipeline.port("src"));
  EXPECT_TRUE(pipeline.waitUntil([&] { return pipeline.stat("src", "rtcp-received") == 1; }, 5s));
  const auto stats = pipeline.stats("src");
  int lost = -1;
  EXPECT_TRUE(gst_structure_get_int(stats.get(), "remote-lost", &lost));
  EXPECT_EQ(lost, 3);
  EXPECT_FALSE(gst_structure_has_field(stats.get(), "round-trip-time"));
  EXPECT_EQ(pipeline.stat("src", "remote-jitter"), 10'000'000U);
}

/// RFC 3550 8.2: a BYE for the SSRC that two have, and another one for us; but an echo is no second
/// participant.
TEST(Rtcp, ACollisionIsLeftOnce) {
  const UdpPeer phone;
  TestPipeline pipeline(speaking(phone));
  pipeline.play();
  const std::string first = next(phone, false);
  phone.send(first, pipeline.port("src"));
  EXPECT_EQ(byeOf(next(phone, true)), ssrcOf(first));
  std::string second;
  do {
    second = next(phone, false);
    ASSERT_FALSE(second.empty());
  } while (ssrcOf(second) == ssrcOf(first));
  phone.send(second, pipeline.port("src"));
  ASSERT_TRUE(
      pipeline.waitUntil([&] { return pipeline.stat("src", "packets-received") == 2; }, 5s));
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(ssrcOf(next(phone, false)), ssrcOf(second));
}

TEST(Rtcp, ReportsHaveTheirOwnPortWithoutMux) {
  const UdpPeer phone;
  const UdpPeer reports;
  TestPipeline pipeline(
      speaking(phone, " rtcp-mux=false remote-rtcp-port=" + std::to_string(reports.port())));
  pipeline.play();
  const uint32_t ssrc = ssrcOf(next(phone, false));
  pipeline.stop();
  EXPECT_EQ(byeOf(reports.receive()), ssrc);
}

TEST(Rtcp, WhoHasSentNothingSaysNoGoodbye) {
  const UdpPeer phone;
  TestPipeline pipeline(
      "wsbridgertpsrc name=src address=127.0.0.1 rtcp-mux=true reports=true "
      "caps=application/x-rtp,clock-rate=8000 remote-address=127.0.0.1 remote-port=" +
      std::to_string(phone.port()) + " ! fakesink sync=false async=false");
  pipeline.play();
  pipeline.stop();
  EXPECT_TRUE(phone.hasNothing());
}

TEST(Rtcp, WithoutAClockRateThereIsAnError) {
  TestPipeline pipeline("wsbridgertpsrc reports=true ! fakesink sync=false async=false");
  pipeline.play();
  const elementtest::PostedError* error = pipeline.waitError();
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->domain, GST_RESOURCE_ERROR);
  EXPECT_EQ(error->code, GST_RESOURCE_ERROR_SETTINGS);
  EXPECT_NE(error->text.find("clock-rate"), std::string::npos);
}

/// The timer of the reports and the sockets go while packets come and go.
TEST(Rtcp, StopsInTheMiddleOfACall) {
  const UdpPeer phone;
  for (int round = 0; round < 20; ++round) {
    TestPipeline pipeline(speaking(phone, " context=stopping"));
    pipeline.play();
    phone.send(next(phone, false), pipeline.port("src"));
    pipeline.stop();
  }
}

}  // namespace
