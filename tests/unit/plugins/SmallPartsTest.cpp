// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "audio/ByteFifo.hpp"
#include "audio/Reframer.hpp"
#include "bridge/DtmfTracker.hpp"
#include "session/Outbox.hpp"

namespace {

using namespace wsbridge;

std::vector<uint8_t> counting(size_t size) {
  std::vector<uint8_t> bytes(size);
  for (size_t i = 0; i < size; ++i)
    bytes[i] = static_cast<uint8_t>(i * 7);
  return bytes;
}

TEST(Reframer, CarriesTheRemainder) {
  for (const size_t piece : {1UL, 100UL, 640UL, 641UL, 2000UL}) {
    const auto bytes = counting(640 * 5 + 10);
    std::vector<uint8_t> out;
    size_t frames = 0;
    Reframer reframer(640);
    const auto emit = [&](std::span<const uint8_t> frame) {
      EXPECT_EQ(frame.size(), 640U);
      out.insert(out.end(), frame.begin(), frame.end());
      ++frames;
    };
    for (size_t at = 0; at < bytes.size(); at += piece) {
      reframer.push(std::span(bytes).subspan(at, std::min(piece, bytes.size() - at)), emit);
    }
    EXPECT_EQ(frames, 5U);
    reframer.flush(emit);
    ASSERT_EQ(out.size(), 640U * 6);
    EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), out.begin()));
    EXPECT_EQ(std::vector<uint8_t>(out.begin() + 3210, out.end()), std::vector<uint8_t>(630, 0));
  }
}

TEST(ByteFifo, GivesBackWhatWentInAcrossBlocks) {
  ByteFifo fifo;
  const auto bytes = counting(100'003);
  std::vector<uint8_t> out(bytes.size());
  size_t written = 0;
  size_t read = 0;
  for (size_t step = 1; read < bytes.size(); step = step * 3 % 20011 + 1) {
    const size_t count = std::min(step, bytes.size() - written);
    fifo.write(std::span(bytes).subspan(written, count));
    written += count;
    uint8_t ahead = 0;
    if (fifo.peek(&ahead, 1) == 1) {
      EXPECT_EQ(ahead, bytes[read]);
    }
    read += fifo.read(out.data() + read, step * 2 / 3 + 1);
    ASSERT_EQ(fifo.size(), written - read);
  }
  EXPECT_EQ(out, bytes);
}

TEST(Outbox, AudioAloneCanBeDropped) {
  Outbox outbox;
  const std::vector<uint8_t> frame{1};
  outbox.pushAudio(frame);
  outbox.pushText("five");
  outbox.pushAudio(frame);
  EXPECT_EQ(outbox.dropAudio(), 2U);
  EXPECT_EQ(outbox.dropAudio(), 0U);
  EXPECT_EQ(outbox.pop().kind, Outbox::Item::Kind::Text);
  EXPECT_TRUE(outbox.empty());
}

TEST(Outbox, DropsTheOldestAudioAndNeverText) {
  Outbox outbox;
  outbox.setMaxFrames(2);
  const auto frame = [](uint8_t n) { return std::vector<uint8_t>{n}; };
  EXPECT_EQ(outbox.pushAudio(frame(1)), 0U);
  outbox.pushText("five");
  EXPECT_EQ(outbox.pushAudio(frame(2)), 0U);
  EXPECT_EQ(outbox.pushAudio(frame(3)), 1U);
  outbox.pushNotice(wsbridge::MarkNotice{"m", false});
  EXPECT_GT(outbox.textBytes(), 5U) << "small ones count, too: there may be many";
  EXPECT_EQ(outbox.pop().kind, Outbox::Item::Kind::Text);
  EXPECT_EQ(outbox.pop().bytes, frame(2));
  EXPECT_EQ(outbox.pop().bytes, frame(3));
  EXPECT_EQ(outbox.pop().kind, Outbox::Item::Kind::Event);
  EXPECT_EQ(outbox.textBytes(), 0U);
  EXPECT_TRUE(outbox.empty());
}

TEST(DtmfTracker, PairsStartAndStop) {
  DtmfTracker tracker;
  EXPECT_FALSE(tracker.stop(std::nullopt, 0));
  EXPECT_FALSE(tracker.start(11, 1'000'000));
  const auto key = tracker.stop(std::nullopt, 1'160'000);
  ASSERT_TRUE(key);
  EXPECT_EQ(key->digit, '#');
  EXPECT_EQ(key->duration_ms, 160U);
  EXPECT_FALSE(tracker.stop(std::nullopt, 2'000'000));
}

TEST(DtmfTracker, AStartEndsTheKeyBeforeAndADurationGivenWins) {
  DtmfTracker tracker;
  tracker.start(1, 0);
  const auto first = tracker.start(2, 80'000);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->digit, '1');
  EXPECT_EQ(first->duration_ms, 80U);
  EXPECT_EQ(tracker.stop(250, 90'000)->duration_ms, 250U);
  EXPECT_FALSE(tracker.start(16, 0));
  EXPECT_FALSE(tracker.stop(10, 0));
}

}  // namespace
