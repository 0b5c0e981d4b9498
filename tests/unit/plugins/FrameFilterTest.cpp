// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "websocket/FrameFilter.hpp"
#include "websocket/FrameWriter.hpp"

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

/// A filter with both of its takers; `order` has a letter for each piece handed over: l for
/// libsoup, a for audio.
class Harness {
 public:
  FrameFilter filter{[this](std::span<const uint8_t> part) {
    audio.append(part.begin(), part.end());
    note('a');
  }};
  std::string libsoup;
  std::string audio;
  std::string order;

  /// Feeds `raw` in pieces, as the stream does it, as far as the filter takes it.
  void pass(const std::string& raw, size_t piece) {
    for (size_t at = 0; at < raw.size() && fine(); at += piece) {
      const size_t size = std::min(piece, raw.size() - at);
      filter.feed({reinterpret_cast<const uint8_t*>(raw.data()) + at, size});
      drain();
    }
  }
  void drain() {
    for (;;) {
      uint8_t buffer[1000];
      while (const size_t count = filter.read(buffer, sizeof buffer)) {
        libsoup.append(buffer, buffer + count);
        note('l');
      }
      if (!filter.behind()) return;
      filter.proceed();
    }
  }

 private:
  bool fine() const { return filter.fault() == FrameFilter::Fault::None && !filter.stuck(); }
  void note(char who) {
    if (order.empty() || order.back() != who) order += who;
  }
};

std::string noise(size_t size) {
  std::mt19937 random(static_cast<unsigned>(size));
  std::string bytes(size, '\0');
  for (char& c : bytes)
    c = static_cast<char>(random());
  return bytes;
}

TEST(FrameFilter, AudioAndTheRestGoTheirOwnWaysInOrderWhateverThePieces) {
  const std::string text = frame(1, true, "{\"action\":\"clear\"}");
  const std::string ping = frame(9, true, "ping");
  const std::string raw = frame(2, true, noise(640)) + text + ping + frame(2, true, "") +
                          frame(2, true, noise(16384)) + text;
  for (const size_t piece : {1UL, 2UL, 3UL, 7UL, 100UL, 100000UL}) {
    Harness h;
    h.pass(raw, piece);
    EXPECT_EQ(h.libsoup, text + ping + text);
    EXPECT_EQ(h.audio, noise(640) + noise(16384));
    EXPECT_EQ(h.order, "alal");
    EXPECT_EQ(h.filter.messages(), 5U);
  }
}

TEST(FrameFilter, AudioBehindTextWaitsUntilLibsoupHasReadThat) {
  Harness h;
  const std::string raw = frame(1, true, "clear") + frame(2, true, "audio");
  h.filter.feed({reinterpret_cast<const uint8_t*>(raw.data()), raw.size()});
  EXPECT_EQ(h.audio, "");
  EXPECT_FALSE(h.filter.wanted());
  h.drain();
  EXPECT_EQ(h.audio, "audio");
}

TEST(FrameFilter, ALargeMessageIsHandedOverAsItComes) {
  const std::string audio = noise(4 * 1024 * 1024 + 1);
  const std::string raw = frame(2, true, audio);
  Harness h;
  h.pass(raw.substr(0, 50000), 8192);
  EXPECT_GT(h.audio.size(), 49000U);
  h.pass(raw.substr(50000), 8192);
  EXPECT_EQ(h.audio, audio);
  EXPECT_EQ(h.filter.messages(), 1U);
}

TEST(FrameFilter, FragmentsAreJoinedWithControlFramesBetween) {
  const std::string a = noise(1000);
  const std::string b = noise(70000);
  const std::string c = noise(3);
  Harness h;
  h.pass(frame(2, false, a) + frame(9, true, "p") + frame(0, false, b), 333);
  EXPECT_EQ(h.libsoup, frame(9, true, "p"));
  h.pass(frame(0, true, c), 333);
  EXPECT_EQ(h.audio, a + b + c);
  EXPECT_EQ(h.filter.messages(), 1U);
}

TEST(FrameFilter, EndlessFragmentsAreDeliveredAsTheyCome) {
  Harness h;
  const std::string part = noise(1000);
  h.pass(frame(2, false, part), 5000);
  for (size_t i = 2; i < 1000; ++i) {
    h.pass(frame(0, false, part), 5000);
    ASSERT_EQ(h.audio.size(), i * part.size());
  }
}

