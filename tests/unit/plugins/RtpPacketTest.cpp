// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "common/RtpHeader.hpp"

namespace {

using wsbridge::common::parseRtpPacket;
using Bytes = std::vector<uint8_t>;

Bytes packet(uint8_t first, const Bytes& rest) {
  Bytes bytes(12 + rest.size(), 0);
  bytes[0] = first;
  bytes[1] = 0x80 | 96;
  std::copy(rest.begin(), rest.end(), bytes.begin() + 12);
  return bytes;
}

Bytes payloadOf(const Bytes& bytes) {
  const auto parsed = parseRtpPacket(bytes);
  if (!parsed) return {0xee};
  EXPECT_EQ(parsed->header.type, 96);
  return {parsed->payload.begin(), parsed->payload.end()};
}

TEST(RtpPacket, FindsThePayload) {
  EXPECT_EQ(payloadOf(packet(0x80, {1, 2, 3})), (Bytes{1, 2, 3}));
  EXPECT_EQ(payloadOf(packet(0x80, {})), Bytes{});
  EXPECT_EQ(payloadOf(packet(0x82, {0, 0, 0, 0, 0, 0, 0, 0, 9})), (Bytes{9})) << "two CSRCs";
  EXPECT_EQ(payloadOf(packet(0x90, {0xbe, 0xde, 0, 1, 7, 7, 7, 7, 5})), (Bytes{5})) << "extension";
  EXPECT_EQ(payloadOf(packet(0xa0, {4, 5, 0, 0, 3})), (Bytes{4, 5})) << "padding";
  EXPECT_EQ(payloadOf(packet(0xa0, {1})), Bytes{}) << "nothing but padding";
  EXPECT_EQ(payloadOf(packet(0xb1, {0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 8, 0, 2})), (Bytes{8}));
}

TEST(RtpPacket, RefusesWhatDoesNotFit) {
  EXPECT_FALSE(parseRtpPacket({}));
  EXPECT_FALSE(parseRtpPacket(Bytes(11, 0x80)));
  EXPECT_FALSE(parseRtpPacket(packet(0x40, {1, 2, 3}))) << "version 1";
  EXPECT_FALSE(parseRtpPacket(packet(0x8f, Bytes(59, 0)))) << "CSRCs beyond the end";
  EXPECT_FALSE(parseRtpPacket(packet(0x90, {0, 0, 0}))) << "half an extension header";
  EXPECT_FALSE(parseRtpPacket(packet(0x90, {0, 0, 0, 2, 1, 1, 1, 1}))) << "extension too long";
  EXPECT_FALSE(parseRtpPacket(packet(0xa0, {1, 2, 4}))) << "padding into the header";
  EXPECT_FALSE(parseRtpPacket(packet(0xa0, {1, 2, 0}))) << "padding of nothing";
}

TEST(RtpPacket, StaysWithinWhateverComes) {
  std::mt19937 random(6);
  for (int i = 0; i < 200'000; ++i) {
    Bytes bytes(random() % 64);
    for (uint8_t& byte : bytes)
      byte = static_cast<uint8_t>(random());
    const auto parsed = parseRtpPacket(bytes);
    if (!parsed) continue;
    EXPECT_GE(parsed->payload.data(), bytes.data() + 12);
    EXPECT_LE(parsed->payload.data() + parsed->payload.size(), bytes.data() + bytes.size());
  }
}

}  // namespace
