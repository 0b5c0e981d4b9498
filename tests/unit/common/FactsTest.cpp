// SPDX-License-Identifier: LGPL-2.1-or-later
// The small tables: close codes, codecs, the fixed header of RTP.
#include <array>
#include <cstring>

#include <gtest/gtest.h>

#include "common/CloseCode.hpp"
#include "common/CodecInfo.hpp"
#include "common/Frame.hpp"
#include "common/RtpHeader.hpp"

namespace wsbridge::common {
namespace {

TEST(CloseCodes, TheEdgesOfEachRange) {
  for (const unsigned code : {1000U, 1003U, 1007U, 1014U, 3000U, 4999U})
    EXPECT_TRUE(close::mayStandInFrame(code)) << code;
  for (const unsigned code : {0U, 999U, 1004U, 1005U, 1006U, 1015U, 1016U, 2999U, 5000U, 65535U})
    EXPECT_FALSE(close::mayStandInFrame(code)) << code;
  for (unsigned code = 0; code <= 5000; ++code) {
    const bool servers = code >= 1011 && code <= 1014;
    EXPECT_EQ(close::mayBeSentByClient(code), close::mayStandInFrame(code) && !servers) << code;
    EXPECT_EQ(close::isBreak(code), servers) << code;
    EXPECT_EQ(close::isOrderly(code), code == 1000 || code == 1001 || code == 1005) << code;
  }
}

TEST(Codecs, ARowIsFoundByItsEnumeratorAndItsName) {
  for (const CodecInfo& row : kCodecs) {
    EXPECT_EQ(&codecInfo(row.codec), &row);
    EXPECT_EQ(codecNamed(row.name), &row);
    EXPECT_GT(row.bytes_per_sample, 0);
  }
  EXPECT_EQ(codecNamed("pcmu"), nullptr);
  EXPECT_EQ(codecNamed(""), nullptr);
}

TEST(Frames, AreTwentyMilliseconds) {
  EXPECT_EQ(samplesPerFrame(8000), 160U);
  EXPECT_EQ(samplesPerFrame(48000), 960U);
}

TEST(RtpHeaders, TheFixedPartInHostOrder) {
  const std::array<std::uint8_t, 12> bytes = {0x80, 0x88, 0xfe, 0xdc, 0x01, 0x02,
                                              0x03, 0x04, 0xf1, 0xf2, 0xf3, 0xf4};
  const auto header = readRtpHeader(bytes);
  ASSERT_TRUE(header);
  EXPECT_TRUE(header->marker);
  EXPECT_EQ(header->type, 8);
  EXPECT_EQ(header->sequence, 0xfedc);
  EXPECT_EQ(header->timestamp, 0x01020304U);
  EXPECT_EQ(header->ssrc, 0xf1f2f3f4U);
  EXPECT_FALSE(readRtpHeader(std::span(bytes).first(11)));
  auto other = bytes;
  other[0] = 0x40;
  EXPECT_FALSE(readRtpHeader(other));
}

}  // namespace
}  // namespace wsbridge::common
