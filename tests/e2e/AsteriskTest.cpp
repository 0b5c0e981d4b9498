// SPDX-License-Identifier: LGPL-2.1-or-later
// What only chan_websocket has, in both of its forms.
#include <memory>

#include <gtest/gtest.h>

#include "Conversation.hpp"

namespace e2e {
namespace {

class Asterisk : public ::testing::TestWithParam<bool> {
 protected:
  E2E_SHARED_GATEWAY((Gateway::Options{}));

  void SetUp() override {
    call_ = std::make_unique<Conversation>(*gateway, asterisk::talk(GetParam()));
    ASSERT_TRUE(call_->begin());
    wanted_ = asterisk::talk(GetParam()).opening;
  }
  void order(const std::string& name, const std::string& id = {}) {
    call_->send(asterisk::command(GetParam(), name, id));
  }
  void want(const std::string& text) { wanted_.push_back(text); }
  [[nodiscard]] bool waitWanted(Millis limit = 5s) {
    return call_->waitControls(wanted_.size(), limit);
  }

  std::unique_ptr<Conversation> call_;
  std::vector<std::string> wanted_;
};

// The command that ends the pause is behind the audio: it has to be read.
TEST_P(Asterisk, APauseThatFillsTheQueueCanBeEnded) {
  order("PAUSE_MEDIA");
  call_->playTone(700, 90);
  order("FLUSH_MEDIA");
  order("CONTINUE_MEDIA");
  order("MARK_MEDIA", "m");
  const auto answered = [this] {
    const auto controls = call_->controls();
    return !controls.empty() &&
           controls.back().data.find("MEDIA_MARK_PROCESSED") != std::string::npos;
  };
  ASSERT_TRUE(eventually(answered, 10s));
  const size_t from = call_->packets();
  call_->playTone(1300, 0.6);
  ASSERT_TRUE(call_->waitPackets(40));
  expectTone(call_->heard(from), call_->phone().rtp().rate(), 1300, 0.6);
}

TEST_P(Asterisk, PauseContinueStatusAndDrained) {
  const bool plain = GetParam();
  const size_t from = call_->packets();
  order("PAUSE_MEDIA");
  call_->playTone(700, 0.6);
  order("MARK_MEDIA", "m");
  order("REPORT_QUEUE_DRAINED");
  order("GET_STATUS");
  want(asterisk::status(plain, 30, false, true));
  ASSERT_TRUE(waitWanted());
  ASSERT_TRUE(call_->waitPackets(20));
  EXPECT_TRUE(call_->heard(from).empty()) << "played in a pause";
  EXPECT_EQ(call_->controls().size(), wanted_.size()) << "answered in a pause";
  order("CONTINUE_MEDIA");
  want(asterisk::processed(plain, "MEDIA_MARK_PROCESSED", "m"));
  want(asterisk::event(plain, "QUEUE_DRAINED"));
  ASSERT_TRUE(waitWanted());
  ASSERT_TRUE(call_->waitPackets(5));
  expectTone(call_->heard(from), call_->phone().rtp().rate(), 700, 0.6);
  order("GET_STATUS");
  want(asterisk::status(plain, 0, false, false));
  order("MARK_MEDIA");
  want(asterisk::processed(plain, "MEDIA_MARK_PROCESSED", ""));
  ASSERT_TRUE(waitWanted());
  order("HANGUP");
  EXPECT_TRUE(call_->phone().sip().waitRequest("BYE", 5s).has_value());
  call_->expectTranscript(wanted_);
}

TEST_P(Asterisk, BufferingEndsWithItsAudioAndNotWithAFlush) {
  const bool plain = GetParam();
  order("START_MEDIA_BUFFERING");
  order("GET_STATUS");
  want(asterisk::status(plain, 0, true, false));
  call_->playTone(700, 0.3);
  order("STOP_MEDIA_BUFFERING", "b 1");
  want(asterisk::processed(plain, "MEDIA_BUFFERING_COMPLETED", "b 1"));
  const size_t from = call_->packets();
  ASSERT_TRUE(waitWanted());
  EXPECT_GE(millisBetween(call_->firstHeard(from), call_->controls().back().at), 250);
  order("START_MEDIA_BUFFERING");
  order("PAUSE_MEDIA");
  call_->playTone(700, 5);
  order("MARK_MEDIA", "m");
  order("STOP_MEDIA_BUFFERING", "b2");
  order("START_MEDIA_BUFFERING");
  order("FLUSH_MEDIA");
  want(asterisk::processed(plain, "MEDIA_MARK_PROCESSED", "m"));
  order("GET_STATUS");
  want(asterisk::status(plain, 0, false, false));
  ASSERT_TRUE(waitWanted());
  call_->expectNormalEnd();
  call_->expectTranscript(wanted_);
}

// Nothing is queued: there is nothing that the mark could wait for.
TEST_P(Asterisk, MarkOfAnEmptyQueueSurvivesAPause) {
  order("PAUSE_MEDIA");
  order("MARK_MEDIA", "m");
  order("CONTINUE_MEDIA");
  want(asterisk::processed(GetParam(), "MEDIA_MARK_PROCESSED", "m"));
  EXPECT_TRUE(waitWanted(2s)) << "the mark is not answered";
  call_->expectTranscript(wanted_);
}

// What cannot be used is told; what nobody knows is left to the application.
TEST_P(Asterisk, CommandsThatCannotBeUsedAreErrors) {
  const bool plain = GetParam();
  const auto error = [plain](const std::string& text) {
    return plain ? "ERROR channel_id:<channel> error_text:" + text
                 : R"({"event":"ERROR","channel_id":"<channel>","error_text":")" + text + "\"}";
  };
  const auto direction = [&](const std::string& word) {
    call_->send(plain ? "SET_MEDIA_DIRECTION " + word
                      : R"({"command":"SET_MEDIA_DIRECTION","direction":")" + word + "\"}");
  };
  order("DANCE");
  order("SET_MEDIA_DIRECTION");
  want(error("SET_MEDIA_DIRECTION needs a direction: both, in or out"));
  direction("sideways");
  want(error("SET_MEDIA_DIRECTION needs a direction: both, in or out"));
  direction("in");
  order("MARK_MEDIA", "m");
  want(error("MARK_MEDIA while the media direction is in"));
  direction("both");
  order("MARK_MEDIA", "m");
  want(asterisk::processed(plain, "MEDIA_MARK_PROCESSED", "m"));
  ASSERT_TRUE(waitWanted());
  call_->expectNormalEnd();
  call_->expectTranscript(wanted_);
  const auto end = gateway->waitEnd(call_->phone().callId()).value_or(LogRecord{});
  EXPECT_EQ(end["ignored"], "4");
}

INSTANTIATE_TEST_SUITE_P(Forms, Asterisk, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "Plain" : "Json"; });

}  // namespace
}  // namespace e2e
