// SPDX-License-Identifier: LGPL-2.1-or-later
#include <array>

#include <gtest/gtest.h>

#include "common/RtpHeader.hpp"
#include "rtp/RtpAddress.hpp"
#include "rtp/RtpSockets.hpp"
#include "rtp/RtpTransport.hpp"
#include "runtime/LoopLoad.hpp"

namespace wsbridge {
namespace {

RtpAddress at(const char* ip, uint16_t port) {
  return RtpAddress::parse(ip, port).value();
}

TEST(RtpAddress, ReadsAndWritesBothFamilies) {
  for (const char* text : {"192.0.2.7", "2001:db8::7"}) {
    const RtpAddress address = at(text, 5004);
    EXPECT_EQ(address.ipText(), text);
    EXPECT_FALSE(address.isNowhere());
    sockaddr_storage raw{};
    ASSERT_NE(address.toSockaddr(AF_INET6, raw), 0U);
    EXPECT_EQ(RtpAddress::of(raw), address);
  }
  sockaddr_storage raw{};
  EXPECT_EQ(at("192.0.2.7", 5004).toSockaddr(AF_INET, raw), sizeof(sockaddr_in));
  EXPECT_EQ(RtpAddress::of(raw), at("192.0.2.7", 5004));
  EXPECT_EQ(at("2001:db8::7", 5004).toSockaddr(AF_INET, raw), 0U);
  EXPECT_FALSE(RtpAddress::parse("phone.example.org", 5004));
}

TEST(RtpAddress, KnowsWhatCannotBeReached) {
  EXPECT_TRUE(RtpAddress{}.isNowhere());
  EXPECT_TRUE(at("0.0.0.0", 5004).isNowhere());
  EXPECT_TRUE(at("::", 5004).isNowhere());
  EXPECT_TRUE(at("192.0.2.7", 0).isNowhere());
}

TEST(RtpPacket, TellsReportsFromAudioOnOnePort) {
  std::array<uint8_t, 28> packet{};
  packet[0] = 0x80;
  packet[1] = 200;
  EXPECT_TRUE(common::isRtcp(packet));
  EXPECT_FALSE(common::isRtcp(std::span(packet).first(4)));
  packet[1] = 0x80;  // PCMU with the marker
  EXPECT_FALSE(common::isRtcp(packet));
}

class TransportTest : public testing::Test {
 protected:
  TransportTest()
      : ours_(bindUdp("127.0.0.1", 0, fault_)),
        peer_(bindUdp("127.0.0.1", 0, fault_)),
        stranger_(bindUdp("127.0.0.1", 0, fault_)) {}

  static RtpAddress addressOf(const GObjectPtr<GSocket>& socket) {
    return at("127.0.0.1", static_cast<uint16_t>(boundPort(socket.get())));
  }
  static bool received(const GObjectPtr<GSocket>& socket) {
    char byte = 0;
    return recv(g_socket_get_fd(socket.get()), &byte, 1, MSG_DONTWAIT) == 1;
  }
  RtpTransport::Sent sendOne(RtpTransport::Channel channel = RtpTransport::Channel::Rtp) {
    char byte = 'x';
    const iovec part = {.iov_base = &byte, .iov_len = 1};
    return transport_->send(channel, &part, 1, 1);
  }

