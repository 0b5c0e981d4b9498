// SPDX-License-Identifier: LGPL-2.1-or-later
// SIP beyond the plain call: OPTIONS, re-INVITE, offerless INVITE, retransmissions, TCP.
#include <algorithm>
#include <regex>

#include <gtest/gtest.h>

#include "Phone.hpp"
#include "SoupEndpoint.hpp"

namespace e2e {
namespace {

class Dialog : public ::testing::Test {
 protected:
  E2E_SHARED_GATEWAY((Gateway::Options{}));

  static void talk(Phone& phone, SoupEndpoint& endpoint, int id, size_t more) {
    size_t have = 0;
    endpoint.inspect(id, [&](const EndpointConnection& c) {
      have = c.binaries().size();
      return true;
    });
    phone.rtp().play(sine(phone.rtp().rate(), 500, 0.02 * static_cast<double>(more), 8000));
    ASSERT_TRUE(phone.rtp().waitPlayed(5s));
    ASSERT_TRUE(endpoint.waitBinaries(id, have + more - 1, 3s));
  }

  SoupEndpoint endpoint_;
};

TEST_F(Dialog, OptionsOutsideACall) {
  Phone phone(*gateway);
  const auto answer = phone.sip().options();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->status, 200);
  std::string allow;
  for (const auto& value : answer->all("Allow"))
    allow += value + ",";
  for (const char* method : {"INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO", "MESSAGE"}) {
    EXPECT_NE(allow.find(method), std::string::npos) << allow;
  }
}

TEST_F(Dialog, OptionsInsideACall) {
  Phone phone(*gateway);
  ASSERT_EQ(phone.call(endpoint_.uri()), 200);
  const auto answer = phone.sip().request("OPTIONS", {}, "", "");
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->status, 200);
  EXPECT_TRUE(phone.hangUp());
}

TEST_F(Dialog, AnswerIsCompleteAndChoosesOneCodec) {
  Phone phone(*gateway, {.codecs = {"PCMU", "PCMA", "telephone-event"}});
  ASSERT_EQ(phone.call(endpoint_.uri()), 200);
  const auto final = phone.sip().waitFinal(0ms);
  EXPECT_EQ(final->header("Content-Type"), "application/sdp");
  EXPECT_FALSE(final->header("Contact").empty());
  EXPECT_FALSE(final->toTag().empty());
  const SdpMedia& sdp = phone.answer();
  EXPECT_EQ(sdp.address, "127.0.0.1");
  EXPECT_EQ(sdp.port % 2, 0);
  EXPECT_EQ(sdp.payloadTypeOf("telephone-event"), 101);
  EXPECT_EQ(sdp.payloadTypes.size(), 2U) << final->body;
  const auto trying = phone.sip().responses("INVITE");
  EXPECT_EQ(trying.front().status, 100);
}

TEST_F(Dialog, ContactSaysWhereToAndHow) {
  for (const bool tcp : {false, true}) {
    Phone phone(*gateway, {.tcp = tcp});
    ASSERT_EQ(phone.call(endpoint_.uri()), 200);
    const std::string contact = phone.sip().waitFinal(0ms)->header("Contact");
    EXPECT_EQ(contact.find(";transport=tcp") != std::string::npos, tcp) << contact;
    const int port = tcp ? gateway->tcpPort() : gateway->udpPort();
    EXPECT_NE(contact.find("127.0.0.1:" + std::to_string(port)), std::string::npos) << contact;
    EXPECT_TRUE(phone.hangUp());
  }
}

TEST_F(Dialog, OnAllAddressesTheContactIsTheOneThatTheCallerReaches) {
  Gateway any({.set = {{"sip.listen", "udp:0.0.0.0:0;tcp:0.0.0.0:0"}}});
  for (const bool tcp : {false, true}) {
    Phone phone(any, {.tcp = tcp});
    ASSERT_EQ(phone.call(endpoint_.uri()), 200);
    const std::string contact = phone.sip().waitFinal(0ms)->header("Contact");
    EXPECT_NE(contact.find("sip:127.0.0.1:"), std::string::npos) << contact;
    EXPECT_TRUE(phone.hangUp());
  }
}

