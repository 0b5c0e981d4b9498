// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>

#include "sip/sdp/SdpNegotiator.hpp"

namespace launcher {

namespace {

std::string offer(const std::string& media, const std::string& connection = "IN IP4 192.0.2.1") {
  return "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=" + connection + "\r\nt=0 0\r\n" + media;
}

LocalMedia local() {
  LocalMedia media;
  media.address = "198.51.100.7";
  media.port = 20000;
  for (const char* name : {"L16/16000", "PCMU", "PCMA", "L16/8000"}) {
    media.codecs.push_back(findCodec(name));
  }
  media.sessionId = 7;
  media.version = 1;
  return media;
}

struct Answer {
  Agreement agreement;
  std::string sdp;
};

Answer accepted(const std::string& text, const Agreement* current = nullptr) {
  const auto agreed = agreeToOffer(text, local(), current);
  if (agreed) return {*agreed, describeAgreement(*agreed, local())};
  ADD_FAILURE() << "refused: " << text;
  return {};
}

SdpFault refused(const std::string& text, const Agreement* current = nullptr) {
  const auto agreed = agreeToOffer(text, local(), current);
  if (!agreed) return agreed.error();
  ADD_FAILURE() << "accepted: " << text;
  return SdpFault::Invalid;
}

const char* kPcmu =
    "m=audio 4000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n";

}  // namespace

TEST(Sdp, TakesPcmuWithEvents) {
  const Answer answer = accepted(offer(kPcmu));
  EXPECT_STREQ(answer.agreement.codec->name, "PCMU");
  EXPECT_EQ(answer.agreement.payloadType, 0);
  EXPECT_EQ(answer.agreement.eventPayloadType, 101);
  EXPECT_EQ(answer.agreement.remoteAddress, "192.0.2.1");
  EXPECT_EQ(answer.agreement.remotePort, 4000);
  EXPECT_EQ(answer.agreement.remoteRtcpPort, 4001);
  EXPECT_EQ(answer.sdp,
            "v=0\r\no=wsbridge 7 1 IN IP4 198.51.100.7\r\ns=wsbridge\r\nc=IN IP4 198.51.100.7\r\n"
            "t=0 0\r\nm=audio 20000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n"
            "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n");
}

TEST(Sdp, OurPreferenceDecides) {
  const Answer answer =
      accepted(offer("m=audio 4000 RTP/AVP 8 0 97 98 99\r\na=rtpmap:97 l16/16000\r\n"
                     "a=rtpmap:98 telephone-event/8000\r\na=rtpmap:99 telephone-event/16000\r\n"));
  EXPECT_STREQ(answer.agreement.codec->name, "L16/16000");
  EXPECT_EQ(answer.agreement.payloadType, 97);
  EXPECT_EQ(answer.agreement.eventPayloadType, 99);
  EXPECT_EQ(answer.agreement.eventRate, 16000);
}

TEST(Sdp, StereoAndUnknownCodecsAreNoneOfOurs) {
  EXPECT_EQ(refused(offer("m=audio 4000 RTP/AVP 97 9\r\na=rtpmap:97 L16/16000/2\r\n")),
            SdpFault::NoCommonCodec);
  EXPECT_EQ(refused(offer("m=audio 4000 RTP/SAVP 0\r\n")), SdpFault::NoCommonCodec);
  EXPECT_EQ(refused(offer("m=audio 0 RTP/AVP 0\r\n")), SdpFault::NoCommonCodec);
}

TEST(Sdp, OtherMediaLinesAreRefusedInPlace) {
  const Answer answer = accepted(offer("m=video 6000 RTP/AVP 96 97\r\na=rtpmap:96 VP8/90000\r\n" +
                                       std::string(kPcmu) + "m=audio 4100 RTP/AVP 8\r\n"));
  EXPECT_NE(answer.sdp.find("m=video 0 RTP/AVP 96 97\r\nm=audio 20000 RTP/AVP 0 101\r\n"),
            std::string::npos);
  EXPECT_NE(answer.sdp.find("m=audio 0 RTP/AVP 8\r\n"), std::string::npos);
}

TEST(Sdp, BrokenTextIsInvalid) {
  for (const std::string& text :
       {std::string(""), std::string("hello"), std::string("v=1\r\n"), offer("m=audio\r\n"),
        offer("m=audio 70000 RTP/AVP 0\r\n"), offer("x\r\n"), offer(kPcmu, "IN IP4"), offer(""),
        std::string("v=0\r\no=-\r\n")}) {
    EXPECT_EQ(refused(text), SdpFault::Invalid) << text;
  }
  EXPECT_EQ(refused(std::string(20000, 'a')), SdpFault::Invalid);
}

TEST(Sdp, PtimeIsTakenOver) {
  const auto ptime = [](const std::string& lines) {
    return accepted(offer("m=audio 4000 RTP/AVP 0\r\n" + lines)).agreement.ptime;
  };
  EXPECT_EQ(ptime(""), 20);
  EXPECT_EQ(ptime("a=ptime:30\r\n"), 30);
  EXPECT_EQ(ptime("a=ptime:5\r\n"), 10);
  EXPECT_EQ(ptime("a=ptime:60\r\na=maxptime:40\r\n"), 40);
  EXPECT_EQ(ptime("a=ptime:bogus\r\n"), 20);
  EXPECT_EQ(accepted(offer("m=audio 4000 RTP/AVP 97\r\na=rtpmap:97 L16/16000\r\na=ptime:60\r\n"))
                .agreement.ptime,
            40)
      << "has to fit into an Ethernet frame";
}

TEST(Sdp, HoldIsAnsweredInMirror) {
  const auto direction = [](const std::string& attribute) {
    return accepted(offer(std::string(kPcmu) + attribute)).agreement.direction;
  };
  EXPECT_EQ(direction("a=sendonly\r\n"), Direction::RecvOnly);
  EXPECT_EQ(direction("a=recvonly\r\n"), Direction::SendOnly);
  EXPECT_EQ(direction("a=inactive\r\n"), Direction::Inactive);
  EXPECT_FALSE(accepted(offer(kPcmu, "IN IP4 0.0.0.0")).agreement.sends());
}

TEST(Sdp, AReofferKeepsTheCodecOrIsRefused) {
  const Answer first = accepted(offer(kPcmu));
  const Answer again = accepted(offer("m=audio 5000 RTP/AVP 8 0\r\n"), &first.agreement);
  EXPECT_STREQ(again.agreement.codec->name, "PCMU");
  EXPECT_EQ(again.agreement.remotePort, 5000);
  EXPECT_EQ(refused(offer("m=audio 5000 RTP/AVP 8\r\n"), &first.agreement),
            SdpFault::NoCommonCodec);
}

TEST(Sdp, RtcpAttributes) {
  const Agreement mux = accepted(offer("m=audio 4000 RTP/AVP 0\r\na=rtcp-mux\r\n")).agreement;
  EXPECT_TRUE(mux.rtcpMux);
  EXPECT_EQ(mux.remoteRtcpPort, 4000);
  EXPECT_EQ(accepted(offer("m=audio 4000 RTP/AVP 0\r\na=rtcp:5555 IN IP4 192.0.2.1\r\n"))
                .agreement.remoteRtcpPort,
            5555);
}

TEST(Sdp, OurOfferAndItsAnswer) {
  const std::string text = makeOffer(local());
  EXPECT_NE(text.find("m=audio 20000 RTP/AVP 96 0 8 97 101 102\r\n"), std::string::npos) << text;
  EXPECT_NE(text.find("a=rtpmap:96 L16/16000\r\n"), std::string::npos);
  EXPECT_NE(text.find("a=rtpmap:97 L16/8000\r\n"), std::string::npos);
  EXPECT_NE(text.find("a=rtpmap:102 telephone-event/16000\r\n"), std::string::npos);
  const auto read = agreeToAnswer(offer("m=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\n"
                                        "a=rtpmap:101 telephone-event/8000\r\n"),
                                  local());
  ASSERT_TRUE(read);
  EXPECT_STREQ(read->codec->name, "PCMA");
  EXPECT_EQ(read->eventPayloadType, 101);
  EXPECT_EQ(agreeToAnswer(offer("m=audio 0 RTP/AVP 8\r\n"), local()).error(),
            SdpFault::NoCommonCodec);
  EXPECT_EQ(agreeToAnswer("", local()).error(), SdpFault::Invalid);
}

// Ports are bound, and the version counts, between the two steps: nothing of the offer is read
// then.
TEST(Sdp, AnAnswerIsWrittenFromTheAgreementAlone) {
  LocalMedia early = local();
  early.address.clear();
  early.port = 0;
  const std::string text = offer(
      "m=video 6000 RTP/AVP 96\r\nm=audio 4000 RTP/AVPF 0 101\r\n"
      "a=rtpmap:101 telephone-event/8000\r\na=rtcp-mux\r\n"
      "a=sendonly\r\nm=audio 4100 RTP/AVP 8\r\n");
  const auto agreed = agreeToOffer(text, early);
  ASSERT_TRUE(agreed);
  EXPECT_EQ(*agreed, accepted(text).agreement) << "our address and port are no part of it";
  EXPECT_EQ(describeAgreement(*agreed, local()),
            "v=0\r\no=wsbridge 7 1 IN IP4 198.51.100.7\r\ns=wsbridge\r\n"
            "c=IN IP4 198.51.100.7\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
            "m=audio 20000 RTP/AVPF 0 101\r\na=rtpmap:0 PCMU/8000\r\n"
            "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n"
            "a=rtcp-mux\r\na=recvonly\r\nm=audio 0 RTP/AVP 8\r\n");
}

// RFC 3264 section 8: the version says whether anything has changed.
TEST(Sdp, TheVersionGoesUpWithWhatADescriptionSays) {
  LocalMedia media = local();
  Agreement agreement = accepted(offer(kPcmu)).agreement;
  const std::string first = describeAnew(agreement, media, "");
  EXPECT_EQ(first, describeAgreement(agreement, local()));
  EXPECT_EQ(describeAnew(agreement, media, first), first);
  EXPECT_EQ(media.version, 1U);
  agreement.direction = Direction::Inactive;
  const std::string second = describeAnew(agreement, media, first);
  EXPECT_EQ(media.version, 2U);
  EXPECT_NE(second.find("o=wsbridge 7 2 IN"), std::string::npos) << second;
  EXPECT_NE(second.find("a=inactive\r\n"), std::string::npos) << second;
  EXPECT_EQ(describeAnew(agreement, media, second), second);
}

TEST(Sdp, Ipv6) {
  const Answer answer = accepted(offer(kPcmu, "IN IP6 2001:db8::5"));
  EXPECT_EQ(answer.agreement.remoteAddress, "2001:db8::5");
}

// A second rtpmap holds for the type, not for one of its places in the line.
TEST(Sdp, APayloadTypeThatStandsTwiceIsOne) {
  const Answer answer =
      accepted(offer("m=audio 4000 RTP/AVP 0 0 8 8\r\na=rtpmap:0 telephone-event/8000\r\n"));
  EXPECT_STREQ(answer.agreement.codec->name, "PCMA");
  EXPECT_EQ(answer.agreement.payloadType, 8);
  EXPECT_EQ(answer.agreement.eventPayloadType, 0);
  const auto sdp = parseSdp(offer("m=audio 4000 RTP/AVP 8 0 8 101 0\r\n"));
  ASSERT_TRUE(sdp);
  EXPECT_EQ(sdp->media.at(0).audio.size(), 3U);
  EXPECT_EQ(sdp->media.at(0).formats, "8 0 8 101 0") << "goes back as it came";
}

// docs/adr/0038-sdp-is-ours.md: what another reader would take in silence.
TEST(Sdp, OddDescriptionsAreReadOrRefused) {
  const auto media = [](const std::string& line) { return offer(line + "\r\n"); };
  const std::string plain = offer(kPcmu);
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = plain;
    return text.replace(text.find(from), from.size(), to);
  };
  const std::string head = offer("");
  for (const std::string& text : {media("m=audio abc RTP/AVP 0"),
                                  media("m=audio 4000x RTP/AVP 0"),
                                  media("m=audio 99999999999999999999 RTP/AVP 0"),
                                  media("m=audio -1 RTP/AVP 0"),
                                  media("m=audio +4000 RTP/AVP 0"),
                                  media("m=audio 0xfa0 RTP/AVP 0"),
                                  media("m=audio  RTP/AVP 0"),
                                  media("m="),
                                  media("m=audio 4000 RTP/AVP"),
                                  media("m=audio\t4000\tRTP/AVP\t0"),
                                  with("v=0", "v=1"),
                                  with("v=0\r\n", ""),
                                  with("v=0", "v=0 1"),
                                  with("o=- 1 1 IN IP4 192.0.2.1", "o=- 1 1"),
                                  with("c=IN", "c=ATM"),
                                  with("s=-", "s:-"),
                                  plain + '\0',
                                  "hello\r\n" + plain,
                                  plain + std::string("a=ptime:3\0000\r\n", 13),
                                  plain.substr(0, 40) + '\0' + plain.substr(40),
                                  std::string("\r\n")}) {
    EXPECT_FALSE(parseSdp(text)) << text;
  }
  std::string many = head;
  for (int i = 0; i < 32; ++i)
    many += kPcmu;
  EXPECT_TRUE(parseSdp(many));
  EXPECT_FALSE(parseSdp(many + kPcmu)) << "33 media lines";
  std::string formats = "m=audio 4000 RTP/AVP";
  for (int i = 0; i < 125; ++i)
    formats += " " + std::to_string(i);
  EXPECT_TRUE(parseSdp(media(formats)));
  EXPECT_FALSE(parseSdp(media(formats + " 125 126 127")));

