// SPDX-License-Identifier: LGPL-2.1-or-later
//
// wsbridgertpsrc and wsbridgertpsink: whose packets are taken, where ours go, sockets, teardown.
#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include <gio/gio.h>
#include <gtest/gtest.h>

#include "TestPipeline.hpp"
#include "UdpPeer.hpp"
#include "wire/Rtp.hpp"

namespace {

using elementtest::TestPipeline;
using elementtest::UdpPeer;
using namespace std::chrono_literals;

std::string rtp(int payload_type, int sequence, char fill = 'a') {
  return wire::rtpPacket(
      {.payloadType = payload_type, .sequence = static_cast<uint16_t>(sequence), .ssrc = 1},
      std::string(160, fill));
}

std::string rtcpReport() {
  std::string packet(28, '\0');
  packet[0] = '\x80';
  packet[1] = '\xc8';
  packet[3] = 6;
  return packet;
}

constexpr const char* kReceive =
    "wsbridgertpsrc name=src address=127.0.0.1 payload-types=0,101 ! fakesink name=out "
    "signal-handoffs=true sync=false async=false";

bool waitStat(TestPipeline& pipeline, const char* field, uint64_t value) {
  return pipeline.waitUntil([&] { return pipeline.stat("src", field) >= value; }, 5s);
}

TEST(Rtp, TakesThePacketsOfTheFirstValidSourceOnly) {
  TestPipeline pipeline(kReceive);
  pipeline.record("out");
  pipeline.play();
  const UdpPeer phone;
  const UdpPeer stranger;
  const unsigned port = pipeline.port("src");
  ASSERT_NE(port, 0U);
  stranger.send("not RTP at all", port);
  stranger.send(rtp(8, 1), port);  // a payload type that was not agreed
  ASSERT_TRUE(waitStat(pipeline, "packets-ignored", 2));
  phone.send(rtp(0, 1, 'p'), port);
  const GstStructure* told = pipeline.waitMessage("wsbridge-rtp-source");
  ASSERT_NE(told, nullptr);
  EXPECT_STREQ(gst_structure_get_string(told, "address"), "127.0.0.1");
  guint told_port = 0;
  gst_structure_get_uint(told, "port", &told_port);
  EXPECT_EQ(told_port, phone.port());
  stranger.send(rtp(0, 2, 's'), port);
  phone.send(rtp(101, 2, 'k'), port);
  ASSERT_TRUE(waitStat(pipeline, "packets-ignored", 3));
  ASSERT_TRUE(waitStat(pipeline, "packets-received", 2));
  ASSERT_TRUE(pipeline.waitUntil([&] { return pipeline.recorded().size() == 2 * 172; }, 5s));
  EXPECT_EQ(pipeline.recorded(), rtp(0, 1, 'p') + rtp(101, 2, 'k'));
  EXPECT_EQ(pipeline.messages("wsbridge-rtp-source"), 1U);
}

TEST(Rtp, TimeStampsAreTheKernelsTimesOfArrival) {
  TestPipeline pipeline(kReceive);
  pipeline.record("out");
  pipeline.play();
  const UdpPeer phone;
  for (int i = 0; i < 50; ++i)
    phone.send(rtp(0, i), pipeline.port("src"));
  ASSERT_TRUE(pipeline.waitUntil([&] { return pipeline.recorded().size() == 50 * 172; }, 5s));
  const auto times = pipeline.recordedTimes();
  EXPECT_TRUE(std::is_sorted(times.begin(), times.end()));
  // Read in batches, but each has its own time.
  EXPECT_GT(std::set<GstClockTime>(times.begin(), times.end()).size(), 25U);
}

TEST(Rtp, WithoutLatchingEverybodyIsHeard) {
  TestPipeline pipeline(std::string(kReceive).replace(0, 14, "wsbridgertpsrc latch=false"));
  pipeline.play();
  const UdpPeer one;
  const UdpPeer two;
  one.send(rtp(0, 1), pipeline.port("src"));
  two.send(rtp(0, 2), pipeline.port("src"));
  EXPECT_TRUE(waitStat(pipeline, "packets-received", 2));
}

TEST(Rtp, WhileClosedPacketsAreDroppedAndLatchNothing) {
  TestPipeline pipeline(std::string(kReceive).replace(0, 14, "wsbridgertpsrc open=false"));
  pipeline.play();
  const UdpPeer early;
  const UdpPeer phone;
  early.send(rtp(0, 1), pipeline.port("src"));
  ASSERT_TRUE(waitStat(pipeline, "packets-ignored", 1));
  g_object_set(pipeline.element("src"), "open", TRUE, nullptr);
  phone.send(rtp(0, 2), pipeline.port("src"));
  ASSERT_TRUE(waitStat(pipeline, "packets-received", 1));
  const auto stats = pipeline.stats("src");
  guint port = 0;
  gst_structure_get_uint(stats.get(), "source-port", &port);
  EXPECT_EQ(port, phone.port());
}

constexpr const char* kBoth =
    "wsbridgertpsrc name=src address=127.0.0.1 transport=pair ! fakesink sync=false async=false "
    "appsrc name=in format=time is-live=true caps=application/x-rtp ! wsbridgertpsink name=sink "
    "transport=pair";

void pushPacket(TestPipeline& pipeline, const std::string& bytes) {
  GstBuffer* buffer = gst_buffer_new_memdup(bytes.data(), 12);
  // As payloaders do it: header and payload are two memories.
  gst_buffer_append(buffer, gst_buffer_new_memdup(bytes.data() + 12, bytes.size() - 12));
  GstFlowReturn flow = GST_FLOW_OK;
  g_signal_emit_by_name(pipeline.element("in"), "push-buffer", buffer, &flow);
  gst_buffer_unref(buffer);
  ASSERT_EQ(flow, GST_FLOW_OK);
}

TEST(Rtp, AnswersGoWhereThePacketsComeFrom) {
  TestPipeline pipeline(kBoth);
  const UdpPeer announced;
  const UdpPeer phone;
  g_object_set(pipeline.element("src"), "remote-address", "127.0.0.1", "remote-port",
               announced.port(), nullptr);
  pipeline.play();
  pushPacket(pipeline, rtp(0, 1, 'x'));
  EXPECT_EQ(announced.receive(), rtp(0, 1, 'x'));
  phone.send(rtp(0, 1), pipeline.port("src"));
  ASSERT_TRUE(waitStat(pipeline, "packets-received", 1));
  pushPacket(pipeline, rtp(0, 2, 'y'));
  EXPECT_EQ(phone.receive(), rtp(0, 2, 'y'));
  EXPECT_TRUE(announced.hasNothing());
  // A re-INVITE names another address in mid-call.
  const UdpPeer moved;
  g_object_set(pipeline.element("src"), "remote-port", moved.port(), nullptr);
  pushPacket(pipeline, rtp(0, 3, 'z'));
  EXPECT_EQ(moved.receive(), rtp(0, 3, 'z'));
  // Counted when sendmsg() has returned, which may be after the packet has come.
  EXPECT_TRUE(pipeline.waitUntil([&] { return pipeline.stat("sink", "packets-sent") == 3; }, 5s));
}

std::string latchOf(TestPipeline& pipeline) {
  const auto stats = pipeline.stats("src");
  return gst_structure_get_string(stats.get(), "latch");
}

TEST(Rtp, ATransportThatIsChangedInReadyIsTheNewOne) {
  TestPipeline pipeline(kBoth);
  pipeline.play();
  gst_element_set_state(pipeline.pipeline(), GST_STATE_READY);
  // Somebody else has the old name from now on.
  for (const char* name : {"src", "sink"})
    g_object_set(pipeline.element(name), "transport", "renamed-in-ready", nullptr);
  pipeline.play();
  TestPipeline other(kBoth);
  other.play();
  EXPECT_EQ(other.errors(), 0U);
  const UdpPeer phone;
  const unsigned port = pipeline.port("src");
  phone.send(rtp(0, 1), port);
  ASSERT_TRUE(waitStat(pipeline, "packets-received", 1));
  pushPacket(pipeline, rtp(0, 1, 'x'));
  EXPECT_EQ(phone.receive(), rtp(0, 1, 'x'));
}

TEST(Rtp, ComfortNoiseThatNobodyAgreedToIsNoLoss) {
  TestPipeline pipeline(
      "wsbridgertpsrc name=src address=127.0.0.1 payload-types=0,101 ! application/x-rtp,"
      "media=audio,clock-rate=8000,encoding-name=PCMU,payload=0 ! wsbridgejitterbuffer name=jb ! "
      "wsbridgertpdec name=dec ! fakesink name=out signal-handoffs=true sync=false async=false");
  pipeline.play();
  const UdpPeer phone;
  const unsigned port = pipeline.port("src");
  for (int i = 1; i <= 5; ++i)
    phone.send(rtp(0, i), port);
  for (int i = 6; i <= 9; ++i)
    phone.send(rtp(13, i), port);
  for (int i = 10; i <= 14; ++i)
    phone.send(rtp(0, i), port);
  ASSERT_TRUE(waitStat(pipeline, "packets-received", 10));
  EXPECT_EQ(pipeline.stat("src", "packets-ignored"), 4U);
  ASSERT_TRUE(pipeline.waitUntil([&] { return pipeline.stat("jb", "delivered") == 10; }, 5s));
  EXPECT_EQ(pipeline.stat("jb", "skipped"), 4U);
  EXPECT_EQ(pipeline.stat("jb", "lost"), 0U);
  EXPECT_EQ(pipeline.stat("dec", "concealed"), 0U);
}

TEST(Rtp, AStrangerNeedsFivePacketsAndTheAnnouncedAddressOne) {
  TestPipeline pipeline(kBoth);
  const UdpPeer phone;
  const UdpPeer stranger("127.0.0.2");
  g_object_set(pipeline.element("src"), "remote-address", "127.0.0.1", "remote-port", phone.port(),
               "signalling-address", "127.0.0.9", "payload-types", "0", nullptr);
  pipeline.play();
  const unsigned port = pipeline.port("src");
  EXPECT_EQ(latchOf(pipeline), "none");
  for (int i = 1; i <= 4; ++i)
    stranger.send(rtp(0, i), port);
  stranger.send(rtp(8, 5), port);  // another payload type does not count
  ASSERT_TRUE(waitStat(pipeline, "packets-ignored", 5));
  EXPECT_EQ(latchOf(pipeline), "none");
  pushPacket(pipeline, rtp(0, 1, 'x'));
  EXPECT_EQ(phone.receive(), rtp(0, 1, 'x'));
  stranger.send(rtp(0, 5), port);
  ASSERT_TRUE(waitStat(pipeline, "packets-received", 1));
  EXPECT_EQ(latchOf(pipeline), "other");
  const GstStructure* told = pipeline.waitMessage("wsbridge-rtp-source");
  ASSERT_NE(told, nullptr);
  EXPECT_STREQ(gst_structure_get_string(told, "latch"), "other");
  pushPacket(pipeline, rtp(0, 2, 'y'));
  EXPECT_EQ(stranger.receive(), rtp(0, 2, 'y'));
  phone.send(rtp(0, 900), port);
  ASSERT_TRUE(waitStat(pipeline, "packets-received", 2));
  EXPECT_EQ(latchOf(pipeline), "announced");
  stranger.send(rtp(0, 6), port);
  ASSERT_TRUE(waitStat(pipeline, "packets-ignored", 6));
  pushPacket(pipeline, rtp(0, 3, 'z'));
  EXPECT_EQ(phone.receive(), rtp(0, 3, 'z'));
  EXPECT_TRUE(stranger.hasNothing());
}

TEST(Rtp, TheSignallingHostLatchesAtOnce) {
  TestPipeline pipeline(kBoth);
  const UdpPeer phone;
  g_object_set(pipeline.element("src"), "remote-address", "192.168.77.5", "remote-port", 4000,
               "signalling-address", "127.0.0.1", "aim-at-announced", FALSE, nullptr);
  pipeline.play();
  pushPacket(pipeline, rtp(0, 1));
  ASSERT_TRUE(pipeline.waitUntil([&] { return pipeline.stat("sink", "packets-unsent") == 1; }, 5s));
  phone.send(rtp(0, 1), pipeline.port("src"));
  ASSERT_TRUE(waitStat(pipeline, "packets-received", 1));
  EXPECT_EQ(latchOf(pipeline), "signalling-host");
  pushPacket(pipeline, rtp(0, 2, 'y'));
  EXPECT_EQ(phone.receive(), rtp(0, 2, 'y'));
}

TEST(Rtp, NothingIsSentWhileTheSourceIsAwaited) {
  TestPipeline pipeline(kBoth);
  const UdpPeer phone;
  g_object_set(pipeline.element("src"), "remote-address", "127.0.0.1", "remote-port", phone.port(),
               "await-source", TRUE, nullptr);
  pipeline.play();
  pushPacket(pipeline, rtp(0, 1, 'x'));
  ASSERT_TRUE(pipeline.waitUntil([&] { return pipeline.stat("sink", "packets-unsent") == 1; }, 5s));
  EXPECT_TRUE(phone.hasNothing());
  phone.send(rtp(0, 1), pipeline.port("src"));
  ASSERT_TRUE(waitStat(pipeline, "packets-received", 1));
  pushPacket(pipeline, rtp(0, 2, 'y'));
  EXPECT_EQ(phone.receive(), rtp(0, 2, 'y'));
}

TEST(Rtp, WithNowhereToSendToPacketsAreCounted) {
  TestPipeline pipeline(kBoth);
  pipeline.play();
  pushPacket(pipeline, rtp(0, 1));
  EXPECT_TRUE(pipeline.waitUntil([&] { return pipeline.stat("sink", "packets-unsent") == 1; }, 5s));
  EXPECT_EQ(pipeline.errors(), 0U);
}

TEST(Rtp, ReportsHaveTheNextPort) {
  TestPipeline pipeline(
      "wsbridgertpsrc name=src address=127.0.0.1 ! fakesink sync=false async=false "
      "src.rtcp_src ! fakesink name=out signal-handoffs=true sync=false async=false");
  pipeline.record("out");
  pipeline.play();
  const UdpPeer phone;
  phone.send(rtcpReport(), pipeline.port("src") + 1);
  phone.send("no report, but long enough", pipeline.port("src") + 1);
  ASSERT_TRUE(waitStat(pipeline, "rtcp-received", 1));
  ASSERT_TRUE(pipeline.waitUntil([&] { return !pipeline.recorded().empty(); }, 5s));
  EXPECT_EQ(pipeline.recorded(), rtcpReport());
}

TEST(Rtp, ReportsShareThePortWithAudio) {
  TestPipeline pipeline(
      "wsbridgertpsrc name=src address=127.0.0.1 rtcp-mux=true ! fakesink sync=false async=false "
      "src.rtcp_src ! fakesink name=out signal-handoffs=true sync=false async=false");
  pipeline.record("out");
  pipeline.play();
  const UdpPeer phone;
  phone.send(rtp(0, 1), pipeline.port("src"));
  phone.send(rtcpReport(), pipeline.port("src"));
  ASSERT_TRUE(waitStat(pipeline, "rtcp-received", 1));
  EXPECT_EQ(pipeline.stat("src", "packets-received"), 1U);
  EXPECT_EQ(pipeline.stat("src", "packets-ignored"), 0U);
}

TEST(Rtp, EndsAndStartsAgain) {
  TestPipeline pipeline(kReceive);
  for (uint64_t round = 1; round <= 3; ++round) {
    pipeline.play();
    const UdpPeer phone;
    phone.send(rtp(0, 1), pipeline.port("src"));
    ASSERT_TRUE(waitStat(pipeline, "packets-received", 1)) << "round " << round;
    pipeline.stop();
  }
}

TEST(Rtp, FaultsAreNamed) {
  const auto fails = [](const std::string& line) {
    TestPipeline pipeline(line + " ! fakesink sync=false async=false");
    pipeline.play();
    const elementtest::PostedError* error = pipeline.waitError();
    return error != nullptr ? std::string(g_quark_to_string(error->domain)) + ":" +
                                  std::to_string(error->code) + " " + error->text
                            : std::string("no error");
  };
  const std::string domain = g_quark_to_string(GST_RESOURCE_ERROR);
  const auto begins = [&](int code) { return domain + ":" + std::to_string(code); };
  EXPECT_NE(fails("wsbridgertpsrc payload-types=0,200").find("200"), std::string::npos);
  EXPECT_EQ(fails("wsbridgertpsrc payload-types=x").find(begins(GST_RESOURCE_ERROR_SETTINGS)), 0U);
  EXPECT_EQ(fails("wsbridgertpsrc address=here").find(begins(GST_RESOURCE_ERROR_OPEN_READ)), 0U);
  const UdpPeer taken;
  EXPECT_EQ(fails("wsbridgertpsrc address=127.0.0.1 port=" + std::to_string(taken.port()))
                .find(begins(GST_RESOURCE_ERROR_OPEN_READ)),
            0U);
  TestPipeline first(kBoth);
  first.play();
  EXPECT_EQ(fails("wsbridgertpsrc transport=pair").find(begins(GST_RESOURCE_ERROR_BUSY)), 0U);
}

TEST(Rtp, ManySourcesShareOneLoop) {
  std::string line;
  for (int i = 0; i < 20; ++i) {
    line += "wsbridgertpsrc name=src" + std::to_string(i) +
            " address=127.0.0.1 context=many ! fakesink sync=false async=false ";
  }
  TestPipeline pipeline(line);
  pipeline.play();
  const UdpPeer phone;
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 20; ++i) {
      phone.send(rtp(0, round), pipeline.port("src" + std::to_string(i)));
    }
  }
  for (int i = 0; i < 20; ++i) {
    const std::string name = "src" + std::to_string(i);
    EXPECT_TRUE(
        pipeline.waitUntil([&] { return pipeline.stat(name, "packets-received") == 5; }, 5s));
  }
}

