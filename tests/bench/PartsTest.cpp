// SPDX-License-Identifier: LGPL-2.1-or-later
// The measuring tools measured: each check would fail if the tool told a wrong figure.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <numbers>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "BurstTrain.hpp"
#include "EndpointReport.hpp"
#include "FloorAudio.hpp"
#include "Histogram.hpp"
#include "LoadReport.hpp"
#include "LoopWatch.hpp"
#include "NumberedAudio.hpp"
#include "Priority.hpp"
#include "ReceiveStatistics.hpp"
#include "StallWatch.hpp"
#include "Statistics.hpp"
#include "wire/Codec.hpp"
#include "wire/Text.hpp"
#include "wire/Wav.hpp"
#include "wire/WebSocketFrame.hpp"

namespace {

using namespace bench;

bool near(double a, double b, double tolerance) {
  return std::abs(a - b) <= tolerance;
}

std::vector<int16_t> throughCodec(const char* name, const std::vector<int16_t>& samples) {
  std::vector<uint8_t> bytes;
  std::vector<int16_t> back;
  encode(*findCodec(name), samples, bytes);
  decode(*findCodec(name), bytes, back);
  return back;
}

std::vector<int16_t> tone(double frequency, uint32_t rate, size_t length, double amplitude) {
  std::vector<int16_t> out(length);
  for (size_t i = 0; i < length; ++i)
    out[i] = static_cast<int16_t>(
        amplitude * std::sin(2 * std::numbers::pi * frequency * static_cast<double>(i) / rate));
  return out;
}

TEST(Bench, Statistics) {
  std::vector<double> values;
  for (int i = 100; i >= 1; --i)
    values.push_back(i);
  const Summary summary = summarise(values);
  EXPECT_TRUE(summary.count == 100 && summary.p50 == 50 && summary.p95 == 95 && summary.p99 == 99);
  EXPECT_TRUE(summary.max == 100);
  EXPECT_TRUE(summarise({}).count == 0 && summarise({7}).p99 == 7);
}

TEST(Bench, Likeness) {
  // Noise that comes back 400 samples late at half the level, with 160 more samples inserted half
  // way.
  std::mt19937 random(3);
  std::normal_distribution<double> noise(0, 4000);
  std::vector<int16_t> sent(48000);
  for (int16_t& sample : sent)
    sample = static_cast<int16_t>(noise(random));
  std::vector<int16_t> back(400, 0);
  for (size_t i = 0; i < sent.size(); ++i) {
    if (i == 24000) back.insert(back.end(), 160, 0);
    back.push_back(static_cast<int16_t>(sent[i] / 2));
  }
  const Likeness likeness = compare(sent, back, 0, 2000);
  EXPECT_TRUE(likeness.correlation > 0.99 && near(likeness.levelDb, -6.02, 0.05));
  EXPECT_TRUE((likeness.lag == 400 || likeness.lag == 560) && likeness.lagSpread == 160);
  std::vector<int16_t> other(48000);
  for (int16_t& sample : other)
    sample = static_cast<int16_t>(noise(random));
  EXPECT_TRUE(std::abs(compare(sent, other, 0, 2000).correlation) < 0.1);
}

TEST(Bench, Bursts) {
  constexpr uint32_t kRate = 8000;
  BurstTrain train(42, kRate);
  std::vector<int16_t> sent(size_t{20} * kRate);
  for (size_t i = 0; i < sent.size(); i += 160)
    train.render(std::span(sent).subspan(i, 160));
  OnsetDetector detector(kRate);
  std::vector<Onset> there;
  detector.feed(sent, there);
  EXPECT_TRUE(there.size() >= 22 && there.size() <= 50);
  for (size_t i = 1; i < there.size(); ++i) {
    const double gap = (there[i].position - there[i - 1].position) / kRate;
    EXPECT_TRUE(gap > 0.399 && gap < 0.901);
    EXPECT_TRUE(there[i].pitch >= 0);
  }

  // 123 samples later, through mu-law, over noise, in packets of another size.
  std::vector<int16_t> returned(123, 0);
  returned.insert(returned.end(), sent.begin(), sent.end());
  std::mt19937 random(1);
  std::normal_distribution<double> noise(0, 20);
  for (int16_t& sample : returned)
    sample = static_cast<int16_t>(sample + noise(random));
  returned = throughCodec("pcmu", returned);
  OnsetDetector other(kRate);
  std::vector<Onset> back;
  for (size_t i = 0; i < returned.size(); i += 240)
    other.feed(std::span(returned).subspan(i, std::min<size_t>(240, returned.size() - i)), back);
  EXPECT_TRUE(back.size() == there.size());
  for (size_t i = 0; i < std::min(back.size(), there.size()); ++i) {
    EXPECT_TRUE(near(back[i].position - there[i].position, 123, 0.2));
    EXPECT_TRUE(back[i].pitch == there[i].pitch);
  }

  BurstTrain stranger(43, kRate);
  std::vector<int16_t> strange(sent.size());
  stranger.render(strange);
  EXPECT_TRUE(strange != sent);
  OnsetDetector quiet(kRate);
  back.clear();
  quiet.feed(tone(300, kRate, 8000, 3000), back);
  EXPECT_TRUE(back.empty());
}

TEST(Bench, Numbered) {
  std::vector<int16_t> sent;
  renderNumbered(16000, 1200, sent);
  EXPECT_TRUE(sent.size() == size_t{1200} * 320);
  std::vector<int16_t> narrow(777, 0);
  const auto resampled = resample(sent, 16000, 8000);
  narrow.insert(narrow.end(), resampled.begin(), resampled.end());
  narrow.insert(narrow.end(), 4000, 0);
  narrow = throughCodec("pcma", narrow);
  const NumberedResult good = checkNumbered(narrow, 8000, 1200);
  EXPECT_TRUE(good.found && good.frames == 1200 && good.wrong == 0);
  EXPECT_TRUE(near(good.seconds, 24, 0.005));

  std::vector<int16_t> cut = narrow;
  const auto from = cut.begin() + 777 + 80000;  // frame 500
  cut.erase(from, from + 160);
  const NumberedResult missing = checkNumbered(cut, 8000, 1200);
  EXPECT_TRUE(missing.frames == 500 && missing.firstWrong == 500 && missing.wrong > 600);
  EXPECT_TRUE(!checkNumbered(std::vector<int16_t>(8000, 0), 8000, 10).found);
}

TEST(Bench, ReceiveStatistics) {
  ReceiveStatistics statistics(8000);
  const Nanoseconds start = 1000 * kSecond;
  for (int i = 0; i < 100; ++i) {
    if (i == 40) continue;  // lost
    RtpHeader header;
    header.sequence = static_cast<uint16_t>(65500 + i);
    header.timestamp = static_cast<uint32_t>(4294967000u + 160u * static_cast<unsigned>(i));
    header.ssrc = 7;
    const Nanoseconds late = i == 70 ? 6 * kMillisecond : i == 71 ? 4 * kMillisecond : 0;
    EXPECT_TRUE(statistics.add(header, start + 20 * kMillisecond * i + late));
    if (i == 50) {
      EXPECT_TRUE(!statistics.add(header, start + 20 * kMillisecond * i));
    }
    header.ssrc = 8;
    if (i == 60) {
      EXPECT_TRUE(!statistics.add(header, start + 20 * kMillisecond * i));
    }
  }
  const auto all = statistics.result(160, start, start + 10 * kSecond);
  EXPECT_TRUE(all.received == 99 && all.lost == 1 && all.duplicates == 1 && all.foreignSsrc == 1);
  EXPECT_TRUE(all.late == 1 && all.lateSteady == 1 && near(all.worstLateMs, 6, 0.01) &&
              all.jumps == 0);
  EXPECT_TRUE(
      statistics.result(160, start + 1500 * kMillisecond, start + 10 * kSecond).lateSteady == 0);
  EXPECT_TRUE(statistics.result(80, start, start).jumps == 97);
  EXPECT_TRUE(all.lateOwn() == 1 && near(all.worstLateOwnMs, 6, 0.01));
  EXPECT_TRUE(all.movedLaterMs == 0 && all.movedEarlierMs == 0);

  // Packet 70 was due at 1400 ms and came at 1406.
  const auto during = [&](Nanoseconds from, Nanoseconds to, double busy = 0) {
    const Stalls stalls = merged({{start + 5 * kSecond, start + 6 * kSecond},
                                  {start + from * kMillisecond, start + to * kMillisecond}});
    return statistics.result(160, start, start + 10 * kSecond, Backlog(stalls, busy));
  };
  const auto excused = during(1390, 1402);
  EXPECT_TRUE(excused.lateSteady == 1 && excused.lateOwn() == 0 &&
              near(excused.worstLateMs, 6, 0.01) && near(excused.worstLateOwnMs, 4, 0.01));
  EXPECT_TRUE(during(1405, 1420).lateOwn() == 0);
  // Half a millisecond does not explain six.
  const auto partly = statistics.result(
      160, start, start + 10 * kSecond,
      Backlog({{start + 1400 * kMillisecond, start + 1400 * kMillisecond + kMillisecond / 2}}, 0));
  EXPECT_TRUE(partly.lateOwn() == 1 && near(partly.worstLateOwnMs, 5.5, 0.01));
  EXPECT_TRUE(during(1380, 1399).lateOwn() == 1);
  EXPECT_TRUE(during(1407, 1420).lateOwn() == 1);
  // A machine that is busy for half of its time has 9 of 19 ms to make up for at 1400.
  const auto behind = during(1380, 1399, 0.5);
  EXPECT_TRUE(behind.lateByMachine == 0 && behind.lateByBacklog == 1 && behind.lateOwn() == 0);
  EXPECT_TRUE(near(behind.worstBeyondStallsMs, 6, 0.01) && behind.worstLateOwnMs <= 5);
  // The machine is not to blame, but others had the cores for 4 ms from 1399 on.
  const auto others =
      statistics.result(160, start, start + 10 * kSecond, {},
                        Backlog({{start + 1399 * kMillisecond, start + 1403 * kMillisecond}}, 0));
  EXPECT_TRUE(others.lateByOthers == 1 && others.lateOwn() == 0);
  EXPECT_TRUE(near(others.worstBeyondBacklogMs, 6, 0.01) && others.worstLateOwnMs <= 5);
  const auto caughtUp = during(1340, 1370, 0.5);
  EXPECT_TRUE(caughtUp.lateOwn() == 1 && near(caughtUp.worstLateOwnMs, 6, 0.01));
}

TEST(Bench, ScheduleThatMoves) {
  // Five seconds as planned, five 20 ms later, five 8 ms earlier than at first.
  ReceiveStatistics statistics(8000);
  const Nanoseconds start = 1000 * kSecond;
  for (int i = 0; i < 750; ++i) {
    RtpHeader header;
    header.sequence = static_cast<uint16_t>(i);
    header.timestamp = 160u * static_cast<unsigned>(i);
    const Nanoseconds moved = (i < 250 ? 0 : i < 500 ? 20 : -8) * kMillisecond;
    EXPECT_TRUE(statistics.add(header, start + 20 * kMillisecond * i + moved));
  }
  const auto all = statistics.result(160, start, start + 20 * kSecond);
  // Until most of the last second tells otherwise.
  EXPECT_TRUE(all.lateSteady == 26 && near(all.worstLateMs, 20, 0.01));
  EXPECT_TRUE(near(all.movedLaterMs, 20, 0.01) && near(all.movedEarlierMs, 28, 0.01));
  const auto last = statistics.result(160, start + 12 * kSecond, start + 20 * kSecond);
  EXPECT_TRUE(last.lateSteady == 0 && last.movedLaterMs == 0 && last.movedEarlierMs == 0);
}

TEST(Bench, Backlog) {
  const Backlog backlog({{100, 110}, {112, 122}, {200, 210}}, 0.5);
  EXPECT_EQ(backlog.at(50), 0);
  EXPECT_EQ(backlog.at(100), 0);
  EXPECT_EQ(backlog.at(104), 8);
  EXPECT_EQ(backlog.at(110), 5);
  EXPECT_EQ(backlog.at(112), 4);
  EXPECT_EQ(backlog.at(122), 9);
  EXPECT_EQ(backlog.at(140), 0);
  EXPECT_EQ(backlog.at(150), 0);
  EXPECT_EQ(backlog.owed(50, 90), 0);
  EXPECT_EQ(backlog.owed(50, 105), 5);
  EXPECT_EQ(backlog.owed(104, 130), 8 + 10);
  EXPECT_EQ(Backlog({{100, 110}}, 0).at(111), 0);
  EXPECT_EQ(Backlog({{100, 110}}, 1).at(200), 10 - 5) << "never more than 95 % busy";
  EXPECT_EQ(Backlog().owed(0, 1000), 0);
}

TEST(Bench, Stalls) {
  const Stalls stalls = merged({{50, 60}, {10, 20}, {20, 30}, {52, 54}});
  EXPECT_TRUE(stalls.size() == 2 && stalls[0].from == 10 && stalls[0].to == 30 &&
              stalls[1].to == 60);
  EXPECT_TRUE(stillBetween(stalls, 0, 10) == 0 && stillBetween(stalls, 0, 15) == 5 &&
              stillBetween(stalls, 25, 26) == 1 && stillBetween(stalls, 25, 55) == 10 &&
              stillBetween(stalls, 0, 100) == 30 && stillBetween(stalls, 61, 99) == 0);
  StallWatch watch;
  watch.begin();
  watch.finish();
  for (const Stall& stall : watch.backlog().stalls())
    EXPECT_TRUE(stall.to > stall.from);
  if (watch.watched()) {
    EXPECT_GE(watch.backlog().busy(), 0);
    EXPECT_LE(watch.backlog().busy(), 1);
  }
}

bool runOnFirstCore(int priority) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(0, &cores);
  sched_param wanted{};
  wanted.sched_priority = priority;
  return sched_setscheduler(0, SCHED_RR, &wanted) == 0 &&
         sched_setaffinity(0, sizeof cores, &cores) == 0;
}