TEST(FrameFilter, HoldPassesControlUpToTheNextAudioAndLosesNothing) {
  const std::string text = frame(1, true, "clear") + frame(9, true, "ping");
  for (const size_t piece : {1UL, 7UL, 10000UL}) {
    Harness h;
    h.filter.setHold(true);
    h.pass(text, piece);
    EXPECT_EQ(h.libsoup, text);
    EXPECT_FALSE(h.filter.stuck());
    const std::string more = frame(2, true, noise(640)) + text;
    h.pass(more, more.size());
    EXPECT_TRUE(h.filter.stuck());
    EXPECT_FALSE(h.filter.behind());
    EXPECT_EQ(h.audio, "");
    h.filter.setHold(false);
    EXPECT_FALSE(h.filter.stuck());
    h.drain();
    EXPECT_EQ(h.audio, noise(640));
    EXPECT_EQ(h.libsoup, text + text);
  }
}

TEST(FrameFilter, TheTakerMayHoldInTheMiddle) {
  std::string audio;
  FrameFilter* held = nullptr;
  FrameFilter filter([&](std::span<const uint8_t> part) {
    audio.append(part.begin(), part.end());
    held->setHold(true);
  });
  held = &filter;
  const std::string raw = frame(2, true, "one") + frame(2, true, "two");
  filter.feed({reinterpret_cast<const uint8_t*>(raw.data()), raw.size()});
  EXPECT_EQ(audio, "one");
  EXPECT_TRUE(filter.stuck());
  filter.setHold(false);
  EXPECT_TRUE(filter.behind());
  filter.proceed();
  EXPECT_EQ(audio, "onetwo");
}

TEST(FrameFilter, PingsAreDroppedWhileTheyCannotBeAnswered) {
  Harness h;
  h.filter.setDropPings(true);
  h.pass(frame(9, true, "ping") + frame(2, true, noise(640)) + frame(9, true, ""), 3);
  EXPECT_EQ(h.libsoup, "");
  EXPECT_EQ(h.audio, noise(640));
  h.filter.setDropPings(false);
  h.pass(frame(9, true, "ping"), 3);
  EXPECT_EQ(h.libsoup, frame(9, true, "ping"));
}

TEST(FrameFilter, HoldStopsInsideALargeMessage) {
  const std::string audio = noise(100000);
  const std::string raw = frame(2, true, audio);
  Harness h;
  h.pass(raw.substr(0, 30000), 4096);
  const size_t before = h.audio.size();
  h.filter.setHold(true);
  h.pass(raw.substr(30000), 100000);
  EXPECT_EQ(h.audio.size(), before);
  h.filter.setHold(false);
  h.drain();
  EXPECT_EQ(h.audio, audio);
}

TEST(FrameFilter, ADataFrameInsideAFragmentedMessageIsAFault) {
  for (const int outer : {1, 2}) {
    for (const int inner : {1, 2}) {
      Harness h;
      h.pass(frame(outer, false, "ab") + frame(inner, true, "cd"), 100);
      // Two texts are for libsoup to judge.
      EXPECT_EQ(h.filter.fault(), outer == 1 && inner == 1 ? FrameFilter::Fault::None
                                                           : FrameFilter::Fault::BrokenFragments);
    }
  }
}

TEST(FrameFilter, NothingComesBehindTheCloseFrame) {
  const std::string close = frame(8, true, std::string("\x03\xE8", 2) + "bye");
  for (const std::string& late :
       {frame(2, true, "late"), frame(1, true, "late"), frame(9, true, "late"),
        frame(8, true, std::string("\x03\xF4", 2)), frame(3, true, "x"),
        std::string("HTTP/1.1 200 OK\r\nServer: Werkzeug/3.1.3 Python/3.13.5\r\n\r\n"),
        frame(1, true, std::string(FrameFilter::kMaxText + 1, 'x'))}) {
    for (const size_t piece : {1UL, 6UL, 100000000UL}) {
      Harness h;
      h.pass(frame(2, true, "audio") + close + late, piece);
      EXPECT_EQ(h.audio, "audio");
      EXPECT_EQ(h.libsoup, close);
      EXPECT_EQ(h.filter.fault(), FrameFilter::Fault::None);
      EXPECT_EQ(h.filter.closeCode(), 1000U);
      EXPECT_EQ(h.filter.closeReason(), "bye");
      EXPECT_FALSE(h.filter.behind());
    }
  }
}

