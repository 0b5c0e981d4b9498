// SPDX-License-Identifier: LGPL-2.1-or-later
// Calls in the encoding of their endpoint: what one side sends, the other one gets, bit by bit.
#include <gtest/gtest.h>

#include "Conversation.hpp"

namespace e2e {
namespace {

constexpr size_t kFrame = 160;

// 3.2 s in which every code follows several others, and none is like silence for long.
std::string allCodes() {
  std::string codes;
  for (size_t i = 0; i < 160 * kFrame; ++i)
    codes.push_back(static_cast<char>(i * 37 + i / 256 * 11));
  return codes;
}

std::string payloads(const RtpPeer& rtp) {
  std::string all;
  for (const auto& packet : rtp.packets())
    all += packet.payload;
  return all;
}

std::string nameOf(const ::testing::TestParamInfo<Talk>& info) {
  return info.param.name;
}

class SameEncoding : public ::testing::TestWithParam<Talk> {
 protected:
  E2E_SHARED_GATEWAY((Gateway::Options{}));
};

TEST_P(SameEncoding, EveryCodeArrivesBothWays) {
  Conversation call(*gateway, GetParam());
  ASSERT_TRUE(call.begin());
  ASSERT_EQ(call.phone().codec(), GetParam().encoding);
  const std::string codes = allCodes();
  // The noise that is there before makes room by a short fade, and comes back by one.
  const std::string silence(10 * kFrame, GetParam().encoding == "PCMU" ? '\xff' : '\xd5');
  call.playBytes(silence + codes + silence);
  call.mark("over");
  call.phone().rtp().playCodes(codes);
  ASSERT_TRUE(call.phone().rtp().waitPlayed(10s));
  ASSERT_TRUE(call.waitFrames(160));
  ASSERT_TRUE(call.waitControls(GetParam().opening.size() + 1));
  ASSERT_TRUE(call.waitPackets(3));
  EXPECT_TRUE(call.codes() == codes) << "caller to endpoint";
  EXPECT_NE(payloads(call.phone().rtp()).find(codes), std::string::npos) << "endpoint to caller";
  call.expectNormalEnd();
}

// A lost packet is made up, and those behind it are as they were.
TEST_P(SameEncoding, LossesAreMadeUp) {
  Conversation call(*gateway, GetParam());
  ASSERT_TRUE(call.begin());
  RtpPeer& rtp = call.phone().rtp();
  const Samples tone = sine(8000, 500, 2, 8000);
  rtp.play(tone, {.lose = {30, 31, 60}});
  ASSERT_TRUE(rtp.waitPlayed(10s));
  ASSERT_TRUE(call.waitFrames(100));
  const std::string sent = RtpPeer::encodePayload(GetParam().encoding, tone);
  const std::string got = call.codes();
  ASSERT_EQ(got.size(), sent.size());
  const auto same = [&](size_t from, size_t to) {
    return got.compare(from * kFrame, (to - from) * kFrame, sent, from * kFrame,
                       (to - from) * kFrame) == 0;
  };
  EXPECT_TRUE(same(0, 30));
  EXPECT_TRUE(same(33, 60)) << "the first one behind a loss is blended";
  EXPECT_TRUE(same(62, 100));
  for (const size_t lost : {30, 60}) {
    const Samples made =
        RtpPeer::decodePayload(GetParam().encoding, got.substr(lost * kFrame, kFrame));
    EXPECT_NEAR(levelDbov(made), levelDbov(tone), 2) << lost;
  }
  call.expectNormalEnd();
}

INSTANTIATE_TEST_SUITE_P(Calls, SameEncoding,
                         ::testing::Values(asterisk::g711Talk("ulaw"), asterisk::g711Talk("alaw"),
                                           twilioTalk()),
                         nameOf);

class OtherEncoding : public ::testing::TestWithParam<std::string> {
 protected:
  E2E_SHARED_GATEWAY((Gateway::Options{}));
};

TEST_P(OtherEncoding, IsConvertedBothWays) {
  for (Talk talk : {asterisk::g711Talk("ulaw"), asterisk::g711Talk("alaw"), twilioTalk()}) {
    talk.codec = GetParam();
    Conversation call(*gateway, talk);
    ASSERT_TRUE(call.begin()) << talk.name;
    RtpPeer& rtp = call.phone().rtp();
    rtp.play(sine(rtp.rate(), 600, 0.5, 8000));
    call.playTone(700, 0.5);
    call.mark("over");
    ASSERT_TRUE(rtp.waitPlayed(5s));
    ASSERT_TRUE(call.waitFrames(24));
    ASSERT_TRUE(call.waitControls(talk.opening.size() + 1));
    ASSERT_TRUE(call.waitPackets(5));
    for (const Samples& frame : call.frames())
      ASSERT_EQ(frame.size(), kFrame);
    expectTone(louderThan(joined(call.frames()), 8000, -40), 8000, 600, 0.5);
    expectTone(call.heard(), rtp.rate(), 700, 0.5);
    call.expectNormalEnd();
  }
}

INSTANTIATE_TEST_SUITE_P(Calls, OtherEncoding,
                         ::testing::Values("PCMU", "PCMA", "L16/8000", "L16/16000"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::erase(name, '/');
                           return name;
                         });

TEST(G711, OnlyForDialectsThatKnowIt) {
  Gateway gateway;
  SoupEndpoint endpoint;
  for (const char* dialect : {"wsbridge", "vonage", "jambonz"}) {
    Phone phone(gateway);
    EXPECT_EQ(phone.call(endpoint.uri(),
                         {{kDialectHeader, dialect}, {kContentTypeHeader, "audio/pcmu;rate=8000"}}),
              415);
    const auto answer = phone.sip().waitFinal(0ms);
    ASSERT_TRUE(answer.has_value());
    EXPECT_NE(answer->header("Warning").find(std::string("audio/pcmu;rate=8000 is not known to "
                                                         "the dialect ") +
                                             dialect),
              std::string::npos)
        << answer->header("Warning");
  }
  EXPECT_EQ(endpoint.requests(), 0U);
}

}  // namespace
}  // namespace e2e
