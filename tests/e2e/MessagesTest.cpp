// SPDX-License-Identifier: LGPL-2.1-or-later
// Texts between the caller's side and the endpoint, past the audio: MESSAGE and INFO within the
// dialog.
#include <gtest/gtest.h>

#include "Phone.hpp"
#include "SoupEndpoint.hpp"

namespace e2e {
namespace {

std::string sent(int status, const std::string& reason = {}) {
  return R"({"event":"websocket:message:sent","status":)" + std::to_string(status) +
         (reason.empty() ? "}" : R"(,"reason":")" + reason + "\"}");
}

class Messages : public ::testing::Test {
 protected:
  void call(const std::string& dialect = "vonage", std::map<std::string, std::string> set = {}) {
    gateway_ = std::make_unique<Gateway>(Gateway::Options{.set = set});
    phone_ = std::make_unique<Phone>(*gateway_);
    ASSERT_EQ(phone_->call(endpoint_.uri(), {{kDialectHeader, dialect}}), 200);
    ASSERT_TRUE(endpoint_.waitTexts(1, 1, 5s));
  }
  // The caller's message and its answer.
  SipMessage say(const std::string& method, const std::string& body, const std::string& type) {
    return phone_->sip().request(method, {}, body, type).value_or(SipMessage{});
  }
  // As the endpoint.
  void order(const std::string& members) {
    endpoint_.sendText(1, R"({"action":"message",)" + members + "}");
  }
  void expectTold(const std::string& text) {
    ++told_;
    ASSERT_TRUE(endpoint_.waitTexts(1, told_, 5s)) << text;
    EXPECT_EQ(endpoint_.connection(1)->texts()[told_ - 1], text);
  }
  // What the caller got by that method; fails the test when there are fewer.
  SipMessage got(const std::string& method, size_t number) {
    const bool come =
        eventually([&] { return phone_->sip().requests(method).size() >= number; }, 5s);
    EXPECT_TRUE(come) << method << " " << number;
    return come ? phone_->sip().requests(method)[number - 1] : SipMessage{};
  }

  SoupEndpoint endpoint_;
  std::unique_ptr<Gateway> gateway_;
  std::unique_ptr<Phone> phone_;
  size_t told_ = 1;  // the first message
};

TEST_F(Messages, OfTheCallerReachTheEndpoint) {
  call();
  for (const char* method : {"MESSAGE", "INFO"}) {
    SCOPED_TRACE(method);
    EXPECT_EQ(say(method, "Gr\xc3\xbc\xc3\x9f \"Gott\"\r\n", "text/plain;charset=UTF-8").status,
              200);
    expectTold(R"({"event":"websocket:message","content-type":"text/plain","body":"Gr)"
               "\xc3\xbc\xc3\x9f"
               R"( \"Gott\"\r\n"})");
    EXPECT_EQ(say(method, R"({"order": 7, "lines": ["a"]})", "application/json").status, 200);
    expectTold(
        R"({"event":"websocket:message","content-type":"application/json","json":{"order":7,"lines":["a"]}})");
    EXPECT_EQ(say(method, "[1", "Application/JSON").status, 200);
    expectTold(R"({"event":"websocket:message","content-type":"application/json","body":"[1"})");
  }
  EXPECT_TRUE(phone_->hangUp());
}

TEST_F(Messages, OfTheCallerThatCannotBeTakenAreRefused) {
  call();
  for (const std::string method : {"MESSAGE", "INFO"}) {
    SCOPED_TRACE(method);
    const auto xml = say(method, "<a/>", "application/xml");
    EXPECT_EQ(xml.status, 415);
    EXPECT_NE(xml.header("Accept").find("text/plain"), std::string::npos);
    EXPECT_NE(xml.header("Accept").find("application/json"), std::string::npos);
    EXPECT_EQ(xml.header("Accept").find("dtmf-relay") != std::string::npos, method == "INFO");
    EXPECT_EQ(say(method, "a", "text/plain;charset=iso-8859-1").status, 415);
    EXPECT_EQ(say(method, "\xff\xfe", "text/plain").status, 400);
    EXPECT_EQ(say(method, std::string(8193, 'x'), "text/plain").status, 413);
  }
  EXPECT_EQ(say("MESSAGE", "5", "application/dtmf").status, 415) << "keys come by INFO";
  EXPECT_FALSE(endpoint_.waitTexts(1, 2, 300ms));
  EXPECT_TRUE(phone_->hangUp());
}

TEST_F(Messages, AreNoticedOnlyWhereTheDialectHasWords) {
  for (const char* dialect : {"twilio", "asterisk", "jambonz", "wsbridge"}) {
    SCOPED_TRACE(dialect);
    SoupEndpoint endpoint({.protocol = ""});
    Gateway gateway;
    Phone phone(gateway);
    ASSERT_EQ(phone.call(endpoint.uri(), {{kDialectHeader, dialect}}), 200);
    const size_t opening = dialect == std::string("twilio") ? 2 : 1;
    ASSERT_TRUE(endpoint.waitTexts(1, opening, 5s));
    const auto answer = phone.sip().request("MESSAGE", {}, "hello", "text/plain");
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->status, 200);
    phone.rtp().playDtmf('5', 100);
    ASSERT_TRUE(endpoint.waitTexts(1, opening + 1, 5s));
    const auto key = endpoint.connection(1)->texts()[opening];
    EXPECT_EQ(key.find("hello"), std::string::npos) << key;
    EXPECT_TRUE(phone.hangUp());
  }
}