TEST_F(Dialog, ReInviteThatChangesNothingIsAnsweredTheSame) {
  Phone phone(*gateway);
  ASSERT_EQ(phone.call(endpoint_.uri()), 200);
  ASSERT_TRUE(endpoint_.waitTexts(1, 1, 5s));
  talk(phone, endpoint_, 1, 10);
  const auto again = phone.sip().reInvite(phone.offer());
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->status, 200);
  const auto sdp = parseSdp(again->body);
  ASSERT_TRUE(sdp.has_value());
  EXPECT_EQ(sdp->port, phone.answer().port);
  EXPECT_EQ(sdp->payloadTypes, phone.answer().payloadTypes);
  talk(phone, endpoint_, 1, 10);
  EXPECT_EQ(endpoint_.count(), 1U) << "the WebSocket is the same";
  EXPECT_TRUE(phone.hangUp());
}

TEST_F(Dialog, ReInviteWithoutOfferGetsOne) {
  Phone phone(*gateway);
  ASSERT_EQ(phone.call(endpoint_.uri()), 200);
  const auto answer = phone.sip().reInvite(std::nullopt);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->status, 200);
  const auto sdp = parseSdp(answer->body);
  ASSERT_TRUE(sdp.has_value());
  EXPECT_EQ(sdp->port, phone.answer().port);
  EXPECT_TRUE(phone.hangUp());
}

TEST_F(Dialog, ReInviteThatCannotBeMetLeavesTheCallAlone) {
  Phone phone(*gateway);
  ASSERT_EQ(phone.call(endpoint_.uri()), 200);
  ASSERT_TRUE(endpoint_.waitTexts(1, 1, 5s));
  const auto answer = phone.sip().reInvite(makeSdp(phone.rtp().port(), {"G729"}));
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->status, 488);
  talk(phone, endpoint_, 1, 10);
  EXPECT_TRUE(phone.hangUp());
}

// The 200 offers everything, and the ACK's answer decides: audio goes both ways in its codec.
TEST_F(Dialog, OfferlessInviteIsOfferedEveryCodec) {
  for (const std::string codec : {"L16/16000", "L16/8000", "PCMU", "PCMA"}) {
    SoupEndpoint echo({.echo = true});
    Phone phone(*gateway, {.offerless = true});
    phone.dial(echo.uri());
    const auto final = phone.sip().waitFinal(8s);
    ASSERT_TRUE(final.has_value());
    ASSERT_EQ(final->status, 200);
    const auto offer = parseSdp(final->body);
    ASSERT_TRUE(offer.has_value());
    EXPECT_EQ(offer->payloadTypes.size(), 6U) << "four codecs and two clocks of telephone-event";
    std::string answer = makeSdp(phone.rtp().port(), {codec});
    // The answer keeps the offer's number.
    const int type = offer->payloadTypeOf(codec);
    ASSERT_GE(type, 0) << codec << " in " << final->body;
    answer = std::regex_replace(
        answer, std::regex("(RTP/AVP |rtpmap:)" + std::to_string(offeredPayloadType(codec))),
        "$01" + std::to_string(type));
    phone.sip().ack(answer);
    SdpMedia media = *offer;
    media.payloadTypes = {type};
    phone.adopt(media);
    ASSERT_TRUE(echo.waitTexts(1, 1, 5s));
    // The media is set up behind the ACK; what is said before one hears something may be lost.
    ASSERT_TRUE(phone.rtp().waitReceived(1, 5s));
    const Samples spoken = sine(phone.rtp().rate(), 500, 1, 8000);
    phone.rtp().play(spoken);
    ASSERT_TRUE(phone.rtp().waitPlayed(5s));
    ASSERT_TRUE(echo.waitBinaries(1, 49, 3s))
        << codec << " " << echo.connection(1)->binaries().size();
    ASSERT_TRUE(phone.rtp().waitReceived(45, 5s)) << codec;
    EXPECT_EQ(phone.rtp().packets().back().payloadType, type);
    EXPECT_GT(
        findIn(slice(spoken, phone.rtp().rate() / 4, phone.rtp().rate() / 4), phone.rtp().decoded())
            .correlation,
        0.98)
        << codec;
    EXPECT_EQ(echo.count(), 1U) << "one WebSocket";
    ASSERT_TRUE(phone.hangUp());
    const auto end = gateway->waitEnd(phone.callId());
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ((*end)["reason"], "caller-hangup");
    EXPECT_EQ((*end)["codec"], codec);
  }
}

