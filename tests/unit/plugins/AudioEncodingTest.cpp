// SPDX-License-Identifier: LGPL-2.1-or-later
#include <numeric>

#include <gtest/gtest.h>

#include "audio/AudioEncoding.hpp"
#include "audio/G711.hpp"

namespace wsbridge {
namespace {

std::vector<uint8_t> allCodes() {
  std::vector<uint8_t> codes(256);
  std::iota(codes.begin(), codes.end(), uint8_t{0});
  return codes;
}

TEST(AudioEncoding, EveryCodeComesBack) {
  for (const AudioEncoding encoding : {AudioEncoding::Ulaw, AudioEncoding::Alaw}) {
    std::vector<uint8_t> linear;
    std::vector<uint8_t> again;
    decodeG711(encoding, allCodes(), linear);
    ASSERT_EQ(linear.size(), 512U);
    encodeG711(encoding, linear, again);
    EXPECT_EQ(again, allCodes());
  }
}

// What an ordinary decoder loses: this is why there is one of our own.
TEST(AudioEncoding, OnlyTheNegativeZeroOfMuLawIsDecodedOtherwise) {
  std::vector<uint8_t> linear;
  std::vector<int16_t> plain(256);
  const std::vector<uint8_t> codes = allCodes();
  decodeG711(AudioEncoding::Ulaw, codes, linear);
  g711::decodeUlaw(codes.data(), plain.data(), codes.size());
  const auto* samples = reinterpret_cast<const int16_t*>(linear.data());
  for (size_t code = 0; code < codes.size(); ++code)
    EXPECT_EQ(samples[code], plain[code] - (code == 0x7f ? 1 : 0)) << code;
  std::vector<uint8_t> again(256);
  g711::encodeUlaw(plain.data(), again.data(), again.size());
  for (size_t code = 0; code < codes.size(); ++code)
    EXPECT_EQ(again[code], code == 0x7f ? 0xff : code);
}

TEST(AudioEncoding, SilenceIsZero) {
  for (const AudioEncoding encoding : {AudioEncoding::Ulaw, AudioEncoding::Alaw}) {
    const std::vector<uint8_t> zero(2, 0);
    std::vector<uint8_t> code;
    encodeG711(encoding, zero, code);
    EXPECT_EQ(code, std::vector<uint8_t>{silenceOf(encoding)});
  }
}

}  // namespace
}  // namespace wsbridge
