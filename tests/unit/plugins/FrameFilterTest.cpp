// SPDX-License-Identifier: LGPL-2.1-or-later
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "connection/FrameFilter.hpp"

namespace {

using wsbridge::FrameFilter;

std::string frame(int opcode, bool fin, const std::string& payload, int reserved = 0) {
  std::string text(1, static_cast<char>((fin ? 0x80 : 0) | reserved | opcode));
  const size_t size = payload.size();
  if (size < 126) {
    text += static_cast<char>(size);
  } else if (size < 65536) {
    text += static_cast<char>(126);
    text += static_cast<char>(size >> 8);
    text += static_cast<char>(size & 0xFF);
  } else {
    text += static_cast<char>(127);
    for (int shift = 56; shift >= 0; shift -= 8)
      text += static_cast<char>((size >> shift) & 0xFF);
  }
  return text + payload;
}

/// Feeds `raw` in pieces and reads all that comes out.
std::string pass(FrameFilter& filter, const std::string& raw, size_t piece) {
  std::string out;
  for (size_t at = 0; at < raw.size() && filter.fault() == FrameFilter::Fault::None; at += piece) {
    const size_t size = std::min(piece, raw.size() - at);
    filter.feed({reinterpret_cast<const uint8_t*>(raw.data()) + at, size});
    uint8_t buffer[1000];
    while (const size_t count = filter.read(buffer, sizeof buffer))
      out.append(buffer, buffer + count);
  }
  return out;
}

/// The payload of all frames, which must be unfragmented BINARY ones of limited size.
std::string audioOf(const std::string& filtered) {
  std::string audio;
  for (size_t at = 0; at < filtered.size();) {
    EXPECT_EQ(static_cast<uint8_t>(filtered[at]), 0x82);
    size_t size = static_cast<uint8_t>(filtered[at + 1]);
    at += 2;
    if (size == 126) {
      size = static_cast<size_t>(static_cast<uint8_t>(filtered[at])) << 8 |
             static_cast<uint8_t>(filtered[at + 1]);
      at += 2;
    }
    EXPECT_LE(size, FrameFilter::kMaxPassedPayload);
    audio += filtered.substr(at, size);
    at += size;
  }
  return audio;
}

std::string noise(size_t size) {
  std::mt19937 random(static_cast<unsigned>(size));
  std::string bytes(size, '\0');
  for (char& c : bytes)
    c = static_cast<char>(random());
  return bytes;
}

TEST(FrameFilter, SmallFramesPassUnchangedWhateverThePieces) {
  const std::string raw = frame(2, true, noise(640)) + frame(1, true, "{\"action\":\"clear\"}") +
                          frame(9, true, "ping") + frame(2, true, "") +
                          frame(2, true, noise(16384));
  for (const size_t piece : {1UL, 2UL, 3UL, 7UL, 100UL, 100000UL}) {
    FrameFilter filter;
    EXPECT_EQ(pass(filter, raw, piece), raw);
    EXPECT_EQ(filter.messages(), 4U);
  }
}

TEST(FrameFilter, ALargeMessageComesOutInSmallOnes) {
  const std::string audio = noise(4 * 1024 * 1024 + 1);
  FrameFilter filter;
  EXPECT_EQ(audioOf(pass(filter, frame(2, true, audio), 8192)), audio);
  EXPECT_EQ(filter.messages(), 1U);
}

TEST(FrameFilter, FragmentsAreJoinedWithControlFramesBetween) {
  const std::string a = noise(1000);
  const std::string b = noise(70000);
  const std::string c = noise(3);
  FrameFilter filter;
  std::string out =
      pass(filter, frame(2, false, a) + frame(9, true, "p") + frame(0, false, b), 333);
  const std::string ping = frame(9, true, "p");
  const size_t at = out.find(ping);
  ASSERT_NE(at, std::string::npos);
  out.erase(at, ping.size());
  out += pass(filter, frame(0, true, c), 333);
  EXPECT_EQ(audioOf(out), a + b + c);
  EXPECT_EQ(filter.messages(), 1U);
}

TEST(FrameFilter, EndlessFragmentsAreDeliveredAsTheyCome) {
  FrameFilter filter;
  const std::string part = noise(1000);
  EXPECT_EQ(audioOf(pass(filter, frame(2, false, part), 5000)), part);
  for (int i = 0; i < 1000; ++i)
    ASSERT_EQ(audioOf(pass(filter, frame(0, false, part), 5000)), part);
}

TEST(FrameFilter, HoldPassesControlUpToTheNextAudioAndLosesNothing) {
  const std::string text = frame(1, true, "clear") + frame(9, true, "ping");
  const std::string audio = frame(2, true, noise(640));
  for (const size_t piece : {1UL, 7UL, 10000UL}) {
    FrameFilter filter;
    filter.setHold(true);
    EXPECT_EQ(pass(filter, text, piece), text);
    EXPECT_FALSE(filter.stuck());
    EXPECT_EQ(pass(filter, audio + text, piece), "");
    EXPECT_TRUE(filter.stuck());
    filter.setHold(false);
    EXPECT_FALSE(filter.stuck());
    std::string out(2000, '\0');
    out.resize(filter.read(reinterpret_cast<uint8_t*>(out.data()), out.size()));
    EXPECT_EQ(out, audio + text);
  }
}

TEST(FrameFilter, PingsAreDroppedWhileTheyCannotBeAnswered) {
  const std::string audio = frame(2, true, noise(640));
  FrameFilter filter;
  filter.setDropPings(true);
  EXPECT_EQ(pass(filter, frame(9, true, "ping") + audio + frame(9, true, ""), 3), audio);
  filter.setDropPings(false);
  EXPECT_EQ(pass(filter, frame(9, true, "ping"), 3), frame(9, true, "ping"));
}

TEST(FrameFilter, HoldStopsInsideALargeMessage) {
  const std::string audio = noise(100000);
  const std::string raw = frame(2, true, audio);
  FrameFilter filter;
  std::string out = pass(filter, raw.substr(0, 30000), 4096);
  filter.setHold(true);
  EXPECT_EQ(pass(filter, raw.substr(30000), 100000), "");
  filter.setHold(false);
  uint8_t buffer[1000];
  while (const size_t count = filter.read(buffer, sizeof buffer))
    out.append(buffer, buffer + count);
  EXPECT_EQ(audioOf(out), audio);
}

TEST(FrameFilter, ADataFrameInsideAFragmentedMessageIsAFault) {
  for (const int opcode : {1, 2}) {
    FrameFilter filter;
    pass(filter, frame(2, false, "ab") + frame(opcode, true, "cd"), 100);
    EXPECT_EQ(filter.fault(), FrameFilter::Fault::BrokenFragments);
  }
}

TEST(FrameFilter, LongTextsAreRefusedWholeOrInFragments) {
  FrameFilter whole;
  pass(whole, frame(1, true, std::string(FrameFilter::kMaxText + 1, 'x')), 8192);
  EXPECT_EQ(whole.fault(), FrameFilter::Fault::TextTooLong);
  FrameFilter parts;
  pass(parts, frame(1, false, std::string(600000, 'x')), 8192);
  EXPECT_EQ(parts.fault(), FrameFilter::Fault::None);
  pass(parts, frame(0, false, std::string(600000, 'x')), 8192);
  EXPECT_EQ(parts.fault(), FrameFilter::Fault::TextTooLong);
}

TEST(FrameFilter, WhatLibsoupMustJudgePassesUnchanged) {
  const std::string reserved = frame(2, true, "abc", 0x40);
  const std::string unknown = frame(5, true, "abc");
  const std::string orphan = frame(0, true, "abc");
  for (const std::string& raw : {reserved, unknown, orphan}) {
    FrameFilter filter;
    EXPECT_EQ(pass(filter, raw, 1), raw);
  }
}

TEST(FrameFilter, NotesTheCloseFrame) {
  for (const size_t piece : {1UL, 100UL}) {
    FrameFilter filter;
    pass(filter, frame(8, true, std::string("\x03\xF4", 2) + "later"), piece);
    EXPECT_TRUE(filter.closeSeen());
    EXPECT_EQ(filter.closeCode(), 1012U);
    EXPECT_EQ(filter.closeReason(), "later");
  }
  FrameFilter empty;
  pass(empty, frame(8, true, ""), 1);
  EXPECT_EQ(empty.closeCode(), 1005U);
}

}  // namespace