TEST(Bench, LoopsThatWait) {
  LoopWatch nobody;
  nobody.begin(0);
  nobody.finish();
  EXPECT_TRUE(nobody.loops() == 0 && nobody.waits().empty());

  // A loop that works, and another process that takes its core for 30 ms.
  enum { Starting, Working, NotAllowed, Ending };
  std::atomic<int> state{Starting};
  std::thread loop([&state] {
    const bool allowed = runOnFirstCore(kMediaLoop);
    state = allowed ? Working : NotAllowed;
    while (state == Working) {
    }
  });
  while (state == Starting)
    std::this_thread::yield();
  if (state == Working) {
    LoopWatch watch;
    watch.begin(getpid());
    EXPECT_EQ(watch.loops(), 1U);
    const pid_t other = fork();
    if (other == 0) {
      if (!runOnFirstCore(kOtherMachine)) _exit(1);
      const Nanoseconds until = now() + 30 * kMillisecond;
      while (now() < until) {
      }
      _exit(0);
    }
    int status = -1;
    EXPECT_EQ(waitpid(other, &status, 0), other);
    EXPECT_EQ(status, 0);
    watch.finish();
    EXPECT_GE(toMs(watch.waited()), 15);
    EXPECT_FALSE(watch.waits().empty());
  }
  state = Ending;
  loop.join();
}

