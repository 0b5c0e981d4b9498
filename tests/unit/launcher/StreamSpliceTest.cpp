// SPDX-License-Identifier: LGPL-2.1-or-later
#include <array>
#include <initializer_list>
#include <utility>

#include <gtest/gtest.h>

#include "media/StreamSplice.hpp"

namespace launcher {

namespace {

using Header = std::array<std::uint8_t, 12>;
using Verdict = StreamSplice::Verdict;

Header header(std::uint16_t sequence, std::uint32_t time, std::uint8_t ssrc) {
  return {0x80,
          0,
          static_cast<std::uint8_t>(sequence >> 8),
          static_cast<std::uint8_t>(sequence),
          static_cast<std::uint8_t>(time >> 24),
          static_cast<std::uint8_t>(time >> 16),
          static_cast<std::uint8_t>(time >> 8),
          static_cast<std::uint8_t>(time),
          0,
          0,
          0,
          ssrc};
}

int sequenceOf(const Header& h) {
  return h[2] << 8 | h[3];
}
int timeOf(const Header& h) {
  return h[4] << 24 | h[5] << 16 | h[6] << 8 | h[7];
}

}  // namespace

TEST(StreamSplice, oneStreamIsLeftAlone) {
  StreamSplice splice(8000);
  for (std::uint16_t i = 0; i < 5; ++i) {
    Header h = header(static_cast<std::uint16_t>(65533 + i), 160U * i, 1);
    const Header before = h;
    EXPECT_EQ(splice.packet(h.data(), 20U * i), Verdict::Same);
    EXPECT_EQ(h, before);
  }
}

TEST(StreamSplice, aNewSsrcGoesOnWhereTheOldOneEnded) {
  StreamSplice splice(8000);
  Header h = header(100, 1600, 1);
  splice.packet(h.data(), 0);
  h = header(40000, 999999, 2);
  EXPECT_EQ(splice.packet(h.data(), 20), Verdict::Rewritten);
  EXPECT_EQ(h, header(101, 1760, 1));
  h = header(40001, 999999 + 160, 2);
  EXPECT_EQ(splice.packet(h.data(), 40), Verdict::Rewritten);
  EXPECT_EQ(h, header(102, 1920, 1));
}

TEST(StreamSplice, stragglersOfTheOldOneAreDroppedAndAWayBackIsTaken) {
  StreamSplice splice(8000);
  Header h = header(100, 1600, 1);
  splice.packet(h.data(), 0);
  h = header(5000, 0, 2);
  splice.packet(h.data(), 20);
  h = header(101, 1760, 1);
  EXPECT_EQ(splice.packet(h.data(), 30), Verdict::Stale);
  h = header(9000, 77, 1);
  EXPECT_EQ(splice.packet(h.data(), 2000), Verdict::Rewritten);
  EXPECT_EQ(sequenceOf(h), 102);
  EXPECT_EQ(timeOf(h), 1760 + 1980 * 8);
}

TEST(StreamSplice, reorderingWithinTheNewStreamIsKept) {
  StreamSplice splice(8000);
  Header h = header(10, 0, 1);
  splice.packet(h.data(), 0);
  for (const auto& [in, out] :
       std::initializer_list<std::pair<int, int>>{{200, 11}, {202, 13}, {201, 12}, {203, 14}}) {
    h = header(static_cast<std::uint16_t>(in), static_cast<std::uint32_t>(in) * 160, 2);
    splice.packet(h.data(), 20);
    EXPECT_EQ(sequenceOf(h), out);
  }
}

}  // namespace launcher