TEST_F(Dialog, OfferlessInviteWithoutAUsableAnswerEnds) {
  for (const std::string& answer : {std::string(), makeSdp(40000, {"G729"})}) {
    Phone phone(*gateway, {.offerless = true});
    phone.dial(endpoint_.uri());
    const auto final = phone.sip().waitFinal(8s);
    ASSERT_TRUE(final.has_value());
    ASSERT_EQ(final->status, 200);
    phone.sip().ack(answer);
    EXPECT_TRUE(phone.sip().waitRequest("BYE", 5s).has_value());
    const auto end = gateway->waitEnd(phone.callId());
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ((*end)["reason"], answer.empty() ? "sdp-invalid" : "no-common-codec");
  }
}

TEST_F(Dialog, OneTryingIsEnough) {
  SoupEndpoint slow({.handshakeDelay = 400ms});
  Phone phone(*gateway);
  ASSERT_EQ(phone.call(slow.uri()), 200);
  size_t trying = 0;
  for (const auto& response : phone.sip().responses("INVITE"))
    trying += response.status == 100 ? 1 : 0;
  EXPECT_EQ(trying, 1U);
  EXPECT_TRUE(phone.hangUp());
}

TEST_F(Dialog, RetransmittedInviteIsOneCall) {
  SoupEndpoint slow({.handshakeDelay = 300ms});
  Phone phone(*gateway);
  phone.dial(slow.uri());
  for (int i = 0; i < 3; ++i)
    phone.sip().retransmitInvite();
  ASSERT_EQ(phone.waitAnswer(5s), 200);
  EXPECT_EQ(slow.requests(), 1U);
  EXPECT_FALSE(slow.waitRequests(2, 300ms));
  EXPECT_TRUE(phone.hangUp());
  EXPECT_TRUE(gateway->waitEnd(phone.callId()).has_value());
}

TEST_F(Dialog, AnswerIsRepeatedUntilTheAckComes) {
  Phone phone(*gateway, {.autoAck = false});
  phone.dial(endpoint_.uri());
  ASSERT_EQ(phone.waitAnswer(5s), 200);
  ASSERT_TRUE(eventually([&] { return phone.sip().responses("INVITE").size() >= 4; }, 4s))
      << "100, 200 and at least two retransmissions";
  phone.sip().ack();
  ASSERT_TRUE(endpoint_.waitTexts(1, 1, 5s));
  talk(phone, endpoint_, 1, 10);
  EXPECT_TRUE(phone.hangUp());
}

TEST_F(Dialog, CallOverTcp) {
  Phone phone(*gateway, {.tcp = true});
  ASSERT_EQ(phone.call(endpoint_.uri()), 200);
  ASSERT_TRUE(endpoint_.waitTexts(1, 1, 5s));
  talk(phone, endpoint_, 1, 20);
  EXPECT_TRUE(phone.hangUp());
  ASSERT_TRUE(endpoint_.waitClosed(1, 5s));
  EXPECT_EQ(endpoint_.connection(1)->closeCode, 1000U);
}

TEST_F(Dialog, ByeToATcpCallerArrives) {
  Phone phone(*gateway, {.tcp = true});
  ASSERT_EQ(phone.call(endpoint_.uri()), 200);
  ASSERT_TRUE(endpoint_.waitTexts(1, 1, 5s));
  endpoint_.close(1, 1000, "over");
  EXPECT_TRUE(phone.sip().waitRequest("BYE", 5s).has_value());
}

TEST_F(Dialog, LongHeadersFitIntoTcp) {
  Phone phone(*gateway, {.tcp = true});
  const std::string json = R"({"long":")" + std::string(7900, 'x') + "\"}";
  ASSERT_EQ(phone.call(endpoint_.uri(), {{kHeadersHeader, percentEncode(json)}}), 200);
  ASSERT_TRUE(endpoint_.waitTexts(1, 1, 5s));
  EXPECT_GT(endpoint_.connection(1)->messages.at(0).data.size(), 7900U);
}

