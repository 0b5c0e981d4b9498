// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/TwilioCalls.hpp"
#include "common/TwilioSid.hpp"

namespace launcher {

namespace {

using ::testing::HasSubstr;
using wsbridge::common::isTwilioSid;
using EndWhich = CallManager::EndWhich;

const std::string kAccount = "AC0123456789abcdef0123456789abcdef";
const std::string kCall = "CA0123456789abcdef0123456789abcdef";
const std::string kPath = "/2010-04-01/Accounts/" + kAccount + "/Calls/" + kCall + ".json";

std::string basic(const std::string& user, const std::string& password) {
  const std::string text = user + ":" + password;
  const CharPtr encoded(g_base64_encode(reinterpret_cast<const guchar*>(text.data()), text.size()));
  return std::string("Basic ") + encoded.get();
}

HttpRequest get() {
  return {"GET", kPath, "", basic(kAccount, "secret"), "", false};
}

HttpRequest post(const std::string& form) {
  return {"POST", kPath, "application/x-www-form-urlencoded", basic(kAccount, "secret"),
          form,   false};
}

class TwilioCallsTest : public ::testing::Test {
 protected:
  HttpResponse ask(const HttpRequest& request, const std::string& token = "secret") {
    looks_.clear();
    const TwilioCalls calls([this](const TwilioSids& sids, EndWhich end, auto found) {
      looks_.emplace_back(sids, end);
      found(call_);
    });
    HttpResponse got{0, "", "", {}};
    calls.handle(request, token, [&got](const HttpResponse& response) { got = response; });
    return got;
  }
  void expectRefused(const HttpRequest& request, unsigned status, int code, const std::string& text,
                     const std::string& token = "secret") {
    const HttpResponse got = ask(request, token);
    EXPECT_EQ(got.status, status) << got.body;
    EXPECT_EQ(got.contentType, "application/json");
    EXPECT_THAT(got.body, HasSubstr("{\"code\":" + std::to_string(code) + ",\"message\":\""));
    EXPECT_THAT(got.body, HasSubstr(text));
    EXPECT_THAT(got.body,
                HasSubstr("\"more_info\":\"https://www.twilio.com/docs/errors/" +
                          std::to_string(code) + "\",\"status\":" + std::to_string(status) + "}"));
    EXPECT_TRUE(looks_.empty()) << "the call was looked for";
  }

  std::optional<CallSnapshot> call_ =
      CallSnapshot{"sip:alice@h", "sip:bot@h", false, CallSnapshot::Status::InProgress,
                   1283286988,    1283286990,  0};
  std::vector<std::pair<TwilioSids, EndWhich>> looks_;
};

TEST_F(TwilioCallsTest, ACallAsTwilioDescribesIt) {
  const HttpResponse got = ask(get());
  EXPECT_EQ(got.status, 200U);
  EXPECT_EQ(got.contentType, "application/json");
  EXPECT_EQ(got.body,
            R"({"sid":")" + kCall + R"(","account_sid":")" + kAccount +
                R"(","api_version":"2010-04-01","status":"in-progress","direction":"inbound",)"
                R"("from":"sip:alice@h","to":"sip:bot@h",)"
                R"("date_created":"Tue, 31 Aug 2010 20:36:28 +0000",)"
                R"("start_time":"Tue, 31 Aug 2010 20:36:30 +0000","end_time":null,)"
                R"("duration":null,"uri":")" +
                kPath + "\"}");
  ASSERT_EQ(looks_.size(), 1U);
  EXPECT_EQ(looks_[0].first, (TwilioSids{kAccount, kCall}));
  EXPECT_EQ(looks_[0].second, EndWhich::None);
}

TEST_F(TwilioCallsTest, StatusEndsTheCall) {
  call_->status = CallSnapshot::Status::Completed;
  call_->endedAt = call_->answeredAt + 15;
  const HttpResponse got = ask(post("Status=completed"));
  EXPECT_EQ(got.status, 200U);
  EXPECT_THAT(got.body, HasSubstr(R"("status":"completed")"));
  EXPECT_THAT(got.body, HasSubstr(R"("duration":"15")"));
  EXPECT_EQ(looks_.at(0).second, EndWhich::Any);
  EXPECT_EQ(ask(post("Status=canceled")).status, 200U);
  EXPECT_EQ(looks_.at(0).second, EndWhich::Unanswered);
}

