// SPDX-License-Identifier: LGPL-2.1-or-later
// RTP goes only where the call is, and nobody takes it over. Strangers are other addresses of the
// loopback network.
#include <algorithm>
#include <regex>

#include <gtest/gtest.h>

#include "Phone.hpp"
#include "SoupEndpoint.hpp"

namespace e2e {
namespace {

class Rtp : public ::testing::Test {
 protected:
  E2E_SHARED_GATEWAY((Gateway::Options{}));

  /// A media socket somewhere else that speaks to the gateway's side of the phone's call.
  struct Somebody {
    Somebody(const Phone& phone, const std::string& host) : rtp(host) {
      rtp.setFormat("PCMU", 0);
      rtp.setRemote(phone.answer().address, phone.answer().port);
    }
    void say(int packets, double hertz = 1700) {
      rtp.play(sine(8000, hertz, 0.02 * packets, 8000));
      ASSERT_TRUE(rtp.waitPlayed(10s));
    }
    RtpPeer rtp;
  };

  static void say(Phone& phone, int packets) {
    phone.rtp().play(sine(8000, 500, 0.02 * packets, 8000));
    ASSERT_TRUE(phone.rtp().waitPlayed(10s));
  }
  /// Some ticks of the call go by: a stranger's packets, too few to latch.
  static void tick(const Phone& phone) {
    Somebody stranger(phone, "127.0.0.6");
    stranger.say(4);
  }
  /// With another SDP than the phone's own.
  static int call(Phone& phone, const SoupEndpoint& endpoint, const std::string& address,
                  int port) {
    std::string sdp = makeSdp(port, {"PCMU", "telephone-event"});
    sdp = std::regex_replace(sdp, std::regex("c=IN IP4 127.0.0.1"), "c=IN IP4 " + address);
    phone.sip().invite(
        {.headers = {{kUriHeader, percentEncode(endpoint.uri())}}, .sdp = sdp, .requestUri = {}});
    return phone.waitAnswer();
  }
  static LogRecord endOf(Phone& phone) {
    EXPECT_TRUE(phone.hangUp());
    const auto end = gateway->waitEnd(phone.callId());
    EXPECT_TRUE(end.has_value());
    return end.value_or(LogRecord{});
  }
  static std::string nameOf(const RtpPeer& peer, const std::string& host = "127.0.0.1") {
    return host + ":" + std::to_string(peer.port());
  }
  bool heard(size_t packets) {
    return endpoint_.waitFor(
        1, [&](const EndpointConnection& c) { return c.binaries().size() >= packets; }, 5s);
  }
  double shareOf(double hertz) {
    return powerShare(fromBytes(endpoint_.connection(1)->audio()), 16000, hertz, 30);
  }

