// SPDX-License-Identifier: LGPL-2.1-or-later
// {"action":"transfer"}: REFER, and what comes of it is told.
#include <gtest/gtest.h>

#include "Phone.hpp"
#include "SoupEndpoint.hpp"

namespace e2e {
namespace {

std::string told(int status, const std::string& reason = {}) {
  return R"({"event":"websocket:transfer","status":)" + std::to_string(status) +
         (reason.empty() ? "}" : R"(,"reason":")" + reason + "\"}");
}

class Transfer : public ::testing::Test {
 protected:
  void call(std::map<std::string, std::string> set = {}) {
    gateway_ = std::make_unique<Gateway>(Gateway::Options{.set = set});
    phone_ = std::make_unique<Phone>(*gateway_);
    ASSERT_EQ(phone_->call(endpoint_.uri()), 200);
    ASSERT_TRUE(endpoint_.waitTexts(1, 1, 5s));
  }
  void transfer(const std::string& uri) {
    endpoint_.sendText(1, R"({"action":"transfer","uri":")" + uri + "\"}");
  }
  // The REFER of that number, from 1.
  bool waitRefer(size_t number) {
    return eventually([&] { return phone_->sip().requests("REFER").size() == number; }, 5s);
  }
  void notify(const std::string& fragment, const std::string& state,
              const std::string& event = "refer") {
    const auto answer = phone_->sip().request(
        "NOTIFY", {{"Event", event}, {"Subscription-State", state}}, fragment, "message/sipfrag");
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->status, 200);
  }
  // That the endpoint is told so next.
  void expectTold(const std::string& text) {
    ++told_;
    ASSERT_TRUE(endpoint_.waitTexts(1, told_, 5s)) << text;
    EXPECT_EQ(endpoint_.connection(1)->texts()[told_ - 1], text);
  }
  void expectTheCallGoesOn() {
    EXPECT_TRUE(phone_->rtp().waitReceived(phone_->rtp().received() + 25, 5s));
  }

  SoupEndpoint endpoint_;
  std::unique_ptr<Gateway> gateway_;
  std::unique_ptr<Phone> phone_;
  size_t told_ = 1;  // the first message
};

TEST_F(Transfer, ItsOutcomeIsTold) {
  call();
  transfer("http://example.org");
  expectTold(told(400, "uri is no sip:, sips: or tel: URI"));

  transfer("sip:busy@example.org");
  const auto refer = phone_->sip().waitRequest("REFER", 5s);
  ASSERT_TRUE(refer.has_value());
  EXPECT_EQ(refer->header("Refer-To"), "<sip:busy@example.org>");
  transfer("sip:other@example.org");
  expectTold(told(491, "a transfer is going on"));
  notify("SIP/2.0 100 Trying\r\n", "active;expires=60");
  notify("SIP/2.0 486 Busy Here\r\n", "terminated;reason=noresource");
  expectTold(told(486, "Busy Here"));
  expectTheCallGoesOn();

  transfer("sip:desk@example.org");
  ASSERT_TRUE(waitRefer(2));
  notify("SIP/2.0 200 OK\r\n", "terminated;reason=noresource");
  EXPECT_TRUE(phone_->sip().waitRequest("BYE", 5s).has_value());
  ASSERT_TRUE(endpoint_.waitClosed(1, 5s));
  expectTold(told(200));
  expectTold(R"({"event":"websocket:end","reason":"transferred"})");
  const auto end = gateway_->waitEnd(phone_->callId());
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ((*end)["reason"], "transferred");
}

TEST_F(Transfer, ARefusalIsTold) {
  call();
  phone_->sip().answerWith("REFER", 603, "Decline");
  transfer("tel:+4930123");
  expectTold(told(603, "Decline"));
  EXPECT_TRUE(phone_->hangUp());
}

TEST_F(Transfer, HangingUpInTheMiddleOfItAndOfAKeyEndsTheCall) {
  call();
  endpoint_.sendText(1, R"({"action":"dtmf","digits":"12","duration":6000})");
  transfer("sip:desk@example.org");
  ASSERT_TRUE(phone_->sip().waitRequest("REFER", 5s).has_value());
  EXPECT_TRUE(phone_->hangUp());
  const auto end = gateway_->waitEnd(phone_->callId());
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ((*end)["reason"], "caller-hangup");
  EXPECT_TRUE(endpoint_.waitClosed(1, 5s));
}

TEST_F(Transfer, CanBeForbidden) {
  call({{"sip.transfer", "forbid"}});
  transfer("sip:desk@example.org");
  expectTold(told(403, "transfer there is not allowed"));
  EXPECT_TRUE(phone_->sip().requests("REFER").empty());
  EXPECT_TRUE(phone_->hangUp());
}

TEST_F(Transfer, CanBeLimitedToHosts) {
  call({{"sip.transfer-allow", "*.example.org;tel:"}});
  for (const char* uri : {"sip:desk@example.com", "sip:a@example.com;x=@pbx.example.org",
                          "sip:pbx.example.org@example.com"}) {
    transfer(uri);
    expectTold(told(403, "transfer there is not allowed"));
  }
  phone_->sip().answerWith("REFER", 603, "Decline");
  for (const char* uri : {"sip:desk@pbx.Example.org:5070", "tel:+4930123"}) {
    transfer(uri);
    expectTold(told(603, "Decline"));
  }
  EXPECT_EQ(phone_->sip().requests("REFER").size(), 2U);
  EXPECT_TRUE(phone_->hangUp());
}

// Accepted, and then nothing: the next one is possible, and what is said late of the first one is
// not taken for it.
TEST_F(Transfer, WhoTellsNothingOfItIsNotWaitedForForEver) {
  call({{"sip.transfer-timeout", "1"}});
  phone_->sip().answerWith("REFER", 202, "Accepted");
  transfer("sip:lost@example.org");
  ASSERT_TRUE(waitRefer(1));
  expectTold(told(408, "the caller does not tell what came of it"));
  expectTheCallGoesOn();

  transfer("sip:slow@example.org");
  ASSERT_TRUE(waitRefer(2));
  const auto cseqOf = [&](size_t number) {
    const std::string cseq = phone_->sip().requests("REFER")[number].header("CSeq");
    return cseq.substr(0, cseq.find(' '));
  };
  notify("SIP/2.0 200 OK\r\n", "terminated;reason=noresource", "refer;id=" + cseqOf(0));
  // A report that is to come keeps it going.
  notify("SIP/2.0 100 Trying\r\n", "active;expires=60", "refer;id=" + cseqOf(1));
  EXPECT_FALSE(endpoint_.waitTexts(1, told_ + 1, 2s)) << endpoint_.connection(1)->texts().back();
  notify("SIP/2.0 503 Service Unavailable\r\n", "terminated;reason=noresource",
         "refer;id=" + cseqOf(1));
  expectTold(told(503, "Service Unavailable"));
  EXPECT_TRUE(phone_->hangUp());
}

TEST_F(Transfer, AReportThatEndsWithoutAnOutcomeIsTold) {
  call();
  transfer("sip:desk@example.org");
  ASSERT_TRUE(waitRefer(1));
  notify("SIP/2.0 100 Trying\r\n", "active;expires=60");
  notify("SIP/2.0 180 Ringing\r\n", "terminated;reason=giveup");
  expectTold(told(480, "the caller has ended its report without an outcome"));
  transfer("sip:desk@example.org");
  EXPECT_TRUE(waitRefer(2)) << "another one is possible";
  EXPECT_TRUE(phone_->hangUp());
}

}  // namespace
}  // namespace e2e
