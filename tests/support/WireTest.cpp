// SPDX-License-Identifier: LGPL-2.1-or-later
// What is said to the bridge and read from it: tests/wire.
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "Pcm.hpp"
#include "WsFrame.hpp"
#include "wire/Codec.hpp"
#include "wire/Rtp.hpp"
#include "wire/Sdp.hpp"
#include "wire/SipMessage.hpp"
#include "wire/Text.hpp"

namespace testsupport {
namespace {

TEST(Wire, FramesOfEveryLengthFormAreReadAsWritten) {
  for (const size_t size : {0UL, 1UL, 125UL, 126UL, 65535UL, 65536UL, 1UL << 20}) {
    for (const bool mask : {false, true}) {
      std::string bytes =
          encodeFrame(Opcode::Binary, false, std::string(size, 'a'), {.mask = mask, .rsv = 0});
      std::string cut = bytes.substr(0, bytes.size() - 1);
      EXPECT_FALSE(takeFrame(cut).has_value());
      bytes += "rest";
      const auto frame = takeFrame(bytes);
      ASSERT_TRUE(frame.has_value());
      EXPECT_EQ(frame->payload, std::string(size, 'a'));
      EXPECT_EQ(frame->masked, mask);
      EXPECT_FALSE(frame->fin);
      EXPECT_EQ(bytes, "rest");
    }
  }
  EXPECT_EQ(acceptKey("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(Wire, BrokenFramesAreTakenOfAnyoneOnly) {
  const std::string frames[] = {encodeFrame(Opcode::Text, true, "x", {.rsv = 4}),
                                encodeFrame(Opcode::Text, true, "x", {.mask = true}),
                                encodeFrame(static_cast<Opcode>(5), true, "x"),
                                encodeFrame(static_cast<Opcode>(11), true, "x"),
                                encodeFrame(Opcode::Ping, false, "x"),
                                encodeFrame(Opcode::Ping, true, std::string(126, 'x'))};
  for (std::string bytes : frames) {
    Frame frame;
    std::string copy = bytes;
    EXPECT_EQ(parseFrame(copy.data(), copy.size(), Sender::Server, frame), FrameResult::Broken);
    EXPECT_TRUE(takeFrame(bytes).has_value());
  }
  std::string huge = encodeFrame(Opcode::Binary, true, "");
  huge.replace(1, 1, std::string("\x7f\0\0\0\0\x01\0\0\x01", 9));
  Frame frame;
  EXPECT_EQ(parseFrame(huge.data(), huge.size(), Sender::Anyone, frame), FrameResult::Broken);
}

TEST(Wire, MasksAreThoseOfTheHeader) {
  for (const size_t size : {0UL, 3UL, 8UL, 19UL}) {
    const std::string text = std::string("any carnal pleasure").substr(0, size);
    std::string frame;
    appendMaskedFrame(frame, Opcode::Binary, true, text, 0x04030201);
    ASSERT_EQ(frame.size(), 6 + size);
    EXPECT_EQ(frame.substr(2, 4), "\x01\x02\x03\x04");
    for (size_t i = 0; i < size; ++i)
      EXPECT_EQ(frame[6 + i], static_cast<char>(text[i] ^ frame[2 + i % 4]));
    Frame parsed;
    ASSERT_EQ(parseFrame(frame.data(), frame.size(), Sender::Client, parsed),
              FrameResult::Complete);
    EXPECT_EQ(parsed.payload, text);
  }
}

TEST(Wire, SipMessagesAreReadWithCompactNames) {
  std::string bytes =
      "\r\nSIP/2.0 200 All right\r\nv: SIP/2.0/UDP a;branch=z9\r\nTo: <sip:x@y;tag=no>;tag=t1\r\n"
      "i: abc\r\nCSeq: 7 INVITE\r\nm: <sip:g@127.0.0.1:5070;transport=udp>\r\nl: 4\r\n\r\nbodynext";
  const auto message = takeSipMessage(bytes);
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(bytes, "next");
  EXPECT_EQ(message->status, 200);
  EXPECT_EQ(message->phrase, "All right");
  EXPECT_EQ(message->method, "INVITE");
  EXPECT_EQ(message->cseq(), 7U);
  EXPECT_EQ(message->toTag(), "t1");
  EXPECT_EQ(message->header("call-id"), "abc");
  EXPECT_EQ(message->header("Subject"), "");
  EXPECT_EQ(headerParameter(message->header("Via"), "BRANCH"), "z9");
  EXPECT_EQ(addressUri(message->header("Contact")), "sip:g@127.0.0.1:5070;transport=udp");
  EXPECT_EQ(message->body, "body");
  std::string cut = "SIP/2.0 200 OK\r\nContent-Length: 5\r\n\r\nbody";
  EXPECT_FALSE(takeSipMessage(cut).has_value());
  SipMessage parsed;
  EXPECT_FALSE(parseSip("garbage\r\n\r\n", parsed));
  EXPECT_FALSE(parseSip("SIP/2.0 200 OK\r\nCSeq: 1 INVITE\r\n\r\n", parsed)) << "no Call-ID";
}

TEST(Wire, RequestsAndResponsesAreReadAsWritten) {
  const std::string text = SipRequest{.method = "INVITE",
                                      .uri = "sip:a@b",
                                      .via = "SIP/2.0/UDP c;branch=d",
                                      .from = "<sip:e>;tag=f",
                                      .to = "<sip:a@b>",
                                      .callId = "g",
                                      .cseq = 3,
                                      .headers = "Record-Route: <sip:h;lr>\r\nSubject: i\r\n",
                                      .body = "v=0\r\n"}
                               .text();
  SipMessage request;
  ASSERT_TRUE(parseSip(text, request));
  EXPECT_EQ(request.method, "INVITE");
  EXPECT_EQ(request.requestUri, "sip:a@b");
  EXPECT_EQ(request.fromTag(), "f");
  EXPECT_EQ(request.header("Content-Type"), "application/sdp");
  EXPECT_EQ(request.body, "v=0\r\n");
  SipMessage response;
  ASSERT_TRUE(parseSip(responseTo(request, 100, "Trying", "x"), response));
  EXPECT_EQ(response.toTag(), "") << "100 makes no dialog";
  ASSERT_TRUE(parseSip(responseTo(request, 200, "OK", "x", "Contact: <sip:y>\r\n"), response));
  EXPECT_EQ(response.toTag(), "x");
  EXPECT_EQ(response.cseq(), 3U);
  EXPECT_EQ(response.header("Record-Route"), "<sip:h;lr>");
  EXPECT_EQ(response.header("Contact"), "<sip:y>");
  EXPECT_EQ(response.header("Subject"), "");
  EXPECT_EQ(response.header("Content-Length"), "0");
}

TEST(Wire, DescriptionsAreReadAsWritten) {
  const auto sdp =
      parseSdp(makeSdp(4000, {"L16/16000", "PCMU", "telephone-event"}, 30, "sendonly"));
  ASSERT_TRUE(sdp.has_value());
  EXPECT_EQ(sdp->address, "127.0.0.1");
  EXPECT_EQ(sdp->port, 4000);
  EXPECT_EQ(sdp->payloadTypeOf("L16/16000"), 96);
  EXPECT_EQ(sdp->payloadTypes, (std::vector<int>{96, 0, 101}));
  EXPECT_EQ(sdp->ptime, 30);
  EXPECT_EQ(sdp->direction, "sendonly");
  EXPECT_FALSE(parseSdp("v=0\r\nm=video 4 RTP/AVP 96\r\n").has_value());
  const auto first = parseSdp(
      "v=0\r\nc=IN IP4 1.1.1.1\r\nm=video 2 RTP/AVP 9\r\nc=IN IP4 2.2.2.2\r\na=inactive\r\n"
      "m=audio 4 RTP/AVP 0\r\nm=audio 6 RTP/AVP 8\r\n");
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->text(), SdpMedia({.address = "1.1.1.1", .port = 4, .payloadTypes = {0}}).text());
}

TEST(Wire, AnswersAreWhatTheyTookOfTheOffer) {
  const SdpAnswer answer = parseAnswer(
      "v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 4000 RTP/AVP 97 101\r\nc=IN IP4 127.0.0.1\r\n"
      "a=rtpmap:97 L16/16000\r\na=rtpmap:101 telephone-event/16000\r\n",
      "L16/16000", 96);
  EXPECT_TRUE(answer.usable);
  EXPECT_EQ(answer.payloadType, 97);
  EXPECT_EQ(answer.eventPayloadType, 101);
  EXPECT_EQ(addressText(answer.rtp), "127.0.0.1:4000");
  const std::string head = "v=0\r\nc=IN IP4 1.2.3.4\r\nm=audio 4 RTP/AVP ";
  EXPECT_TRUE(parseAnswer(head + "0\r\n", "PCMU/8000", 0).usable);
  EXPECT_TRUE(parseAnswer(head + "96\r\n", "L16/16000", 96).usable) << "ours by its number";
  EXPECT_FALSE(parseAnswer(head + "8\r\n", "PCMU/8000", 0).usable);
  const std::string own = makeOffer("127.0.0.1", 5000, 0, "PCMU/8000", 20, 8000);
  EXPECT_EQ(parseAnswer(own, "PCMU/8000", 0).eventPayloadType, 101);
  EXPECT_EQ(parseAnswer(makeOffer("127.0.0.1", 5000, 0, "PCMU/8000", 20, 0), "PCMU/8000", 0)
                .eventPayloadType,
            -1);
}

TEST(Wire, RtpIsReadAsWritten) {
  const auto parse = [](const std::string& packet, RtpHeader& header) {
    return parseRtp(reinterpret_cast<const uint8_t*>(packet.data()), packet.size(), header);
  };
  std::string packet = rtpPacket({96, true, 0xfedc, 0x01020304, 0xa0b0c0d0}, "payload");
  RtpHeader header;
  ASSERT_TRUE(parse(packet, header));
  EXPECT_EQ(header.payloadType, 96);
  EXPECT_TRUE(header.marker);
  EXPECT_EQ(header.sequence, 0xfedc);
  EXPECT_EQ(header.timestamp, 0x01020304U);
  EXPECT_EQ(header.ssrc, 0xa0b0c0d0U);
  EXPECT_EQ(packet.substr(header.size), "payload");
  packet[0] = '\xb1';  // a CSRC, an extension, padding
  packet.insert(12, std::string("CSRC\0\0\0\x01more", 12));
  packet += std::string("\0\0\x03", 3);
  ASSERT_TRUE(parse(packet, header));
  EXPECT_EQ(packet.substr(header.size, packet.size() - header.size - header.padding), "payload");
  EXPECT_FALSE(parse(packet.substr(0, 11), header));
  EXPECT_FALSE(parse(packet.substr(0, 23), header)) << "the extension is cut";
  EXPECT_FALSE(parse("\x40" + packet.substr(1), header)) << "version 1";
  EXPECT_EQ(rtpEventCode('#'), 11);
  EXPECT_EQ(rtpEventCode('x'), -1);
  EXPECT_EQ(rtpEvent(11, true, 800), (std::array<uint8_t, 4>{11, 0x8a, 3, 0x20}));
}

TEST(Wire, CodesStandForOneValueEach) {
  for (const char* name : {"pcmu", "pcma"}) {
    for (int code = 0; code < 256; ++code) {
      const std::vector<uint8_t> byte{static_cast<uint8_t>(code)};
      Samples sample;
      std::vector<uint8_t> again;
      decode(*findCodec(name), byte, sample);
      encode(*findCodec(name), sample, again);
      // Mu-law has two zeros.
      if (sample[0] != 0) {
        EXPECT_EQ(again, byte) << name;
      }
    }
    const Samples sent = sine(8000, 700, 1, 12000);
    std::vector<uint8_t> coded;
    Samples back;
    encode(*findCodec(name), sent, coded);
    decode(*findCodec(name), coded, back);
    EXPECT_GT(correlation(sent, back), 0.998);
    EXPECT_NEAR(levelDbov(back), levelDbov(sent), 0.1);
  }
  // ITU-T G.711, table 2; silence; then L16.
  std::vector<uint8_t> bytes;
  encode(*findCodec("pcmu"), Samples{32124, -32124, 0}, bytes);
  EXPECT_EQ(bytes, (std::vector<uint8_t>{0x80, 0x00, 0xff}));
  encode(*findCodec("pcma"), Samples{0}, bytes);
  EXPECT_EQ(bytes, (std::vector<uint8_t>{0xd5}));
  encode(*findCodec("l16"), Samples{0x1234}, bytes);
  EXPECT_EQ(bytes, (std::vector<uint8_t>{0x12, 0x34}));
  EXPECT_EQ(findCodec("opus"), nullptr);
}

TEST(Wire, WavFilesAreReadAsWritten) {
  const Wav wav{16000, {0, 1, -1, 32767, -32768}};
  const std::string path = "wire-self-test.wav";
  EXPECT_EQ(writeWav(path, wav), "");
  Wav back;
  EXPECT_EQ(readWav(path, back), "");
  EXPECT_EQ(back.rate, 16000U);
  EXPECT_EQ(back.samples, wav.samples);
  std::remove(path.c_str());
  EXPECT_NE(readWav(path, back), "");
  const auto parse = [&back](const std::string& file) {
    return parseWav({reinterpret_cast<const uint8_t*>(file.data()), file.size()}, back);
  };
  EXPECT_NE(parse("RIFFxxxxWAVEfmt "), "");
  std::string stopped = wavFile(wav);
  stopped.replace(40, 4, 4, '\0');  // its size was never written
  EXPECT_EQ(parse(stopped), "");
  EXPECT_EQ(back.samples, wav.samples);
}

TEST(Wire, ResamplingKeepsTheToneAndNoAlias) {
  const Samples tone = resample(sine(16000, 1000, 1, 10000), 16000, 8000);
  ASSERT_EQ(tone.size(), 8000U);
  const Match match = findIn(slice(sine(8000, 1000, 1, 10000), 100, 7800), tone);
  EXPECT_GT(match.correlation, 0.999);
  EXPECT_NEAR(match.gainDb, 0, 0.1);
  const Samples alias = resample(sine(16000, 6000, 1, 10000), 16000, 8000);
  for (size_t i = 100; i < 7900; ++i)
    ASSERT_LT(std::abs(alias[i]), 100) << i;
}

TEST(Wire, TextIsEscaped) {
  EXPECT_EQ(percentEncode("ws://a/b?c=d e"), "ws%3A%2F%2Fa%2Fb%3Fc%3Dd%20e");
  EXPECT_EQ(percentDecode("ws%3A%2f%zz%2"), "ws:/%zz%2");
  EXPECT_EQ(jsonQuote("a\"\\\n"), "\"a\\\"\\\\\\u000a\"");
}

}  // namespace
}  // namespace testsupport