TEST_F(TwilioCallsTest, NoSuchCall) {
  call_.reset();
  const HttpResponse got = ask(post("Status=completed"));
  EXPECT_EQ(got.status, 404U);
  EXPECT_EQ(got.body,
            R"({"code":20404,"message":"The requested resource )" + kPath +
                R"( was not found","more_info":"https://www.twilio.com/docs/errors/20404",)"
                R"("status":404})");
}

TEST_F(TwilioCallsTest, PathsThatAreNone) {
  const std::string account = "/2010-04-01/Accounts/" + kAccount;
  const std::string call = account + "/Calls/" + kCall;
  const std::string swapped = "/2010-04-01/Accounts/" + kCall + "/Calls/" + kAccount + ".json";
  const std::string other = "/2010-04-01/Accounts/x/Calls/" + kCall + ".json";
  for (const std::string& path :
       {std::string("/2010-04-01"), account + "/Calls.json", account + "/Calls/.json", call,
        call + "/Recordings.json", swapped, other, account + "/Calls/json"}) {
    HttpRequest request{"GET", path, "", "", "", true};
    expectRefused(request, 404, 20404, path, "");
  }
}

TEST_F(TwilioCallsTest, Credentials) {
  for (const std::string& wrong :
       {std::string(), std::string("Basic"), std::string("Basic !"), std::string("Bearer secret"),
        basic(kAccount, "secreT"), basic(kAccount, ""), basic(kAccount, "secret2"),
        basic("ACffffffffffffffffffffffffffffffff", "secret"), basic("", "secret")}) {
    HttpRequest request = post("Status=completed");
    request.authorization = wrong;
    expectRefused(request, 401, 20003, "Authenticate");
    request.loopback = true;
    expectRefused(request, 401, 20003, "Authenticate");
  }
  HttpRequest request = get();
  request.authorization = "basic" + request.authorization.substr(5);
  EXPECT_EQ(ask(request).status, 200U) << "the scheme is the same in any case";
}

TEST_F(TwilioCallsTest, WithoutATokenOnLoopbackOnly) {
  HttpRequest request = get();
  expectRefused(request, 403, 20003, "websocket.twilio-auth-token", "");
  request.loopback = true;
  EXPECT_EQ(ask(request, "").status, 200U);
}

TEST_F(TwilioCallsTest, Methods) {
  for (const char* method : {"PUT", "DELETE", "HEAD", "OPTIONS"}) {
    HttpRequest request = get();
    request.method = method;
    expectRefused(request, 405, 20004, method);
    EXPECT_EQ(ask(request).headers,
              (std::vector<std::pair<std::string, std::string>>{{"Allow", "GET, POST"}}));
  }
}

TEST_F(TwilioCallsTest, Fields) {
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"", "Status is missing"},
      {"Status", "Status is missing"},
      {"Status=", "Status is neither"},
      {"Status=in-progress", "Status is neither"},
      {"Twiml=%3CResponse%2F%3E", "Twiml is not supported"},
      {"Status=completed&Url=http%3A%2F%2Fh%2F", "Url is not supported"},
      {"Status=completed&StatusCallback=x", "StatusCallback is not supported"},
  };
  for (const auto& [form, text] : wrong)
    expectRefused(post(form), 400, 20001, text);
  HttpRequest request = post("Status=completed");
  request.contentType = "application/json";
  expectRefused(request, 400, 20001, "Content-Type");
  request.contentType = "Application/x-www-form-urlencoded; charset=utf-8";
  EXPECT_EQ(ask(request).status, 200U);
}

}  // namespace

TEST(TwilioSids, WhatIsOne) {
  EXPECT_TRUE(isTwilioSid("CA", kCall));
  EXPECT_FALSE(isTwilioSid("AC", kCall));
  EXPECT_FALSE(isTwilioSid("CA", kCall + "0"));
  EXPECT_FALSE(isTwilioSid("CA", "CA0123456789ABCDEF0123456789abcdef"));
  EXPECT_FALSE(isTwilioSid("CA", ""));
  EXPECT_TRUE(isTwilioSid("AC", ownTwilioAccountSid()));
  EXPECT_TRUE(isTwilioSid("CA", randomTwilioCallSid()));
  EXPECT_NE(randomTwilioCallSid(), randomTwilioCallSid());
}

}  // namespace launcher