TEST_F(Dialog, UnknownDialogIs481) {
  Phone phone(*gateway);
  const auto answer = phone.sip().request("BYE", {}, "", "");
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->status, 481);
}

TEST_F(Dialog, BrokenSipIsSurvived) {
  Phone vandal(*gateway);
  for (const std::string junk :
       {"", "\r\n\r\n", "INVITE", "INVITE sip:x SIP/2.0\r\n\r\n", "SIP/2.0 200 OK\r\n\r\n",
        "INVITE sip:x@127.0.0.1 SIP/2.0\r\nContent-Length: 999999\r\n\r\n", "\x01\x02\x03\x04"}) {
    vandal.sip().sendRaw(junk);
  }
  vandal.sip().sendRaw(std::string(60000, 'A'));
  vandal.sip().sendRaw(
      "INVITE sip:bridge@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP "
      "127.0.0.1:9;branch=z9hG4bKx\r\nFrom: " +
      std::string(5000, '%') + "\r\nCSeq: 1 INVITE\r\nCall-ID: x\r\nContent-Length: 0\r\n\r\n");
  Phone phone(*gateway);
  EXPECT_EQ(phone.call(endpoint_.uri()), 200);
  EXPECT_TRUE(phone.hangUp());
}

TEST_F(Dialog, BrokenSdpIsRefused) {
  for (const std::string sdp :
       {"v=0\r\n", "nonsense",
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 4000 RTP/AVP 96\r\n",
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 0 "
        "RTP/AVP 0\r\n",
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 99999 "
        "RTP/AVP 0\r\n"}) {
    Phone phone(*gateway);
    phone.sip().invite(
        {.headers = {{kUriHeader, percentEncode(endpoint_.uri())}}, .sdp = sdp, .requestUri = {}});
    const auto answer = phone.sip().waitFinal(5s);
    ASSERT_TRUE(answer.has_value()) << sdp;
    EXPECT_TRUE(answer->status == 488 || answer->status == 400) << answer->status << " for " << sdp;
  }
}

// A second media line that is not ours is declined with port 0 and the audio is taken.
TEST_F(Dialog, VideoNextToAudioIsDeclined) {
  Phone phone(*gateway);
  phone.sip().invite(
      {.headers = {{kUriHeader, percentEncode(endpoint_.uri())}},
       .sdp = phone.offer() + "m=video 40000 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\n",
       .requestUri = {}});
  ASSERT_EQ(phone.waitAnswer(5s), 200);
  EXPECT_NE(phone.sip().waitFinal(0ms)->body.find("m=video 0 "), std::string::npos);
  EXPECT_TRUE(phone.hangUp());
}

// Hold and back: the answer mirrors the direction, and audio is there again afterwards.
TEST_F(Dialog, HoldIsAnsweredAndResumed) {
  Phone phone(*gateway);
  ASSERT_EQ(phone.call(endpoint_.uri(), {{"P-wsbridge-websocket-dialect", "vonage"}}), 200);
  ASSERT_TRUE(phone.rtp().waitReceived(10, 5s));
  const auto held = phone.sip().reInvite(
      makeSdp(phone.rtp().port(), {"PCMU", "telephone-event"}, 20, "sendonly"));
  ASSERT_TRUE(held.has_value());
  ASSERT_EQ(held->status, 200);
  EXPECT_EQ(parseSdp(held->body)->direction, "recvonly");
  ASSERT_TRUE(endpoint_.waitTexts(1, 2, 5s));
  EXPECT_EQ(endpoint_.connection(1)->texts()[1], R"({"event":"websocket:hold"})");
  const auto back = phone.sip().reInvite(phone.offer());
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->status, 200);
  const size_t before = phone.rtp().received();
  EXPECT_TRUE(phone.rtp().waitReceived(before + 20, 5s));
  ASSERT_TRUE(endpoint_.waitTexts(1, 3, 5s));
  EXPECT_EQ(endpoint_.connection(1)->texts()[2], R"({"event":"websocket:resume"})");
  EXPECT_TRUE(phone.hangUp());
}

}  // namespace
}  // namespace e2e
