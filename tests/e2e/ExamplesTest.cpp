// SPDX-License-Identifier: LGPL-2.1-or-later
// Every endpoint of docs/examples in a real call.
#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "Conversation.hpp"

namespace e2e {
namespace {

namespace fs = std::filesystem;

fs::path directory() {
  const char* sipp = std::getenv("WSBRIDGE_SIPP_DIR");
  return sipp == nullptr ? fs::path() : fs::path(sipp) / "../../../docs/examples";
}

std::vector<std::string> files() {
  std::vector<std::string> names;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(directory(), none))
    names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

ChildProcess::Options surroundings() {
  // Where Debian has the modules of node.
  return {.environment = {{"NODE_PATH", "/usr/share/nodejs"}}, .directory = {}};
}

// The first program that has the library, empty when none has.
std::string programFor(const std::string& suffix) {
  const bool python = suffix == ".py";
  const std::vector<std::string> candidates =
      python ? std::vector<std::string>{"python3", "/usr/bin/python3"}
             : std::vector<std::string>{"node"};
  for (const std::string& program : candidates) {
    ChildProcess probe(
        {program, python ? "-c" : "-e", python ? "import websockets" : "require('ws')"},
        surroundings());
    if (probe.waitExit(20s) == 0) return program;
  }
  return {};
}

// What the gateway says when the mark of the tone is reached.
std::string markOf(const std::string& dialect) {
  if (dialect == "twilio") return R"("event":"mark".*"mark":\{"name":"tone"\})";
  if (dialect == "asterisk") return R"("MEDIA_MARK_PROCESSED".*"correlation_id":"tone")";
  if (dialect == "jambonz") return R"("data":\{"name":"tone","event":"playout"\})";
  return R"("websocket:notify","payload":\{"name":"tone"\})";
}

class Examples : public ::testing::TestWithParam<std::string> {
 protected:
  E2E_SHARED_GATEWAY((Gateway::Options{}));
};

TEST_P(Examples, EchoToneMarkClearAndHangup) {
  const fs::path file = directory() / GetParam();
  const std::string dialect = file.stem();
  const std::string program = programFor(file.extension());
  if (program.empty()) {
    GTEST_SKIP() << (file.extension() == ".py" ? "python3 has no module websockets"
                                               : "node has no module ws");
  }
  ChildProcess example({program, file, "--listen", "0"}, surroundings());
  const auto listening = example.waitForLine("^listening [0-9]+$", 20s);
  ASSERT_TRUE(listening.has_value()) << example.output();

  Phone phone(*gateway, withKeys("L16/16000"));
  const std::string uri = "ws://127.0.0.1:" + listening->substr(listening->find(' ') + 1) + "/";
  ASSERT_EQ(phone.call(uri, {{kDialectHeader, dialect}}), 200);
  RtpPeer& rtp = phone.rtp();
  rtp.play(sine(rtp.rate(), 600, 0.5, 8000));
  ASSERT_TRUE(rtp.waitPlayed(5s));
  ASSERT_TRUE(rtp.waitReceived(rtp.received() + 15, 5s));
  expectTone(heardBy(rtp, 0), rtp.rate(), 600, 0.5);

  const size_t from = rtp.received();
  rtp.playDtmf('2', 100);
  EXPECT_TRUE(example.waitForLine(markOf(dialect), 5s).has_value()) << example.output();
  ASSERT_TRUE(rtp.waitReceived(rtp.received() + 5, 5s));
  expectTone(heardBy(rtp, from), rtp.rate(), 440, 1);

  const size_t again = rtp.received();
  rtp.playDtmf('2', 100);
  rtp.playDtmf('1', 100);
  ASSERT_TRUE(rtp.waitReceived(again + 75, 5s));
  const size_t heard = heardBy(rtp, again).size();
  EXPECT_GT(heard, 0U) << "the tone had begun";
  EXPECT_LT(heard, static_cast<size_t>(rtp.rate()) * 8 / 10) << "key 1 cuts it off";

  rtp.playDtmf('#', 100);
  EXPECT_TRUE(phone.sip().waitRequest("BYE", 5s).has_value()) << example.output();
  const auto end = gateway->waitEnd(phone.callId());
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ((*end)["ended-by"], "endpoint");
  EXPECT_EQ((*end)["reason"], dialect == "twilio" ? "endpoint-closed" : "endpoint-hangup");
  EXPECT_TRUE(example.running()) << example.output();
  EXPECT_TRUE(example.linesMatching("Error|Exception|Traceback").empty()) << example.output();
}

INSTANTIATE_TEST_SUITE_P(Files, Examples, ::testing::ValuesIn(files()), [](const auto& test) {
  std::string name = test.param;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
});

TEST(ExampleFiles, TwoForEachDialect) {
  std::vector<std::string> expected;
  for (const char* dialect : {"asterisk", "jambonz", "twilio", "vonage", "wsbridge"}) {
    for (const char* suffix : {".cjs", ".py"})
      expected.push_back(std::string(dialect) + suffix);
  }
  EXPECT_EQ(files(), expected);
}

}  // namespace
}  // namespace e2e
