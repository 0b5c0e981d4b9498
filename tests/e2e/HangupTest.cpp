// SPDX-License-Identifier: LGPL-2.1-or-later
// Hang-up from both sides at every stage, what the other side sees of it, and what the log says.
#include <set>

#include <gtest/gtest.h>

#include "Phone.hpp"
#include "RawEndpoint.hpp"
#include "SoupEndpoint.hpp"

namespace e2e {
namespace {

class HangUp : public ::testing::Test {
 protected:
  E2E_SHARED_GATEWAY((Gateway::Options{}));

  static LogRecord ended(const Phone& phone) {
    const auto record = gateway->waitEnd(phone.callId(), 10s);
    EXPECT_TRUE(record.has_value()) << "no call-end";
    return record.value_or(LogRecord{});
  }

  // The caller's BYE is an orderly close for the endpoint.
  static void expectNormalClose(const SoupEndpoint& endpoint, int id) {
    ASSERT_TRUE(endpoint.waitClosed(id, 5s));
    const auto record = endpoint.connection(id);
    EXPECT_EQ(record->closeCode, 1000U);
    EXPECT_FALSE(record->closeReason.empty()) << "the close says why";
    EXPECT_FALSE(record->error);
  }
};

TEST_F(HangUp, CancelWhileTheHandshakeIsUnanswered) {
  RawEndpoint endpoint(Misbehaviour::NeverAnswers);
  Phone phone(*gateway);
  phone.dial(endpoint.uri());
  ASSERT_TRUE(endpoint.waitConnections(1, 5s));
  phone.sip().cancel();
  const auto cancelled = phone.sip().waitResponse("CANCEL", 200, 299, 5s);
  EXPECT_TRUE(cancelled.has_value());
  EXPECT_EQ(phone.waitAnswer(5s), 487);
  EXPECT_TRUE(endpoint.waitServed(1, 5s)) << "the TCP connection is closed";
  const auto end = ended(phone);
  EXPECT_EQ(end["ended-by"], "caller");
  EXPECT_EQ(end["status"], "487");
}

TEST_F(HangUp, CancelRightBehindTheInvite) {
  SoupEndpoint endpoint;
  Phone phone(*gateway);
  phone.dial(endpoint.uri());
  phone.sip().waitResponse("INVITE", 100, 199, 500ms);
  phone.sip().cancel();
  const auto final = phone.sip().waitFinal(8s);
  ASSERT_TRUE(final.has_value());
  // The CANCEL may come too late: then the call is up and a BYE ends it.
  if (final->status == 200) {
    EXPECT_TRUE(phone.hangUp());
  } else {
    EXPECT_EQ(final->status, 487);
  }
  EXPECT_EQ(ended(phone)["ended-by"], "caller");
  if (endpoint.waitConnections(1, 300ms)) {
    EXPECT_TRUE(endpoint.waitClosed(1, 5s));
  }
}

TEST_F(HangUp, CancelDuringADelayedHandshake) {
  SoupEndpoint endpoint({.handshakeDelay = 500ms});
  Phone phone(*gateway);
  phone.dial(endpoint.uri());
  ASSERT_TRUE(endpoint.waitRequests(1, 5s));
  phone.sip().cancel();
  EXPECT_EQ(phone.waitAnswer(5s), 487);
  ended(phone);
  // The endpoint's late 101 meets nobody, or an end at once.
  if (endpoint.waitConnections(1, 1s)) {
    EXPECT_TRUE(endpoint.waitClosed(1, 5s));
  }
}

TEST_F(HangUp, CancelAfterTheAnswerChangesNothing) {
  SoupEndpoint endpoint;
  Phone phone(*gateway);
  ASSERT_EQ(phone.call(endpoint.uri()), 200);
  phone.sip().cancel();
  phone.sip().waitResponse("CANCEL", 200, 499, 2s);
  ASSERT_TRUE(phone.rtp().waitReceived(25, 5s)) << "RTP goes on";
  EXPECT_TRUE(phone.hangUp());
  expectNormalClose(endpoint, 1);
}

TEST_F(HangUp, ByeRightBehindTheAck) {
  SoupEndpoint endpoint;
  for (int i = 1; i <= 5; ++i) {
    Phone phone(*gateway);
    ASSERT_EQ(phone.call(endpoint.uri()), 200);
    EXPECT_TRUE(phone.hangUp());
    const auto end = ended(phone);
    EXPECT_EQ(end["ended-by"], "caller");
    EXPECT_EQ(end["status"], "200");
    expectNormalClose(endpoint, i);
  }
}

TEST_F(HangUp, ByeInTheMiddleOfABurst) {
  SoupEndpoint endpoint;
  Phone phone(*gateway, {.codecs = {"L16/16000"}});
  ASSERT_EQ(phone.call(endpoint.uri()), 200);
  ASSERT_TRUE(endpoint.waitTexts(1, 1, 5s));
  endpoint.sendBinary(1, toBytes(syllables(16000, 20)));
  ASSERT_TRUE(phone.rtp().waitReceived(50, 5s));
  const auto start = Clock::now();
  EXPECT_TRUE(phone.hangUp());
  expectNormalClose(endpoint, 1);
  EXPECT_LT(millisBetween(start, Clock::now()), 1000 * kTimeScale)
      << "the queue is not played to its end first";
  const auto end = ended(phone);
  EXPECT_GT(end.number("playout-high-ms"), 15000);
}

TEST_F(HangUp, ByeWhileThePhoneTalks) {
  SoupEndpoint endpoint({.echo = true});
  Phone phone(*gateway);
  ASSERT_EQ(phone.call(endpoint.uri()), 200);
  phone.rtp().play(syllables(8000, 5));
  ASSERT_TRUE(endpoint.waitBinaries(1, 50, 5s));
  EXPECT_TRUE(phone.hangUp());
  expectNormalClose(endpoint, 1);
  const auto end = ended(phone);
  EXPECT_GE(end.number("frames-sent"), 50);
  EXPECT_GE(end.number("rtp-received"), 50);
  EXPECT_GE(end.number("rtp-sent"), 40);
  EXPECT_GE(end.number("frames-played"), 30);
}

TEST_F(HangUp, EndpointThatNeverAnswersACloseDoesNotHoldTheCall) {
  RawEndpoint endpoint(Misbehaviour::NeverAnswersClose);
  Phone phone(*gateway);
  ASSERT_EQ(phone.call(endpoint.uri()), 200);
  const auto start = Clock::now();
  EXPECT_TRUE(phone.hangUp());
  EXPECT_LT(millisBetween(start, Clock::now()), 500 * kTimeScale)
      << "200 to BYE does not wait for the endpoint";
  EXPECT_TRUE(endpoint.waitServed(1, 10s)) << "the connection is dropped in the end";
}

TEST_F(HangUp, EndpointClosesBeforeAnyAudio) {
  for (const unsigned code : {1000U, 1001U, 1011U, 0U, 4000U}) {
    SoupEndpoint endpoint;
    Phone phone(*gateway);
    ASSERT_EQ(phone.call(endpoint.uri()), 200);
    ASSERT_TRUE(endpoint.waitTexts(1, 1, 5s));
    endpoint.close(1, code, "enough");
    const auto bye = phone.sip().waitRequest("BYE", 5s);
    ASSERT_TRUE(bye.has_value()) << code;
    EXPECT_FALSE(bye->header("Reason").empty()) << code;
    const auto end = ended(phone);
    EXPECT_EQ(end["ended-by"], "endpoint") << code;
    EXPECT_FALSE(end["reason"].empty());
  }
}

TEST_F(HangUp, EndpointClosesInTheMiddleOfTheCall) {
  SoupEndpoint endpoint({.echo = true});
  Phone phone(*gateway);
  ASSERT_EQ(phone.call(endpoint.uri()), 200);
  phone.rtp().play(syllables(8000, 5));
  ASSERT_TRUE(endpoint.waitBinaries(1, 50, 5s));
  endpoint.close(1, 1000, "done");
  EXPECT_TRUE(phone.sip().waitRequest("BYE", 5s).has_value());
  EXPECT_EQ(ended(phone)["ended-by"], "endpoint");
}

// What the endpoint said before it closed is heard to the end (websocket.on-close=drain).
TEST_F(HangUp, CloseBehindABurstPlaysTheBurst) {
  SoupEndpoint endpoint;
  Phone phone(*gateway, {.codecs = {"L16/16000"}});
  ASSERT_EQ(phone.call(endpoint.uri()), 200);
  ASSERT_TRUE(endpoint.waitTexts(1, 1, 5s));
  const Samples words = syllables(16000, 2);
  endpoint.sendBinary(1, toBytes(words));
  endpoint.close(1, 1000, "said it");
  const auto bye = phone.sip().waitRequest("BYE", 8s);
  ASSERT_TRUE(bye.has_value());
  EXPECT_GT(millisBetween(phone.sip().waitFinal(0ms)->at, bye->at), 1900);
  EXPECT_GT(findIn(slice(words, 1600, 28800), phone.rtp().decoded()).correlation, 0.999);
}

TEST_F(HangUp, OnCloseHangupDoesNotPlayTheRest) {
  Gateway brisk({.set = {{"websocket.on-close", "hangup"}}});
  SoupEndpoint endpoint;
  Phone phone(brisk, {.codecs = {"L16/16000"}});
  ASSERT_EQ(phone.call(endpoint.uri()), 200);
  ASSERT_TRUE(endpoint.waitTexts(1, 1, 5s));
  endpoint.sendBinary(1, toBytes(syllables(16000, 10)));
  endpoint.close(1, 1000, "gone");
  EXPECT_TRUE(phone.sip().waitRequest("BYE", 3s).has_value());
}

TEST_F(HangUp, BrokenConnectionsEndTheCall) {
  std::set<std::string> reasons;
  for (const auto kind :
       {Misbehaviour::ResetAfterHandshake, Misbehaviour::ResetInFrame,
        Misbehaviour::FinWithoutClose, Misbehaviour::InvalidUtf8, Misbehaviour::ReservedBits,
        Misbehaviour::UnknownOpcode, Misbehaviour::OversizedPing, Misbehaviour::FragmentedPing,
        Misbehaviour::CloseWithoutCode, Misbehaviour::CloseTooLongReason,
        Misbehaviour::CloseOneByte, Misbehaviour::CloseReservedCode}) {
    RawEndpoint endpoint(kind);
    Phone phone(*gateway);
    phone.dial(endpoint.uri());
    const int status = phone.waitAnswer(8s);
    // An endpoint that fails at once may do so before the call is answered.
    ASSERT_TRUE(status == 200 || status == 502) << static_cast<int>(kind) << ": " << status;
    if (status == 200) {
      const auto bye = phone.sip().waitRequest("BYE", 8s);
      ASSERT_TRUE(bye.has_value()) << static_cast<int>(kind);
      EXPECT_FALSE(bye->header("Reason").empty());
    }
    const auto end = ended(phone);
    EXPECT_EQ(end["ended-by"], "endpoint") << static_cast<int>(kind);
    reasons.insert(end["reason"]);
  }
  EXPECT_EQ(reasons.count(""), 0U);
}

// Endless fragments, masked frames and the like may be refused or played, but never hang or hoard.
TEST_F(HangUp, EndlessFragmentsAreBounded) {
  for (const auto kind :
       {Misbehaviour::EndlessTextFragments, Misbehaviour::EndlessBinaryFragments}) {
    const long before = gateway->process().usage().rssKb;
    RawEndpoint endpoint(kind);
    Phone phone(*gateway);
    phone.dial(endpoint.uri());
    const int status = phone.waitAnswer(8s);
    if (status == 200) {
      // Either the call is ended for it, or reading stops: in both cases memory stays small.
      phone.sip().waitRequest("BYE", 2s);
      if (!phone.sip().waitRequest("BYE", 0ms)) phone.hangUp();
    }
    ended(phone);
    EXPECT_LT(gateway->process().usage().rssKb - before, 64 * 1024) << static_cast<int>(kind);
  }
}

TEST_F(HangUp, EndpointThatNeverReadsDoesNotHarmTheCall) {
  RawEndpoint endpoint(Misbehaviour::NeverReads);
  Phone phone(*gateway, {.codecs = {"L16/16000"}});
  ASSERT_EQ(phone.call(endpoint.uri()), 200);
  phone.rtp().play(syllables(16000, 3));
  ASSERT_TRUE(phone.rtp().waitPlayed(8s));
  ASSERT_TRUE(phone.rtp().waitReceived(140, 3s)) << "the other direction goes on";
  const auto start = Clock::now();
  EXPECT_TRUE(phone.hangUp());
  EXPECT_LT(millisBetween(start, Clock::now()), 1000 * kTimeScale);
  ended(phone);
}

TEST_F(HangUp, PingsOnlyAndOneByteWritesAreFine) {
  RawEndpoint pings(Misbehaviour::PingsOnly);
  Phone first(*gateway);
  ASSERT_EQ(first.call(pings.uri()), 200);
  EXPECT_TRUE(first.rtp().waitReceived(50, 5s));
  EXPECT_TRUE(first.hangUp());

  RawEndpoint drip(Misbehaviour::OneByteAtATime);
  Phone second(*gateway, {.codecs = {"L16/16000"}});
  ASSERT_EQ(second.call(drip.uri()), 200);
  ASSERT_TRUE(second.rtp().waitReceived(90, 8s));
  EXPECT_GT(findIn(sine(16000, 440, 0.8, 8000), second.rtp().decoded()).correlation, 0.99);
  EXPECT_TRUE(second.hangUp());

  RawEndpoint early(Misbehaviour::FirstFramesWithHandshake);
  Phone third(*gateway, {.codecs = {"L16/16000"}});
  ASSERT_EQ(third.call(early.uri()), 200);
  ASSERT_TRUE(third.rtp().waitReceived(40, 8s));
  EXPECT_GT(findIn(sine(16000, 440, 0.15, 8000), third.rtp().decoded()).correlation, 0.9)
      << "audio in the same segment as the 101 is not lost";
  EXPECT_TRUE(third.hangUp());
}

TEST_F(HangUp, EndpointThatAnswersNoPingIsGivenUp) {
  Gateway watchful({.set = {{"websocket.ping-interval", "1"}, {"websocket.pong-timeout", "1"}}});
  RawEndpoint endpoint(Misbehaviour::NeverAnswersPings);
  Phone phone(watchful);
  ASSERT_EQ(phone.call(endpoint.uri()), 200);
  EXPECT_TRUE(phone.sip().waitRequest("BYE", 6s).has_value());
  const auto end = watchful.waitEnd(phone.callId());
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ((*end)["ended-by"], "endpoint");
}

// Glare: both sides hang up at the same moment; nobody is left hanging.
TEST_F(HangUp, BothSidesAtOnce) {
  for (int i = 0; i < 10; ++i) {
    SoupEndpoint endpoint;
    Phone phone(*gateway);
    ASSERT_EQ(phone.call(endpoint.uri()), 200);
    ASSERT_TRUE(endpoint.waitTexts(1, 1, 5s));
    endpoint.close(1, 1000, "same moment");
    const auto answer = phone.sip().bye(5s);
    ASSERT_TRUE(answer.has_value());
    EXPECT_TRUE(answer->status == 200 || answer->status == 481 || answer->status == 487)
        << answer->status;
    ended(phone);
    EXPECT_TRUE(endpoint.waitClosed(1, 5s));
  }
}

}  // namespace
}  // namespace e2e