TEST_F(Messages, OfTheEndpointReachTheCallerOneByOne) {
  call();
  order(R"("body":"one \"1\"")");
  order(R"("content-type":"application/vnd.example+json","body":"[2]")");
  order(R"("json":{"three":3})");
  const auto first = got("MESSAGE", 1);
  EXPECT_EQ(first.body, "one \"1\"");
  EXPECT_EQ(first.header("Content-Type"), "text/plain");
  EXPECT_NE(first.header("To").find(";tag="), std::string::npos) << "within the dialog";
  EXPECT_EQ(first.header("Call-ID"), phone_->callId());
  EXPECT_EQ(got("MESSAGE", 2).header("Content-Type"), "application/vnd.example+json");
  EXPECT_EQ(got("MESSAGE", 3).body, R"({"three":3})");
  EXPECT_EQ(got("MESSAGE", 3).header("Content-Type"), "application/json");
  for (int i = 0; i < 3; ++i)
    expectTold(sent(200));
  const std::string large(8000, 'x');
  order(R"("body":")" + large + "\"");
  EXPECT_EQ(got("MESSAGE", 4).body, large) << "larger than a datagram should be";
  expectTold(sent(200));
  phone_->sip().answerWith("MESSAGE", 486, "Busy \"Here\"");
  order(R"("body":"four")");
  expectTold(sent(486, R"(Busy \"Here\")"));
  EXPECT_TRUE(phone_->hangUp());
}

TEST_F(Messages, GoByInfoWhereTheConfigurationSaysSo) {
  call("wsbridge", {{"sip.message-method", "info"}});
  order(R"("body":"one")");
  EXPECT_EQ(got("INFO", 1).body, "one");
  expectTold(sent(200));
  EXPECT_TRUE(phone_->sip().requests("MESSAGE").empty());
  EXPECT_TRUE(phone_->hangUp());
}

TEST_F(Messages, OfTheEndpointThatCannotBeSentAreTold) {
  call();
  order(R"("body":")" + std::string(8193, 'x') + "\"");
  expectTold(sent(413, "longer than 8192 bytes"));
  for (const char* type : {"text", "text/plain\\r\\nX-Evil: 1", "text/plain; charset=x", "/", ""}) {
    order(R"("content-type":")" + std::string(type) + R"(","body":"x")");
    expectTold(sent(415, "content-type is no type/subtype"));
  }
  EXPECT_TRUE(phone_->sip().requests("MESSAGE").empty());
  order(R"("text":"no body")");
  endpoint_.sendText(1, R"({"action":"notify"})");
  expectTold(R"({"event":"websocket:notify"})");
  EXPECT_TRUE(phone_->hangUp());
  const auto end = gateway_->waitEnd(phone_->callId());
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ((*end)["ignored"], "1");
  const auto told = gateway_->records("endpoint-message-ignored");
  ASSERT_EQ(told.size(), 1U);
  EXPECT_NE(told[0]["reason"].find("ignored"), std::string::npos) << told[0]["reason"];
}

// A caller that does not answer: a few messages wait, further ones are refused at once.
TEST_F(Messages, DoNotPileUp) {
  gateway_ = std::make_unique<Gateway>();
  SipCaller caller({.port = gateway_->udpPort(), .autoAnswer = false});
  RtpPeer rtp;
  caller.invite({.headers = {{kUriHeader, percentEncode(endpoint_.uri())}},
                 .sdp = makeSdp(rtp.port(), {"PCMU"}, 20),
                 .requestUri = {}});
  ASSERT_EQ(caller.waitFinal(10s).value_or(SipMessage{}).status, 200);
  for (int i = 0; i < 12; ++i)
    order(R"("body":"x")");
  for (int i = 0; i < 3; ++i)
    expectTold(sent(503, "too many messages wait"));
  ASSERT_TRUE(caller.waitRequest("MESSAGE", 5s).has_value());
  for (const auto& request : caller.requests("MESSAGE"))
    EXPECT_EQ(request.header("CSeq"), caller.requests("MESSAGE")[0].header("CSeq"))
        << "one at a time";
  caller.sendBye();
  EXPECT_TRUE(gateway_->waitEnd(caller.callId()).has_value());
}

TEST_F(Messages, OutsideOfACallAreRefused) {
  gateway_ = std::make_unique<Gateway>();
  SipCaller caller({.port = gateway_->udpPort()});
  const auto answer = caller.request("MESSAGE", {}, "hello", "text/plain");
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->status, 405);
  EXPECT_EQ(answer->header("Allow").find("MESSAGE"), std::string::npos);
}

}  // namespace
}  // namespace e2e
