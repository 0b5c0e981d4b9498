// SPDX-License-Identifier: LGPL-2.1-or-later
#include <array>
#include <vector>

#include <gtest/gtest.h>

#include "sip/dialog/DtmfRelay.hpp"
#include "sip/dialog/TelephoneEvent.hpp"

namespace launcher {

namespace {

struct Receiver {
  TelephoneEvent event{8000};
  std::vector<Digit> digits;
  std::uint64_t now = 0;

  void packet(int code, std::uint32_t timestamp, unsigned duration, bool end, bool marker = false) {
    send(++sequence, code, timestamp, duration, end, marker);
  }
  void send(std::uint16_t number, int code, std::uint32_t timestamp, unsigned duration, bool end,
            bool marker) {
    const std::array<std::uint8_t, 4> payload = {
        static_cast<std::uint8_t>(code), static_cast<std::uint8_t>((end ? 0x80 : 0) | 10),
        static_cast<std::uint8_t>(duration >> 8), static_cast<std::uint8_t>(duration)};
    const auto result = event.packet({marker, 101, number, timestamp, ssrc}, payload, now);
    if (result.earlier) digits.push_back(*result.earlier);
    if (result.finished) digits.push_back(*result.finished);
    now += 20;
  }

  std::uint16_t sequence = 0xfffe;
  std::uint32_t ssrc = 1;
};

}  // namespace

TEST(TelephoneEvent, RepeatedEndPacketsCountOnce) {
  Receiver r;
  r.packet(5, 1000, 160, false, true);
  r.packet(5, 1000, 320, false);
  for (int i = 0; i < 3; ++i)
    r.packet(5, 1000, 800, true);
  EXPECT_EQ(r.digits, (std::vector<Digit>{{'5', 100}}));
}

TEST(TelephoneEvent, TheSameKeyTwiceIsTwoKeys) {
  Receiver r;
  for (const std::uint32_t ts : {1000u, 3000u}) {
    r.packet(11, ts, 160, false, true);
    r.packet(11, ts, 400, true);
    r.packet(11, ts, 400, true);
  }
  EXPECT_EQ(r.digits, (std::vector<Digit>{{'#', 50}, {'#', 50}}));
}

TEST(TelephoneEvent, LostEndsComeOutWithTheNextKeyOrAfterSilence) {
  Receiver r;
  r.packet(1, 1000, 160, false, true);
  r.packet(1, 1000, 480, false);
  r.packet(2, 3000, 160, false, true);
  EXPECT_EQ(r.digits, (std::vector<Digit>{{'1', 60}}));
  EXPECT_FALSE(r.event.expire(r.now));
  EXPECT_EQ(r.event.expire(r.now + TelephoneEvent::kSilenceMs), (Digit{'2', 20}));
  EXPECT_FALSE(r.event.expire(r.now + 1000));
  r.packet(2, 3000, 800, true);
  EXPECT_EQ(r.digits.size(), 1u) << "an end packet after the time-out is late";
}

TEST(TelephoneEvent, OnlyTheEndArrives) {
  Receiver r;
  r.packet(10, 500, 1600, true);
  EXPECT_EQ(r.digits, (std::vector<Digit>{{'*', 200}}));
}

TEST(TelephoneEvent, LateAndForeignPacketsDoNoHarm) {
  Receiver r;
  r.packet(3, 5000, 160, true);
  r.send(static_cast<std::uint16_t>(r.sequence - 1), 4, 1000, 160, true, true);
  r.packet(16, 9000, 160, true);
  const std::array<std::uint8_t, 3> tooShort = {3, 0x80, 0};
  EXPECT_FALSE(r.event.packet({true, 101, 9, 9999, 1}, tooShort, 0).finished);
  EXPECT_EQ(r.digits, (std::vector<Digit>{{'3', 20}}));
}

/// As most senders do: a packet each 20 ms, the end three times.
void press(Receiver& r, int code, std::uint32_t timestamp, unsigned step = 0, bool growing = true) {
  for (unsigned i = 1; i <= 5; ++i)
    r.packet(code, timestamp + (i - 1) * step, growing ? i * 160 : 160, false, i == 1);
  for (unsigned i = 5; i <= 7; ++i)
    r.packet(code, timestamp + i * step, growing ? 960 : 160, true);
}

TEST(TelephoneEvent, AClockThatBeginsAnewLosesNoDigit) {
  Receiver r;
  press(r, 1, 0xf0000000u);
  press(r, 2, 1000);  // behind, and in the same SSRC
  press(r, 3, 0x90000000u);
  r.ssrc = 2;
  press(r, 4, 500);
  r.ssrc = 3;
  press(r, 4, 500);  // the same time stamp in another SSRC
  EXPECT_EQ(r.digits,
            (std::vector<Digit>{{'1', 120}, {'2', 120}, {'3', 120}, {'4', 120}, {'4', 120}}));
}

TEST(TelephoneEvent, NumbersThatBeginAnewLoseNoDigit) {
  for (const int back : {60, 1000, 30000}) {
    Receiver r;
    r.sequence = 40000;
    press(r, 1, 1000);
    r.sequence = static_cast<std::uint16_t>(r.sequence - back);
    press(r, 1, 9000);
    EXPECT_EQ(r.digits, (std::vector<Digit>{{'1', 120}, {'1', 120}})) << back;
  }
}

TEST(TelephoneEvent, AnotherSsrcEndsTheDigitThatIsDown) {
  Receiver r;
  r.packet(7, 1000, 160, false, true);
  r.ssrc = 2;
  r.packet(8, 1000, 160, true, true);
  EXPECT_EQ(r.digits, (std::vector<Digit>{{'7', 20}, {'8', 20}}));
}

TEST(TelephoneEvent, SeveralDigitsUnderOneTimeStamp) {
  Receiver r;
  press(r, 1, 4000);
  press(r, 2, 4000);
  press(r, 2, 4000);
  press(r, 3, 4000);
  EXPECT_EQ(r.digits, (std::vector<Digit>{{'1', 120}, {'2', 120}, {'2', 120}, {'3', 120}}));
}

TEST(TelephoneEvent, ATimeStampOfItsOwnInEachPacketIsOneDigit) {
  for (const bool growing : {true, false}) {
    Receiver r;
    press(r, 5, 1000, 160, growing);
    press(r, 5, 8000, 160, growing);
    ASSERT_EQ(r.digits.size(), 2U) << growing;
    for (const Digit& digit : r.digits) {
      EXPECT_EQ(digit.key, '5');
      EXPECT_NEAR(digit.duration, 110, 10) << growing;
    }
  }
}

TEST(TelephoneEvent, TimestampsMayWrap) {
  Receiver r;
  r.packet(1, 0xffffff00u, 160, true, true);
  r.packet(2, 0x00000100u, 160, true, true);
  EXPECT_EQ(r.digits.size(), 2u);
}

TEST(TelephoneEvent, AKeyHeldLongerThanTheFieldCountsIsOneKey) {
  Receiver r;
  r.packet(7, 1000, 160, false, true);
  r.packet(7, 1000, 0xffff, false);
  r.packet(7, 1000 + 0xffff, 160, false);
  r.packet(7, 1000 + 0xffff, 8000, true);
  EXPECT_EQ(r.digits, (std::vector<Digit>{{'7', (0xffff + 8000) / 8}}));
}

TEST(DtmfRelay, Bodies) {
  EXPECT_EQ(parseDtmfBody("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n"),
            (Digit{'5', 160}));
  EXPECT_EQ(parseDtmfBody("Application/DTMF-Relay; x=y", "signal = #\nduration = 90"),
            (Digit{'#', 90}));
  EXPECT_EQ(parseDtmfBody("application/dtmf-relay", "Signal=10"), (Digit{'*', 250}));
  EXPECT_EQ(parseDtmfBody("application/dtmf", "d"), (Digit{'D', 250}));
  EXPECT_FALSE(parseDtmfBody("application/dtmf-relay", "Duration=100"));
  EXPECT_FALSE(parseDtmfBody("application/dtmf-relay", "Signal=x"));
  EXPECT_FALSE(parseDtmfBody("application/dtmf", ""));
  EXPECT_TRUE(isDtmfType("application/dtmf"));
  EXPECT_FALSE(isDtmfType("text/plain"));
}

}  // namespace launcher
