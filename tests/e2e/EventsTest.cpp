// SPDX-License-Identifier: LGPL-2.1-or-later
// What the endpoint is told of the call without having asked: why it ends, and that the caller's
// RTP has stopped.
#include <csignal>

#include <gtest/gtest.h>

#include "Phone.hpp"
#include "SoupEndpoint.hpp"

namespace e2e {
namespace {

const std::string kTimeout = R"({"event":"websocket:media:timeout"})";
const std::string kResumed = R"({"event":"websocket:media:resumed"})";

std::string ended(const std::string& reason) {
  return R"({"event":"websocket:disconnected","reason":")" + reason + "\"}";
}

// One call of a gateway of its own, with an endpoint that speaks `vonage`.
class Events : public ::testing::Test {
 protected:
  void call(std::map<std::string, std::string> set, const std::string& dialect = "vonage") {
    gateway_ = std::make_unique<Gateway>(Gateway::Options{.set = set});
    phone_ = std::make_unique<Phone>(*gateway_);
    ASSERT_EQ(phone_->call(endpoint_.uri(), {{kDialectHeader, dialect}}), 200);
    ASSERT_TRUE(endpoint_.waitTexts(1, 1, 5s));
  }
  // The last thing before the close frame.
  void expectEnd(const std::string& reason, unsigned code) {
    ASSERT_TRUE(endpoint_.waitClosed(1, 8s));
    const auto record = *endpoint_.connection(1);
    EXPECT_TRUE(record.messages.back().text);
    EXPECT_EQ(record.messages.back().data, ended(reason));
    EXPECT_EQ(record.closeCode, code);
    const auto end = gateway_->waitEnd(phone_->callId());
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ((*end)["reason"], reason);
  }
  std::vector<std::string> told() const {
    auto texts = endpoint_.connection(1)->texts();
    texts.erase(texts.begin());
    return texts;
  }

  SoupEndpoint endpoint_;
  std::unique_ptr<Gateway> gateway_;
  std::unique_ptr<Phone> phone_;
};

TEST_F(Events, TheCallersHangUp) {
  call({});
  phone_->rtp().play(sine(8000, 500, 0.2, 8000));
  ASSERT_TRUE(endpoint_.waitBinaries(1, 5, 5s));
  EXPECT_TRUE(phone_->hangUp());
  expectEnd("caller-hangup", 1000);
}

TEST_F(Events, TheEndpointsOwnWish) {
  call({});
  endpoint_.sendText(1, R"({"action":"hangup"})");
  expectEnd("endpoint-hangup", 1000);
}

TEST_F(Events, TheLongestDuration) {
  call({{"limits.max-call-duration", "1"}});
  expectEnd("max-duration", 1000);
}

TEST_F(Events, TheEndOfADrain) {
  call({{"limits.drain-time", "0"}});
  gateway_->process().signal(SIGTERM);
  expectEnd("shutdown", 1001);
  EXPECT_TRUE(gateway_->process().waitExit(10s).has_value());
}

TEST_F(Events, AnEndpointThatKnowsKeysOnlyIsNotTold) {
  call({{"limits.media-warning", "1"}}, "wsbridge");
  phone_->rtp().playDtmf('5', 100);
  ASSERT_TRUE(endpoint_.waitTexts(1, 2, 5s));
  EXPECT_TRUE(phone_->rtp().waitReceived(phone_->rtp().received() + 80, 5s));
  EXPECT_TRUE(phone_->hangUp());
  ASSERT_TRUE(endpoint_.waitClosed(1, 5s));
  EXPECT_EQ(told().size(), 1U) << "the key";
}

TEST_F(Events, MissingRtpIsToldBeforeItEndsTheCall) {
  call({{"limits.media-warning", "1"}, {"limits.media-timeout", "3"}});
  phone_->rtp().play(sine(8000, 500, 0.3, 8000));
  ASSERT_TRUE(endpoint_.waitTexts(1, 2, 5s));
  EXPECT_EQ(told(), std::vector{kTimeout});
  const auto record = *endpoint_.connection(1);
  EXPECT_NEAR(millisBetween(record.binaries().back().at, record.messages.back().at), 1000,
              500 * kTimeScale);
  phone_->rtp().play(sine(8000, 500, 0.3, 8000));
  ASSERT_TRUE(endpoint_.waitTexts(1, 3, 5s));
  EXPECT_EQ(told(), (std::vector{kTimeout, kResumed}));
  ASSERT_TRUE(endpoint_.waitTexts(1, 4, 5s));
  expectEnd("media-timeout", 1000);
  EXPECT_EQ(told(), (std::vector{kTimeout, kResumed, kTimeout, ended("media-timeout")}));
}

// A caller on hold sends nothing, and has the whole time again when it comes back.
class Holds : public Events, public ::testing::WithParamInterface<const char*> {};

TEST_P(Holds, AHoldIsNoTimeout) {
  call({{"limits.media-warning", "1"}, {"limits.media-timeout", "2"}});
  const auto held = phone_->sip().reInvite(
      makeSdp(phone_->rtp().port(), {"PCMU", "telephone-event"}, 20, GetParam()));
  ASSERT_TRUE(held.has_value() && held->status == 200);
  EXPECT_FALSE(endpoint_.waitTexts(1, 3, 3s)) << "more than the hold is told";
  ASSERT_FALSE(phone_->sip().waitRequest("BYE", 0ms).has_value());
  const auto back = phone_->sip().reInvite(phone_->offer());
  ASSERT_TRUE(back.has_value() && back->status == 200);
  phone_->rtp().play(sine(8000, 500, 0.8, 8000));
  ASSERT_TRUE(endpoint_.waitBinaries(1, 35, 5s));
  EXPECT_EQ(told(), (std::vector<std::string>{R"({"event":"websocket:hold"})",
                                              R"({"event":"websocket:resume"})"}));
  EXPECT_TRUE(phone_->hangUp());
}

INSTANTIATE_TEST_SUITE_P(Directions, Holds, ::testing::Values("inactive", "sendonly"));

}  // namespace
}  // namespace e2e