TEST(FrameFilter, ACloseFrameIsSeenWhenItIsWhole) {
  const std::string close = frame(8, true, std::string("\x03\xE8", 2) + "bye");
  Harness h;
  h.pass(close.substr(0, close.size() - 1), 1);
  EXPECT_FALSE(h.filter.closeSeen());
  EXPECT_EQ(h.libsoup, "");
  h.pass(close.substr(close.size() - 1), 1);
  EXPECT_TRUE(h.filter.closeSeen());
  EXPECT_EQ(h.libsoup, close);
}

TEST(FrameFilter, ACloseReasonThatIsNotUtf8IsAFault) {
  const std::string code("\x03\xE8", 2);
  for (const std::string& bad : {std::string("\xFF"), std::string("bye \xC3\x28"),
                                 std::string("\xED\xA0\x80"), std::string("cut \xE2\x82")}) {
    for (const size_t piece : {1UL, 100UL}) {
      Harness h;
      h.pass(frame(2, true, "audio") + frame(8, true, code + bad), piece);
      EXPECT_EQ(h.filter.fault(), FrameFilter::Fault::BadCloseReason);
      EXPECT_FALSE(h.filter.closeSeen());
      EXPECT_EQ(h.libsoup, "") << "libsoup would answer with another code";
      EXPECT_EQ(h.audio, "audio");
    }
  }
  for (const std::string& good : {std::string(), std::string("gr\xC3\xBC\xC3\x9F"),
                                  std::string(123, 'x'), std::string("x\0y", 3)}) {
    Harness h;
    h.pass(frame(8, true, code + good), 1);
    EXPECT_EQ(h.filter.fault(), FrameFilter::Fault::None);
    EXPECT_EQ(h.filter.closeReason(), good);
  }
}

TEST(FrameFilter, ACloseFrameThatIsNoneIsForLibsoupToJudge) {
  for (const std::string& raw :
       {frame(8, false, std::string("\x03\xE8", 2)), frame(8, true, "\x03\xE8", 0x40),
        frame(8, true, std::string(126, 'x'))}) {
    Harness h;
    h.pass(raw, 1);
    EXPECT_FALSE(h.filter.closeSeen());
    EXPECT_EQ(h.libsoup, raw);
  }
}

std::string header(int opcode, int form, uint64_t length) {
  std::string text{static_cast<char>(0x80 | opcode), static_cast<char>(form)};
  for (int shift = form == 126 ? 8 : 56; shift >= 0; shift -= 8)
    text += static_cast<char>((length >> shift) & 0xFF);
  return text;
}

TEST(FrameFilter, ALengthThatMayNotBeIsAFault) {
  for (const int opcode : {1, 2, 8, 9}) {
    for (const auto& [form, length] :
         std::vector<std::pair<int, uint64_t>>{{126, 0},
                                               {126, 125},
                                               {127, 0},
                                               {127, 125},
                                               {127, 126},
                                               {127, 65535},
                                               {127, uint64_t{1} << 63},
                                               {127, ~uint64_t{0}},
                                               {127, (uint64_t{1} << 63) + 5}}) {
      for (const size_t piece : {1UL, 100UL}) {
        Harness h;
        h.pass(frame(2, true, "audio") + header(opcode, form, length) + "x", piece);
        EXPECT_EQ(h.filter.fault(), FrameFilter::Fault::BrokenLength)
            << opcode << " " << form << " " << length;
        EXPECT_EQ(h.audio, "audio");
        EXPECT_EQ(h.libsoup, "");
      }
    }
  }
  for (const auto& [form, length] : std::vector<std::pair<int, uint64_t>>{
           {126, 126}, {126, 65535}, {127, 65536}, {127, (uint64_t{1} << 63) - 1}}) {
    Harness h;
    h.pass(header(2, form, length) + "x", 1);
    EXPECT_EQ(h.filter.fault(), FrameFilter::Fault::None) << form << " " << length;
    EXPECT_EQ(h.audio, "x");
  }
}