  SoupEndpoint endpoint_;
};

// 200 is repeated for 32 s; whoever names somebody else in the SDP must not aim a stream at them.
// What the endpoint says meanwhile is kept for a caller whose ACK was lost.
TEST_F(Rtp, AnInviteThatNobodyAcknowledgesGetsNoStream) {
  const Samples greeting = syllables(16000, 1.5);
  SoupEndpoint speaks({.onOpen = [&](SoupEndpoint& it, int id) {
    const std::string bytes = toBytes(greeting);
    for (size_t at = 0; at < bytes.size(); at += 640)
      it.sendBinary(id, bytes.substr(at, 640));
  }});
  Phone phone(*gateway, {.codecs = {"L16/16000"}, .autoAck = false});
  phone.dial(speaks.uri());
  ASSERT_EQ(phone.waitAnswer(), 200);
  // After 0.5, 1.5, 3.5 and 7.5 s; reports would come after 7.5 s at the latest.
  ASSERT_TRUE(eventually([&] { return phone.sip().responses("INVITE").size() >= 6; }, 12s));
  EXPECT_EQ(phone.rtp().received(), 0U);
  EXPECT_TRUE(phone.rtp().rtcpPackets().empty());
  phone.sip().ack();
  ASSERT_TRUE(phone.rtp().waitReceived(90, 5s));
  EXPECT_GT(findIn(greeting, phone.rtp().decoded()).correlation, 0.98) << "from its first word";
  EXPECT_GT(endOf(phone).number("rtp-sent"), 80);
}

TEST_F(Rtp, APacketFromTheAnnouncedAddressIsAsGoodAsAnAck) {
  Phone phone(*gateway, {.autoAck = false});
  phone.dial(endpoint_.uri());
  ASSERT_EQ(phone.waitAnswer(), 200);
  Somebody stranger(phone, "127.0.0.2");
  stranger.say(20);
  EXPECT_EQ(stranger.rtp.received(), 0U);
  EXPECT_EQ(phone.rtp().received(), 0U) << "a stranger says nothing about the phone";
  say(phone, 1);
  EXPECT_TRUE(phone.rtp().waitReceived(10, 5s));
  EXPECT_EQ(stranger.rtp.received(), 0U);
  phone.sip().ack();
  endOf(phone);
}

TEST_F(Rtp, OnePacketOfAStrangerDoesNothing) {
  Phone phone(*gateway);
  ASSERT_EQ(phone.call(endpoint_.uri()), 200);
  Somebody stranger(phone, "127.0.0.2");
  stranger.say(1);
  ASSERT_TRUE(phone.rtp().waitReceived(20, 5s)) << "who was announced";
  say(phone, 30);
  stranger.say(30);
  say(phone, 30);
  ASSERT_TRUE(heard(60));
  EXPECT_GT(shareOf(500), 0.98);
  EXPECT_LT(shareOf(1700), 0.001);
  EXPECT_EQ(stranger.rtp.received(), 0U);
  EXPECT_TRUE(stranger.rtp.rtcpPackets().empty());
  const LogRecord end = endOf(phone);
  EXPECT_EQ(end["rtp-source"], nameOf(phone.rtp()));
  EXPECT_EQ(end["rtp-latch"], "announced");
  EXPECT_EQ(end.number("rtp-ignored"), 31);
}

// Before the phone speaks, a stream from elsewhere may be the phone behind its NAT.
TEST_F(Rtp, ThePhoneWinsOverAStrangerWhoWasFirst) {
  Phone phone(*gateway);
  ASSERT_EQ(phone.call(endpoint_.uri()), 200);
  Somebody stranger(phone, "127.0.0.2");
  stranger.say(4);
  EXPECT_EQ(stranger.rtp.received(), 0U) << "four are not enough";
  stranger.say(46);
  EXPECT_TRUE(stranger.rtp.waitReceived(10, 5s));
  say(phone, 1);
  phone.rtp().forget();
  ASSERT_TRUE(phone.rtp().waitReceived(10, 5s));
  stranger.rtp.forget();
  stranger.say(20);
  EXPECT_EQ(stranger.rtp.received(), 0U);
  EXPECT_EQ(endOf(phone)["rtp-latch"], "announced");
}

TEST_F(Rtp, APhoneBehindNatLatchesFromItsSignallingAddress) {
  Phone phone(*gateway);
  ASSERT_EQ(call(phone, endpoint_, "192.168.77.5", 4000), 200);
  Somebody stranger(phone, "127.0.0.2");
  stranger.say(4);
  say(phone, 1);
  ASSERT_TRUE(phone.rtp().waitReceived(10, 5s)) << "with its first packet";
  stranger.say(20);
  EXPECT_EQ(stranger.rtp.received(), 0U);
  const LogRecord end = endOf(phone);
  EXPECT_EQ(end["rtp-source"], nameOf(phone.rtp()));
  EXPECT_EQ(end["rtp-latch"], "signalling-host");
}

TEST_F(Rtp, AnotherPortOfTheAnnouncedHostLatches) {
  Phone phone(*gateway);
  ASSERT_EQ(call(phone, endpoint_, "127.0.0.3", 4000), 200);
  Somebody other(phone, "127.0.0.3");
  other.say(1);
  ASSERT_TRUE(other.rtp.waitReceived(10, 5s));
  const LogRecord end = endOf(phone);
  EXPECT_EQ(end["rtp-source"], nameOf(other.rtp, "127.0.0.3"));
  EXPECT_EQ(end["rtp-latch"], "announced-host");
}

TEST_F(Rtp, APhoneThatMovesIsFollowedAndDoesNotComeBack) {
  Phone phone(*gateway);
  ASSERT_EQ(call(phone, endpoint_, "192.168.77.5", 4000), 200);
  say(phone, 10);
  Somebody moved(phone, "127.0.0.4");
  moved.say(50);
  EXPECT_EQ(moved.rtp.received(), 0U) << "for one second";
  moved.say(100);
  ASSERT_TRUE(moved.rtp.waitReceived(10, 5s)) << "after two";
  phone.rtp().forget();
  moved.rtp.pause(2200);
  ASSERT_TRUE(moved.rtp.waitPlayed(5s));
  phone.rtp().forget();
  say(phone, 20);
  EXPECT_EQ(phone.rtp().received(), 0U) << "the address that was left";
  const LogRecord end = endOf(phone);
  EXPECT_EQ(end["rtp-source"], nameOf(moved.rtp, "127.0.0.4"));
  EXPECT_EQ(end["rtp-latch"], "other");
}

TEST_F(Rtp, ACallWithoutRtpSaysSo) {
  Phone phone(*gateway);
  ASSERT_EQ(phone.call(endpoint_.uri()), 200);
  const LogRecord end = endOf(phone);
  EXPECT_TRUE(end.has("rtp-source"));
  EXPECT_EQ(end["rtp-source"], "");
  EXPECT_EQ(end["rtp-latch"], "none");
}

// A loopback peer may name loopback and private addresses; what is no phone's it may not.
TEST_F(Rtp, WhereAnSdpMayAim) {
  const RtpPeer other("127.0.0.5");
  const struct {
    std::string address;
    bool sent;
  } cases[] = {{"127.0.0.5", true},       {"10.255.255.1", true},     {"224.0.0.251", false},
               {"169.254.77.1", false},   {"100.100.100.200", false}, {"0.0.0.0", false},
               {"255.255.255.255", false}};
  for (const auto& it : cases) {
    Phone phone(*gateway);
    ASSERT_EQ(call(phone, endpoint_, it.address, other.port()), 200) << it.address;
    if (it.address == "127.0.0.5") {
      EXPECT_TRUE(other.waitReceived(10, 5s));
    }
    tick(phone);
    const LogRecord end = endOf(phone);
    EXPECT_GT(end.number("noise-frames"), 0) << "there was something to be sent";
    // 10.255.255.1 may be unreachable from 127.0.0.1, which the system says, not the gateway.
    if (!it.sent) {
      EXPECT_EQ(end.number("rtp-sent"), 0) << it.address;
    }
  }
}

// One call must not be aimed at another one, nor at the SIP port.
TEST_F(Rtp, OurOwnSocketsAreNeverAimedAt) {
  Phone victim(*gateway);
  ASSERT_EQ(victim.call(endpoint_.uri()), 200);
  say(victim, 5);
  for (const int port : {victim.answer().port, victim.answer().port + 1, gateway->udpPort()}) {
    Phone phone(*gateway);
    ASSERT_EQ(call(phone, endpoint_, "127.0.0.1", port), 200);
    tick(phone);
    const LogRecord end = endOf(phone);
    EXPECT_GT(end.number("noise-frames"), 0) << "there was something to be sent";
    EXPECT_EQ(end.number("rtp-sent"), 0) << port;
  }
  EXPECT_EQ(endOf(victim).number("rtp-ignored"), 0);
}

TEST_F(Rtp, ReInviteToOurOwnSocketStopsTheStream) {
  Phone phone(*gateway);
  ASSERT_EQ(phone.call(endpoint_.uri()), 200);
  say(phone, 5);
  ASSERT_TRUE(phone.rtp().waitReceived(5, 5s));
  const auto answer = phone.sip().reInvite(makeSdp(phone.answer().port, {"PCMU"}));
  ASSERT_TRUE(answer.has_value());
  ASSERT_EQ(answer->status, 200);
  tick(phone);
  const LogRecord end = endOf(phone);
  EXPECT_EQ(end.number("rtp-received"), 5) << "what the phone has sent, and nothing of ours";
  EXPECT_LE(end.number("rtp-ignored"), 4) << "only what the stranger has sent";
  EXPECT_EQ(end["rtp-latch"], "none");
}

TEST_F(Rtp, PortsDoNotTellThoseOfTheNextCall) {
  std::vector<int> ports;
  for (int i = 0; i < 12; ++i) {
    Phone phone(*gateway);
    ASSERT_EQ(phone.call(endpoint_.uri()), 200);
    ports.push_back(phone.answer().port);
    EXPECT_TRUE(phone.hangUp());
  }
  int near = 0;
  for (size_t i = 1; i < ports.size(); ++i)
    near += std::abs(ports[i] - ports[i - 1]) <= 20 ? 1 : 0;
  EXPECT_LE(near, 3) << "of 5000 pairs";
}

}  // namespace
}  // namespace e2e