  std::string fault_;
  GObjectPtr<GSocket> ours_;
  GObjectPtr<GSocket> peer_;
  GObjectPtr<GSocket> stranger_;
  std::shared_ptr<RtpTransport> transport_ = RtpTransport::acquire("");
};

TEST_F(TransportTest, SendsToTheAnnouncedAddressAndThenToTheSource) {
  ASSERT_EQ(fault_, "");
  EXPECT_EQ(sendOne(), RtpTransport::Sent::Nowhere);
  transport_->announce(addressOf(peer_), {});
  EXPECT_EQ(sendOne(), RtpTransport::Sent::Nowhere);
  transport_->setSockets(refObject(ours_.get()), nullptr, true);
  EXPECT_EQ(sendOne(), RtpTransport::Sent::Ok);
  EXPECT_TRUE(received(peer_));
  EXPECT_TRUE(transport_->acceptRtp(addressOf(stranger_), 0).latched);
  EXPECT_EQ(sendOne(), RtpTransport::Sent::Ok);
  EXPECT_TRUE(received(stranger_));
  EXPECT_FALSE(received(peer_));
  transport_->clearSockets();
  EXPECT_EQ(sendOne(), RtpTransport::Sent::Nowhere);
}

TEST_F(TransportTest, ReportsCountFromTheHostOfTheAudioOnly) {
  EXPECT_TRUE(transport_->acceptRtp(at("192.0.2.1", 4000), 0).taken);
  EXPECT_FALSE(transport_->acceptRtcp(at("192.0.2.9", 4001), 0).taken);
  EXPECT_TRUE(transport_->acceptRtcp(at("192.0.2.1", 4001), 0).taken);
  EXPECT_FALSE(transport_->acceptRtcp(at("192.0.2.1", 4003), 0).taken);
}

TEST_F(TransportTest, WhoReportedFirstIsLeftForTheHostOfTheAudio) {
  EXPECT_TRUE(transport_->acceptRtcp(at("192.0.2.9", 4001), 0).latched);
  EXPECT_TRUE(transport_->acceptRtp(at("192.0.2.1", 4000), 10'000'000).latched);
  EXPECT_FALSE(transport_->acceptRtcp(at("192.0.2.9", 4001), 10'000'000).taken);
  EXPECT_TRUE(transport_->acceptRtcp(at("192.0.2.1", 4001), 10'000'000).latched);
}

TEST_F(TransportTest, NothingGoesToAnAnnouncedAddressThatMayNotBeAimedAt) {
  transport_->setAimAtAnnounced(false);
  transport_->setSockets(refObject(ours_.get()), nullptr, true);
  transport_->announce(addressOf(peer_), addressOf(peer_));
  EXPECT_EQ(sendOne(), RtpTransport::Sent::Nowhere);
  EXPECT_EQ(sendOne(RtpTransport::Channel::Rtcp), RtpTransport::Sent::Nowhere);
  EXPECT_TRUE(transport_->acceptRtp(addressOf(stranger_), 0).latched);
  for (const auto channel : {RtpTransport::Channel::Rtp, RtpTransport::Channel::Rtcp}) {
    EXPECT_EQ(sendOne(channel), RtpTransport::Sent::Ok);
    EXPECT_TRUE(received(stranger_));
  }
  transport_->setAimAtAnnounced(true);
  EXPECT_EQ(sendOne(RtpTransport::Channel::Rtcp), RtpTransport::Sent::Ok);
  EXPECT_TRUE(received(stranger_)) << "who has latched is not left for it";
  EXPECT_FALSE(received(peer_));
}

TEST_F(TransportTest, NothingIsSentBeforeTheAnnouncedAddressHasBeenHeard) {
  transport_->setSockets(refObject(ours_.get()), nullptr, true);
  transport_->announce(addressOf(peer_), addressOf(peer_));
  transport_->setAwaitSource(true);
  EXPECT_EQ(sendOne(), RtpTransport::Sent::Nowhere);
  EXPECT_EQ(sendOne(RtpTransport::Channel::Rtcp), RtpTransport::Sent::Nowhere);
  EXPECT_TRUE(transport_->acceptRtp(addressOf(stranger_), 0).latched);
  EXPECT_EQ(sendOne(), RtpTransport::Sent::Nowhere) << "another port";
  const auto accepted = transport_->acceptRtp(addressOf(peer_), 0);
  EXPECT_EQ(accepted.how, SourceLatch::How::Announced);
  EXPECT_EQ(sendOne(), RtpTransport::Sent::Ok);
  EXPECT_TRUE(received(peer_));
  transport_->setAwaitSource(true);
  EXPECT_EQ(sendOne(), RtpTransport::Sent::Ok) << "it has been heard";
}

/// On one port reports come from where the audio comes from, and nobody else is told.
TEST_F(TransportTest, ReportsOnThePortOfTheAudioHaveItsSource) {
  transport_->setSockets(refObject(ours_.get()), nullptr, true);
  transport_->announce(addressOf(peer_), addressOf(peer_));
  EXPECT_TRUE(transport_->acceptRtp(addressOf(peer_), 0).latched);
  EXPECT_TRUE(transport_->acceptRtcp(addressOf(peer_), 0).taken);
  EXPECT_FALSE(transport_->acceptRtcp(addressOf(stranger_), 10'000'000).taken);
  EXPECT_EQ(sendOne(RtpTransport::Channel::Rtcp), RtpTransport::Sent::Ok);
  EXPECT_TRUE(received(peer_));
}

TEST_F(TransportTest, OneNameIsOneTransportWithOneReader) {
  const auto first = RtpTransport::acquire("call");
  EXPECT_EQ(RtpTransport::acquire("call"), first);
  EXPECT_NE(RtpTransport::acquire(""), RtpTransport::acquire(""));
  EXPECT_TRUE(first->claimReader());
  EXPECT_FALSE(first->claimReader());
  first->releaseReader();
  EXPECT_TRUE(first->claimReader());
}

TEST(LoopLoad, TellsTheShareOfTheLastSecond) {
  LoopLoad load(0);
  load.asleep(0);
  for (int64_t at_us = 0; at_us < 2'000'000; at_us += 10'000) {
    load.awake(at_us);
    load.asleep(at_us + 3'000);
  }
  EXPECT_NEAR(load.read(2'000'000).busy, 0.3, 0.02);
  EXPECT_NEAR(load.read(2'100'000).busy, 0.27, 0.02);
  EXPECT_EQ(load.read(4'000'000).busy, 0.0);
}

TEST(LoopLoad, LateTimersAreToldForASecond) {
  LoopLoad load(0);
  load.asleep(100'000);
  load.awake(110'000);
  load.timersLate(9'000, 2);
  load.asleep(120'000);
  EXPECT_EQ(load.read(200'000).delay_us, 4'500);
  EXPECT_EQ(load.read(900'000).delay_us, 4'500);
  EXPECT_EQ(load.read(1'300'000).delay_us, 0);
}

TEST(LoopLoad, ALoopThatHangsIsBusyAndLate) {
  LoopLoad load(0);
  load.asleep(0);
  load.awake(1'000'000);
  const auto figures = load.read(4'000'000);
  EXPECT_NEAR(figures.busy, 1.0, 0.01);
  EXPECT_EQ(figures.delay_us, 3'000'000);
}

}  // namespace
}  // namespace wsbridge