TEST(FrameFilter, LongTextsAreRefusedWholeOrInFragments) {
  Harness whole;
  whole.pass(frame(1, true, std::string(FrameFilter::kMaxText + 1, 'x')), 8192);
  EXPECT_EQ(whole.filter.fault(), FrameFilter::Fault::TextTooLong);
  Harness parts;
  parts.pass(frame(1, false, std::string(600000, 'x')), 8192);
  EXPECT_EQ(parts.filter.fault(), FrameFilter::Fault::None);
  parts.pass(frame(0, false, std::string(600000, 'x')), 8192);
  EXPECT_EQ(parts.filter.fault(), FrameFilter::Fault::TextTooLong);
}

TEST(FrameFilter, WhatLibsoupMustJudgePassesUnchanged) {
  const std::string reserved = frame(2, true, "abc", 0x40);
  const std::string unknown = frame(5, true, "abc");
  const std::string orphan = frame(0, true, "abc");
  for (const std::string& raw : {reserved, unknown, orphan}) {
    Harness h;
    h.pass(raw, 1);
    EXPECT_EQ(h.libsoup, raw);
    EXPECT_EQ(h.audio, "");
  }
}

TEST(FrameFilter, NotesTheCloseFrame) {
  for (const size_t piece : {1UL, 100UL}) {
    Harness h;
    h.pass(frame(8, true, std::string("\x03\xF4", 2) + "later"), piece);
    EXPECT_TRUE(h.filter.closeSeen());
    EXPECT_EQ(h.filter.closeCode(), 1012U);
    EXPECT_EQ(h.filter.closeReason(), "later");
  }
  Harness empty;
  empty.pass(frame(8, true, ""), 1);
  EXPECT_EQ(empty.filter.closeCode(), 1005U);
}

TEST(FrameFilter, KnowsCloseCodesThatMayNotBeSent) {
  for (const unsigned code : {0U, 999U, 1004U, 1005U, 1006U, 1015U, 1016U, 2999U, 5000U, 65535U}) {
    Harness h;
    const std::string payload{static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)};
    h.pass(frame(8, true, payload), 100);
    EXPECT_EQ(h.filter.closeCode(), wsbridge::FrameFilter::kBrokenClose) << code;
  }
  Harness short_one;
  short_one.pass(frame(8, true, "\x03"), 1);
  EXPECT_EQ(short_one.filter.closeCode(), wsbridge::FrameFilter::kBrokenClose);
}

TEST(FrameWriter, WritesWhatAServerUnmasks) {
  wsbridge::MaskKeys keys;
  std::vector<uint8_t> out;
  for (const size_t size : {0UL, 1UL, 5UL, 125UL, 126UL, 640UL, 65535UL, 65536UL}) {
    const std::string payload = noise(size);
    out.clear();
    wsbridge::appendFrame(wsbridge::Opcode::Binary,
                          {reinterpret_cast<const uint8_t*>(payload.data()), size}, keys.next(),
                          out);
    const size_t header = size < 126 ? 2 : size < 65536 ? 4 : 10;
    ASSERT_EQ(out.size(), header + 4 + size);
    EXPECT_EQ(out[0], 0x82);
    EXPECT_EQ(out[1], 0x80 | (size < 126 ? size : size < 65536 ? 126 : 127));
    uint64_t length = 0;
    for (size_t i = 2; i < header; ++i)
      length = length << 8 | out[i];
    if (header > 2) {
      EXPECT_EQ(length, size);
    }
    std::string unmasked;
    for (size_t i = 0; i < size; ++i)
      unmasked += static_cast<char>(out[header + 4 + i] ^ out[header + i % 4]);
    EXPECT_EQ(unmasked, payload);
  }
}

TEST(FrameWriter, KeysDoNotRepeat) {
  wsbridge::MaskKeys keys;
  std::set<std::array<uint8_t, 4>> seen;
  for (int i = 0; i < 1000; ++i)
    seen.insert(keys.next());
  EXPECT_GT(seen.size(), 990U);
}

}  // namespace
