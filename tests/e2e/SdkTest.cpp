// SPDX-License-Identifier: LGPL-2.1-or-later
// Public client libraries as the endpoint, unmodified (tests/e2e/sdk), in a real call.
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include <gtest/gtest.h>

#include "Conversation.hpp"

namespace e2e {
namespace {

namespace fs = std::filesystem;

constexpr const char* kToken = "0123456789abcdef0123456789abcdef";
constexpr const char* kAccount = "ACffffffffffffffffffffffffffffffff";

fs::path directory() {
  const char* sipp = std::getenv("WSBRIDGE_SIPP_DIR");
  return sipp == nullptr ? fs::path() : fs::path(sipp) / "../sdk";
}

class Sdk : public ::testing::Test {
 protected:
  E2E_SHARED_GATEWAY((Gateway::Options{.set = {{"http.listen", "127.0.0.1:0"},
                                               {"websocket.twilio-account-sid", kAccount},
                                               {"websocket.twilio-auth-token", kToken}}}));

  void SetUp() override {
    if (!fs::exists(directory() / "node_modules/twilio/package.json"))
      GTEST_SKIP() << "tests/e2e/sdk is not installed: npm ci there, or scripts/test with npm's "
                      "registry in reach";
    const std::string rest = "http://" + gateway->records("ready").at(0)["http"];
    agent_ = std::make_unique<ChildProcess>(std::vector<std::string>{
        "node", directory() / "openai-twilio.cjs", rest, kAccount, kToken});
    const auto listening = agent_->waitForLine("^listening [0-9]+$", 60s);
    ASSERT_TRUE(listening.has_value()) << agent_->output();
    uri_ = "ws://127.0.0.1:" + listening->substr(listening->find(' ') + 1) + "/";
  }
  [[nodiscard]] bool says(const std::string& pattern, Millis limit = 10s) const {
    return agent_->waitForLine(pattern, limit).has_value();
  }
  void order(const std::string& line) { agent_->writeInput(line + "\n"); }

  std::unique_ptr<ChildProcess> agent_;
  std::string uri_;
};

TEST_F(Sdk, OpenAiAgentsOverTwilioMediaStreams) {
  Phone phone(*gateway, withKeys("PCMU"));
  ASSERT_EQ(phone.call(uri_, {{kDialectHeader, "twilio"}}), 200);
  RtpPeer& rtp = phone.rtp();
  ASSERT_TRUE(says("^twilio start " + std::string(kAccount) + "$")) << agent_->output();
  ASSERT_TRUE(says("^connected$")) << agent_->output();
  ASSERT_TRUE(says("^model session.update$")) << agent_->output();

  // The caller's words reach the model.
  rtp.play(sine(8000, 600, 2.5, 8000));
  const auto heard = agent_->waitForLine("^heard [0-9]+ [0-9]{4,}$", 10s);
  ASSERT_TRUE(heard.has_value()) << agent_->output();
  std::istringstream words(*heard);
  std::string word;
  int codes = 0;
  int loud = 0;
  words >> word >> codes >> loud;
  EXPECT_GT(loud, codes * 3 / 4) << "that is no tone";

  // The model's words reach the caller, and the marks come back.
  const size_t first = rtp.received();
  order("tone 1");
  ASSERT_TRUE(says("^twilio mark item_1:1000$")) << agent_->output();
  ASSERT_TRUE(says("^twilio mark done:item_1$")) << agent_->output();
  ASSERT_TRUE(rtp.waitReceived(rtp.received() + 5, 5s));
  expectTone(heardBy(rtp, first), 8000, 440, 1);

  // The caller speaks while the model does.
  const size_t second = rtp.received();
  order("tone 20 open");
  ASSERT_TRUE(rtp.waitReceived(second + 50, 5s));
  order("speech");
  ASSERT_TRUE(says("^twilio mark item_2:20000$")) << agent_->output();
  ASSERT_TRUE(rtp.waitReceived(rtp.received() + 3, 5s));
  const size_t quiet = rtp.received();
  EXPECT_LT(heardBy(rtp, second).size(), 8000U * 4);
  ASSERT_TRUE(rtp.waitReceived(quiet + 20, 5s));
  EXPECT_TRUE(heardBy(rtp, quiet).empty()) << "the model is still heard";
  EXPECT_TRUE(says("^model conversation.item.truncate$")) << agent_->output();

  // The agent ends the call over REST.
  order("status");
  EXPECT_TRUE(says("^rest in-progress inbound .*sip:")) << agent_->output();
  order("hangup");
  EXPECT_TRUE(says("^rest completed inbound$")) << agent_->output();
  EXPECT_TRUE(phone.sip().waitRequest("BYE", 5s).has_value());
  const auto end = gateway->waitEnd(phone.callId());
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ((*end)["reason"], "endpoint-hangup");
  EXPECT_TRUE(says("^twilio stop")) << agent_->output();
  EXPECT_TRUE(says("^closed 1000$")) << agent_->output();
  order("hangup");
  EXPECT_TRUE(says("^rest-error 404 20404 ")) << agent_->output();
  EXPECT_TRUE(agent_->linesMatching("^error|Error:").empty()) << agent_->output();
}

}  // namespace
}  // namespace e2e
