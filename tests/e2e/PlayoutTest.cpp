// SPDX-License-Identifier: LGPL-2.1-or-later
// Bots that do not keep time: what the caller gets of them, from the RTP packets. Each bot speaks
// words of 300 ms with 200 ms of silence between them; a word is late by the time from its sending
// to the first packet that it is heard in.
#include <algorithm>
#include <cstdlib>
#include <random>
#include <thread>

#include <gtest/gtest.h>

#include "Conversation.hpp"

namespace e2e {
namespace {

constexpr int kRate = 16000;
constexpr int kFrameMs = 20;
constexpr int kWordMs = 300;
constexpr int kPeriodMs = 500;
constexpr size_t kWordFrames = kWordMs / kFrameMs;
constexpr size_t kGapFrames = 6;  // the silence between words has 10
constexpr double kLoudDbov = -40;

struct Word {
  Clock::time_point at;  // sent, or heard
  size_t frames = 0;
};

Talk wsbridgeTalk() {
  Talk talk;
  for (const Talk& one : talks()) {
    if (one.dialect == "wsbridge") talk = one;
  }
  return talk;
}

// Sends words as 20 ms messages; `due` says when a frame goes out. Returns when each word began.
template <typename Due>
std::vector<Word> speak(Conversation& call, int words, Due due) {
  const std::string loud = toBytes(sine(kRate, 500, kFrameMs / 1000.0, 8000));
  const std::string quiet(loud.size(), '\0');
  std::vector<Word> sent;
  for (int frame = 0; frame < words * kPeriodMs / kFrameMs; ++frame) {
    // The bot's own clock: there is nothing else that it could wait for.
    std::this_thread::sleep_until(due(frame));
    const int inWord = frame * kFrameMs % kPeriodMs;
    if (inWord == 0) sent.push_back({Clock::now(), kWordFrames});
    call.playBytes(inWord < kWordMs ? loud : quiet);
  }
  return sent;
}

std::vector<Word> heardWords(const Conversation& call, size_t from, const RtpPeer& rtp) {
  std::vector<Word> words;
  const auto packets = rtp.packets();
  size_t last = 0;
  for (size_t i = from; i < packets.size(); ++i) {
    if (levelDbov(RtpPeer::decodePayload("L16/16000", packets[i].payload)) <= kLoudDbov) continue;
    // Audio that comes too late for its turn leaves a gap in a word.
    if (words.empty() || i - last > kGapFrames) words.push_back({packets[i].at, 0});
    ++words.back().frames;
    last = i;
  }
  return words;
}

class Playout : public ::testing::Test {
 protected:
  E2E_SHARED_GATEWAY((Gateway::Options{}));

  void SetUp() override {
    call_ = std::make_unique<Conversation>(*gateway, wsbridgeTalk());
    ASSERT_TRUE(call_->begin());
    first_ = call_->packets();
  }
  // Every word is there and whole; gives how late each was, in ms.
  std::vector<double> lateness(const std::vector<Word>& sent) {
    call_->mark("over");
    EXPECT_TRUE(call_->waitControls(call_->controls().size() + 1, 30s));
    EXPECT_TRUE(call_->waitPackets(5));
    const auto heard = heardWords(*call_, first_, call_->phone().rtp());
    EXPECT_EQ(heard.size(), sent.size()) << "words were lost or torn";
    std::vector<double> late;
    for (size_t i = 0; i < std::min(heard.size(), sent.size()); ++i) {
      EXPECT_NEAR(static_cast<double>(heard[i].frames), kWordFrames, 1) << "word " << i;
      late.push_back(millisBetween(sent[i].at, heard[i].at));
    }
    return late;
  }
  static double median(std::vector<double> values, size_t from, size_t to) {
    std::sort(values.begin() + static_cast<long>(from), values.begin() + static_cast<long>(to));
    return values[(from + to) / 2];
  }
  static void report(const char* what, const std::vector<double>& late) {
    const size_t n = late.size();
    std::printf(
        "%s: %zu words, late by %.0f ms at first, %.0f ms in the middle, %.0f ms at last, "
        "%.0f ms at the most\n",
        what, n, median(late, 0, 4), median(late, n / 2 - 2, n / 2 + 2), median(late, n - 4, n),
        *std::max_element(late.begin(), late.end()));
  }
  // Half seconds of it, of which the long form takes more.
  static int words(int ordinary) {
    const char* seconds = std::getenv("WSBRIDGE_PLAYOUT_SECONDS");
    return seconds != nullptr ? std::atoi(seconds) * 1000 / kPeriodMs : ordinary;
  }

  std::unique_ptr<Conversation> call_;
  size_t first_ = 0;
};

TEST_F(Playout, TwiceRealTime) {
  const auto start = Clock::now();
  const auto sent = speak(*call_, 20, [&](int frame) {
    return start + std::chrono::microseconds(frame * kFrameMs * 1000 / 2);
  });
  auto late = lateness(sent);
  ASSERT_EQ(late.size(), 20U);
  report("twice real time", late);
  // The words wait for their turn, 250 ms more each.
  EXPECT_NEAR(late.back() - late.front(), 19 * kPeriodMs / 2.0, 60 * kTimeScale);
  // When all is played, no delay is left.
  first_ = call_->packets();
  const auto again = Clock::now();
  late = lateness(speak(*call_, 30, [&](int frame) { return again + Millis(frame * kFrameMs); }));
  ASSERT_EQ(late.size(), 30U);
  report("after it", late);
  EXPECT_LT(median(late, 26, 30), 60 * kTimeScale);
}

// 0.5 %, in the short form 2 %: what comes too much is as much as in the long one in 2.5 minutes.
TEST_F(Playout, TooFast) {
  const double ppm = std::getenv("WSBRIDGE_PLAYOUT_SECONDS") != nullptr ? 5000 : 20000;
  const auto start = Clock::now();
  const auto sent = speak(*call_, words(60), [&](int frame) {
    const double us = frame * kFrameMs * 1000.0 / (1 + ppm / 1e6);
    return start + std::chrono::microseconds(static_cast<int64_t>(us));
  });
  const auto late = lateness(sent);
  ASSERT_EQ(late.size(), sent.size());
  report("too fast", late);
  EXPECT_LT(median(late, late.size() - 4, late.size()), 120 * kTimeScale);
}

TEST_F(Playout, Jitter) {
  std::mt19937 random(1);
  const auto start = Clock::now();
  auto last = start;
  const auto sent = speak(*call_, words(30), [&](int frame) {
    last = std::max(last, start + Millis(frame * kFrameMs + static_cast<int>(random() % 101)));
    return last;
  });
  const auto late = lateness(sent);
  ASSERT_EQ(late.size(), sent.size());
  report("jitter of 100 ms", late);
  EXPECT_LT(median(late, late.size() - 4, late.size()), 220 * kTimeScale);
}

}  // namespace
}  // namespace e2e