  const auto port = [](const std::string& text) {
    const auto sdp = parseSdp(text);
    return sdp && !sdp->media.empty() ? sdp->media[0].port : -1;
  };
  std::string lineFeeds = plain;
  std::erase(lineFeeds, '\r');
  std::string returns = plain;
  std::erase(returns, '\n');
  for (const std::string& text :
       {lineFeeds, returns, plain.substr(0, plain.size() - 2), head + "\r\n\r\n" + kPcmu,
        with("o=- 1 1 IN IP4 192.0.2.1\r\n", ""), with("s=-\r\n", ""), with("t=0 0\r\n", ""),
        with("o=- 1 1", "o=- 1 99999999999999999999999"), with("t=0", "y=1\r\nt=0"),
        media("m=audio  4000/2   RTP/AVP   0 "), media("m=audio 4000 RTP/AVP 0 99999999999 -5")}) {
    EXPECT_EQ(port(text), 4000) << text;
  }
}

TEST(Sdp, SessionLinesAreTheDefaultOfTheMedia) {
  const auto one = [](const std::string& text) {
    return parseSdp(text).value_or(Sdp{{SdpMedia{}}}).media.at(0);
  };
  EXPECT_EQ(one(offer(std::string("a=sendonly\r\n") + kPcmu)).direction, Direction::SendOnly);
  EXPECT_EQ(one(offer(std::string("a=inactive\r\n") + kPcmu + "a=recvonly\r\n")).direction,
            Direction::RecvOnly);
  EXPECT_EQ(one(offer(kPcmu)).address, "192.0.2.1");
  EXPECT_EQ(one(offer(std::string(kPcmu) + "c=IN IP4 192.0.2.9\r\n")).address, "192.0.2.9");
  EXPECT_EQ(one(offer(kPcmu, "IN IP4 224.2.36.42/127")).address, "224.2.36.42");
  for (const char* ptime : {"99999999999999999999", "-1", "20ms", "20.5", "0", ""})
    EXPECT_EQ(one(offer(kPcmu + std::string("a=ptime:") + ptime + "\r\n")).ptime, 0) << ptime;
}

TEST(Sdp, AnAddressIsOneWord) {
  for (const char* address : {"192.0.2.\x18", "192.0.2.1\t2", "h\x7fst", "\xc3\xbc.example"})
    EXPECT_EQ(refused(offer(kPcmu, std::string("IN IP4 ") + address)), SdpFault::Invalid);
}

TEST(Sdp, AMediaLineIsOfWords) {
  for (const char* line :
       {"m=au\001dio 4000 RTP/AVP 0", "m=video\t4000 4 RTP/AVP 31", "m=video 4000 RTP/\x7f 31",
        "m=video 4000 RTP/AVP \xc3\xbc", "m=appl)cation 0 TCP/BFCP *", "m=video 4000 RTP@AVP 31",
        "m=video 4000 RTP/AVP )1"}) {
    EXPECT_EQ(refused(offer(std::string(line) + "\r\n" + kPcmu)), SdpFault::Invalid) << line;
  }
  EXPECT_NE(accepted(offer(std::string("m=image 0 udptl t38\r\n") + kPcmu))
                .sdp.find("m=image 0 udptl t38\r\n"),
            std::string::npos);
}

}  // namespace launcher