/// The application's socket is closed as soon as the element is in READY, in the middle of a flood.
TEST(Rtp, StopsInTheMiddleOfPackets) {
  for (int round = 0; round < 50; ++round) {
    GError* error = nullptr;
    GSocket* socket =
        g_socket_new(G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_DATAGRAM, G_SOCKET_PROTOCOL_UDP, &error);
    ASSERT_NE(socket, nullptr);
    GInetAddress* loopback = g_inet_address_new_loopback(G_SOCKET_FAMILY_IPV4);
    GSocketAddress* local = g_inet_socket_address_new(loopback, 0);
    ASSERT_TRUE(g_socket_bind(socket, local, FALSE, nullptr));
    g_object_unref(local);
    g_object_unref(loopback);
    TestPipeline pipeline(
        "wsbridgertpsrc name=src context=flood ! fakesink sync=false async=false");
    g_object_set(pipeline.element("src"), "socket", socket, nullptr);
    pipeline.play();
    const unsigned port = pipeline.port("src");
    std::atomic<bool> done{false};
    std::thread flood([&] {
      const UdpPeer phone;
      while (!done)
        phone.send(rtp(0, 1), port);
    });
    EXPECT_TRUE(waitStat(pipeline, "packets-received", 10));
    pipeline.stop();
    g_socket_close(socket, nullptr);
    done = true;
    flood.join();
    g_object_unref(socket);
  }
}

}  // namespace