TEST(Bench, Histogram) {
  Histogram histogram;
  for (int i = 1; i <= 1000; ++i)
    histogram.add(i / 10.0);
  const Summary summary = histogram.summary();
  EXPECT_TRUE(summary.count == 1000 && near(summary.p50, 50, 0.1) && near(summary.p99, 99, 0.1));
  EXPECT_TRUE(summary.max == 100 && histogram.above(90) == 101);
  histogram.add(1e9);
  EXPECT_TRUE(histogram.summary().max == 1e9 && Histogram().summary().count == 0);
}

TEST(Bench, EndpointReport) {
  EXPECT_TRUE(labelUri("ws://a/echo", "r1", 7) == "ws://a/echo?call=r1-7");
  EXPECT_TRUE(labelUri("ws://a/burst?seconds=3", "r1", 7) == "ws://a/burst?seconds=3&call=r1-7");
  const auto received = parseEndpointReport(
      "{\"target\":\"/echo?call=r1-0\",\"frames\":50,\"bytes\":32000,\"rate\":16000,\"texts\":1}\n"
      "{\"target\":\"/echo?call=r2-1\",\"frames\":50,\"bytes\":32000,\"rate\":16000,\"texts\":1}\n"
      "{\"target\":\"/echo?call=r1-12\",\"frames\":1,\"bytes\":320,\"rate\":8000,\"texts\":1}\nx",
      "r1");
  EXPECT_TRUE(received.size() == 2 && received.at(0) == 1000 && received.at(12) == 20);
  TimelineResult result;
  for (const double difference : {0.0, 20.0, -20.0, 40.0, -21.0})
    result.add(difference, 20);
  EXPECT_TRUE(result.exact == 3 && result.wrong == 2 && result.worstMs == 40);
}

TEST(Bench, FloorAudio) {
  const Codec& pcmu = *findCodec("pcmu");
  const auto sent = tone(500, 8000, 160, 8000);
  std::vector<uint8_t> payload;
  encode(pcmu, sent, payload);
  uint8_t wide[kFloorFrameBytes], narrow[kFloorFrameBytes];
  FloorUpward upward;
  EXPECT_TRUE(upward.convert(pcmu, payload, wide) == kFloorFrameBytes);
  EXPECT_TRUE(convertDownward(pcmu, {wide, kFloorFrameBytes}, narrow) == 160);
  std::vector<int16_t> back;
  decode(pcmu, {narrow, 160}, back);
  const Likeness likeness = compare(sent, back, 0, 0);
  EXPECT_TRUE(likeness.correlation > 0.98 && near(likeness.levelDb, 0, 1));
  EXPECT_TRUE(upward.convert(pcmu, std::vector<uint8_t>(161), wide) == 0);
  const std::vector<uint8_t> big{0x12, 0x34, 0x56, 0x78};
  EXPECT_TRUE(upward.convert(*findCodec("l16"), big, wide) == 4 && wide[0] == 0x34 &&
              wide[3] == 0x56);
}

}  // namespace
