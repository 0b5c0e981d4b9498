// SPDX-License-Identifier: LGPL-2.1-or-later
// The launcher as a program: command line, configuration, signals, limits, logs.
#include <filesystem>
#include <set>

#include <signal.h>

#include <gtest/gtest.h>
#include <json-glib/json-glib.h>

#include "Phone.hpp"
#include "SoupEndpoint.hpp"

namespace e2e {
namespace {

// Runs the launcher to its end.
struct Invocation {
  int status = -1;
  std::string text;

  explicit Invocation(std::vector<std::string> arguments, Millis limit = 10s,
                      bool lookForLeaks = true) {
    arguments.insert(arguments.begin(), Gateway::program());
    ChildProcess::Options options = Gateway::environment();
    if (!lookForLeaks) options.environment["ASAN_OPTIONS"] = "detect_leaks=0";
    ChildProcess process(arguments, options);
    status = process.waitExit(limit).value_or(-1);
    text = process.output();
    expectNoSanitizerReport(process);
  }
  bool says(const std::string& words) const { return text.find(words) != std::string::npos; }
};

TEST(CommandLine, VersionAndHelp) {
  const Invocation version({"--version"});
  EXPECT_EQ(version.status, 0);
  EXPECT_TRUE(version.says("wsbridge-launcher 0.2.0")) << version.text;
  const Invocation help({"--help"});
  EXPECT_EQ(help.status, 0);
  for (const char* word : {"--config", "--set", "--check-config", "--print-config", "call"}) {
    EXPECT_TRUE(help.says(word)) << word << "\n" << help.text;
  }
  EXPECT_NE(Invocation({"--no-such-flag"}).status, 0);
}

TEST(CommandLine, CheckConfigNamesLineAndFault) {
  const TempDir dir;
  const std::string good = dir.write(
      "good.conf", "# fine\n[sip]\nlisten=udp:127.0.0.1:5070\n[audio]\nnoise-level=-50\n");
  const Invocation fine({"--config", good, "--check-config"});
  EXPECT_EQ(fine.status, 0) << fine.text;

  struct Fault {
    std::string text;
    std::string line;
    std::string named;
  };
  const Fault faults[] = {
      {"# c\n[sip]\nlistem=udp:127.0.0.1:5070\n", "3", "listem"},
      {"[sip]\nlisten=udp:127.0.0.1:99999\n", "2", "listen"},
      {"[sip]\n\n[audio]\nnoise-level=loud\n", "4", "noise-level"},
      {"[audio]\nnoise-level=-200\n", "2", "noise-level"},
      {"[rtp]\nport-range=9000\n", "2", "port-range"},
      {"[rtp]\nport-range=30000-20000\n", "2", "port-range"},
      {"[rtp]\ncodecs=PCMU;OPUS\n", "2", "codecs"},
      {"[websocket]\ncontent-type=audio/l16;rate=11025\n", "2", "content-type"},
      {"[websocket]\nheaders=[1]\n", "2", "headers"},
      {"[websocket]\nconnect-timeout=-1\n", "2", "connect-timeout"},
      {"[websocket]\nuri=ftp://x/\n", "2", "uri"},
      {"[log]\nformat=xml\n", "2", "format"},
      {"[route a]\nmatch=(\n", "2", "match"},
      {"[nonsense]\na=b\n", "1", "nonsense"},
      {"[sip]\nlisten\n", "2", ""},
  };
  for (const auto& fault : faults) {
    const Invocation run({"--config", dir.write("bad.conf", fault.text), "--check-config"});
    EXPECT_NE(run.status, 0) << fault.text;
    EXPECT_TRUE(run.says("bad.conf:" + fault.line) || run.says("line " + fault.line))
        << fault.text << run.text;
    EXPECT_TRUE(run.says(fault.named)) << fault.text << run.text;
  }
  const Invocation missing({"--config", dir.file("nowhere.conf"), "--check-config"});
  EXPECT_NE(missing.status, 0);
  EXPECT_TRUE(missing.says("nowhere.conf"));
}

TEST(CommandLine, CheckConfigNamesAnEndpointThatThePolicyRefuses) {
  const TempDir dir;
  const std::string file = dir.write("a.conf", "[websocket]\nuri=ws://me:S3CRET@127.0.0.1:8765/\n");
  const Invocation check({"--config", file, "--check-config"});
  EXPECT_EQ(check.status, 1);
  for (const char* word : {"a.conf:2", "websocket.uri", "127.0.0.1", "403", "websocket.allow"})
    EXPECT_TRUE(check.says(word)) << word << "\n" << check.text;
  EXPECT_FALSE(check.says("S3CRET")) << check.text;
  EXPECT_FALSE(check.says("is valid")) << check.text;
  EXPECT_EQ(
      Invocation({"--config", file, "--set", "websocket.allow=127.0.0.1", "--check-config"}).status,
      0);
}

TEST(CommandLine, AnEndpointThatThePolicyRefusesIsNamedAtStartAndReload) {
  const auto options = [](const std::string& uri) {
    return Gateway::Options{.set = {{"websocket.uri", uri}}, .allowLoopback = false};
  };
  Gateway gateway(options("ws://127.0.0.1:1/"));
  const auto named = [&gateway](const std::string& host) {
    return gateway.process()
        .waitForLine(R"(warning config key=websocket\.allow text=.*websocket\.uri.*)" + host, 5s)
        .has_value();
  };
  EXPECT_TRUE(named("127\\.0\\.0\\.1")) << gateway.log();
  Phone phone(gateway);
  EXPECT_EQ(phone.call(""), 403) << "it runs, and what it has warned of holds";
  gateway.rewrite(options("ws://10.1.2.3/"));
  gateway.process().signal(SIGHUP);
  EXPECT_TRUE(named("10\\.1\\.2\\.3")) << gateway.log();
}

TEST(CommandLine, PrintConfigShowsWhatHolds) {
  const TempDir dir;
  const std::string file = dir.write("a.conf", "[audio]\nnoise-level=-50\n[limits]\nmax-calls=7\n");
  const Invocation run({"--config", file, "--set", "limits.max-calls=9", "--set", "log.format=json",
                        "--print-config"});
  EXPECT_EQ(run.status, 0) << run.text;
  for (const char* line :
       {"noise-level=-50", "max-calls=9", "format=json", "fallback=comfort-noise", "[websocket]",
        "connect-timeout=", "drain-time="}) {
    EXPECT_TRUE(run.says(line)) << line << "\n" << run.text;
  }
  const Invocation again({"--config", dir.write("printed.conf", run.text), "--check-config"});
  EXPECT_EQ(again.status, 0) << "what is printed can be read again\n" << again.text;
}

TEST(CommandLine, SetNamesAFaultyKey) {
  const Invocation run({"--set", "audio.noise-levle=1", "--check-config"});
  EXPECT_NE(run.status, 0);
  EXPECT_TRUE(run.says("audio.noise-levle")) << run.text;
}

TEST(CommandLine, BrokenTemplateIsRefusedAtStart) {
  const TempDir dir;
  for (const std::string& text :
       {std::string("this is ! no pipeline"), std::string("fakesrc ! fakesink")}) {
    const std::string path = dir.write("broken.launch", text);
    const Invocation run(
        {"--set", "sip.listen=udp:127.0.0.1:0", "--set", "media.template=" + path});
    EXPECT_GT(run.status, 0) << text;
    EXPECT_TRUE(run.says("broken.launch")) << run.text;
  }
  const Invocation missing({"--set", "sip.listen=udp:127.0.0.1:0", "--set",
                            "media.template=" + dir.file("none.launch")});
  EXPECT_GT(missing.status, 0);
  EXPECT_TRUE(missing.says("none.launch"));
}

TEST(CommandLine, OccupiedPortIsNamed) {
  Gateway first;
  const std::string port = std::to_string(first.udpPort());
  // Sofia-SIP 1.13 keeps a reference to its port (2112 bytes) when nua_create() cannot bind.
  const Invocation second({"--set", "sip.listen=udp:127.0.0.1:" + port}, 10s, false);
  EXPECT_GT(second.status, 0);
  for (const char* word : {"sip.listen", port.c_str(), "UDP", "EADDRINUSE"})
    EXPECT_TRUE(second.says(word)) << word << "\n" << second.text;
}

TEST(CommandLine, EveryListenerNamesKeyAddressAndWhatTheKernelSays) {
  Gateway first({.set = {{"http.listen", "127.0.0.1:0"}}});
  const std::string taken = "127.0.0.1:" + std::to_string(first.tcpPort());
  struct Case {
    std::string key;
    std::string value;
    std::string fault;
  };
  const Case cases[] = {
      {"http.listen", taken, "EADDRINUSE"},
      {"http.listen", first.records("ready").front()["http"], "EADDRINUSE"},
      {"echo.listen", taken, "EADDRINUSE"},
      {"echo.listen", "192.0.2.77:0", "EADDRNOTAVAIL"},
      {"sip.listen", "tcp:" + taken, "EADDRINUSE"},
      {"sip.listen", "udp:192.0.2.77:5060", "EADDRNOTAVAIL"},
  };
  for (const Case& at : cases) {
    std::vector<std::string> words = {"--set", at.key + "=" + at.value};
    if (at.key != "sip.listen") words.insert(words.end(), {"--set", "sip.listen=udp:127.0.0.1:0"});
    const Invocation run(words, 10s, false);
    EXPECT_EQ(run.status, 1) << at.key;
    const std::string address = at.value.substr(at.value.starts_with("tcp") ? 4 : 0);
    const std::string host = address.starts_with("udp") ? "192.0.2.77:5060" : address;
    EXPECT_TRUE(run.says(at.key + ": cannot listen on " + host)) << run.text;
    EXPECT_TRUE(run.says(at.fault)) << run.text;
  }
}

TEST(Logs, OneStartAndOneEndLinePerCallWithEveryField) {
  Gateway gateway;
  SoupEndpoint endpoint({.echo = true});
  Phone phone(gateway);
  ASSERT_EQ(phone.call(endpoint.uri("/log?token=tellnobody")), 200);
  phone.rtp().play(syllables(8000, 1));
  ASSERT_TRUE(phone.rtp().waitPlayed(5s));
  ASSERT_TRUE(endpoint.waitBinaries(1, 50, 5s));
  ASSERT_TRUE(phone.hangUp());
  const auto end = gateway.waitEnd(phone.callId());
  ASSERT_TRUE(end.has_value());
  const auto starts = gateway.records("call-start");
  ASSERT_EQ(starts.size(), 1U);
  EXPECT_EQ(gateway.records("call-end").size(), 1U);
  EXPECT_EQ(starts[0]["id"], (*end)["id"]);
  EXPECT_EQ((*end)["call-id"], phone.callId());
  for (const char* key : {"id",           "call-id",      "from",
                          "to",           "endpoint",     "codec",
                          "content-type", "duration",     "ended-by",
                          "reason",       "status",       "rtp-received",
                          "rtp-sent",     "frames-sent",  "frames-played",
                          "lost",         "concealed",    "late",
                          "duplicates",   "noise-frames", "playout-high-ms",
                          "setup-ms"}) {
    EXPECT_TRUE(end->has(key)) << key;
  }
  EXPECT_EQ((*end)["ended-by"], "caller");
  EXPECT_EQ((*end)["status"], "200");
  EXPECT_NE((*end)["endpoint"].find("127.0.0.1"), std::string::npos);
  EXPECT_NE((*end)["codec"].find("PCMU"), std::string::npos);
  EXPECT_EQ(end->number("rtp-received"), 50);
  EXPECT_EQ(end->number("frames-sent"), 50);
  EXPECT_EQ(end->number("lost"), 0);
  EXPECT_GT(end->number("rtp-sent"), 40);
  EXPECT_GT(end->number("setup-ms"), 0);
  EXPECT_NEAR(end->number("duration"), 1, 0.8);
}

// Nothing secret is ever logged, not even at debug level: credentials of the URI, the query, the
// authorization, keys.
TEST(Logs, HoldNoSecrets) {
  Gateway gateway({.set = {{"log.level", "debug"},
                           {"log.steps", "true"},
                           {"websocket.authorization", "Bearer conf-secret"}}});
  SoupEndpoint endpoint;
  const std::string uri =
      "ws://user:hidden-pass@127.0.0.1:" + std::to_string(endpoint.port()) + "/p?key=query-secret";
  for (const bool authorized : {true, false}) {
    Phone phone(gateway);
    SipHeaders headers{{kHeadersHeader, percentEncode(R"({"pin":"header-secret"})")}};
    if (authorized) headers.emplace_back(kAuthorizationHeader, percentEncode("Bearer sip-secret"));
    ASSERT_EQ(phone.call(uri, headers), 200);
    phone.rtp().playDtmf('5', 100);
    ASSERT_TRUE(phone.rtp().waitPlayed(5s));
    ASSERT_TRUE(phone.hangUp());
    ASSERT_TRUE(gateway.waitEnd(phone.callId()).has_value());
  }
  EXPECT_EQ(endpoint.connection(1)->header("Authorization"), "Bearer sip-secret");
  Phone refused(gateway);
  refused.call("ws://user:hidden-pass@127.0.0.1:1/?key=query-secret",
               {{kAuthorizationHeader, "Bearer sip-secret"}});
  ASSERT_TRUE(gateway.waitEnd(refused.callId()).has_value());
  const std::string log = gateway.log();
  for (const char* secret :
       {"hidden-pass", "query-secret", "sip-secret", "conf-secret", "header-secret"}) {
    EXPECT_EQ(log.find(secret), std::string::npos) << secret;
  }
}

TEST(Logs, HostileValuesStayOnOneLine) {
  Gateway gateway;
  SoupEndpoint endpoint;
  Phone phone(gateway);
  phone.call("ws://127.0.0.1:" + std::to_string(endpoint.port()) + "/%0Afake call-end id=1",
             {{"From-Note", "x"}});
  phone.hangUp();
  gateway.waitEnd(phone.callId());
  for (const auto& line : gateway.process().lines()) {
    EXPECT_NE(line.rfind("fake", 0), 0U) << line;
  }
}

TEST(Logs, JsonIsOneObjectPerLine) {
  const TempDir dir;
  SoupEndpoint endpoint;
  ChildProcess process({Gateway::program(), "--set", "sip.listen=udp:127.0.0.1:0", "--set",
                        "log.format=json", "--set", "websocket.allow=127.0.0.1"},
                       Gateway::environment());
  ASSERT_TRUE(process.waitForLine("\"ready\"", 15s).has_value()) << process.output();
  JsonParser* parser = json_parser_new();
  for (const auto& line : process.lines()) {
    ASSERT_TRUE(json_parser_load_from_data(parser, line.c_str(), -1, nullptr)) << line;
    JsonObject* object = json_node_get_object(json_parser_get_root(parser));
    for (const char* member : {"ts", "level", "event"})
      EXPECT_TRUE(json_object_has_member(object, member)) << line;
  }
  g_object_unref(parser);
  process.signal(SIGTERM);
  EXPECT_EQ(process.waitExit(10s), 0);
}

TEST(Signals, TerminationWithoutCallsIsPromptAndClean) {
  Gateway gateway;
  gateway.process().signal(SIGTERM);
  EXPECT_EQ(gateway.process().waitExit(5s), 0);
  EXPECT_EQ(gateway.records("draining").size(), 1U);
  EXPECT_EQ(gateway.records("shutdown").size(), 1U);
}

TEST(Signals, DrainRefusesNewCallsAndLetsOthersEnd) {
  Gateway gateway({.set = {{"limits.drain-time", "20"}}});
  SoupEndpoint endpoint;
  Phone phone(gateway);
  ASSERT_EQ(phone.call(endpoint.uri()), 200);
  gateway.process().signal(SIGTERM);
  // Until the signal is handled a call may still get through.
  int status = 0;
  std::string retryAfter;
  ASSERT_TRUE(eventually(
      [&] {
        Phone late(gateway);
        late.dial(endpoint.uri());
        const auto answer = late.sip().waitFinal(5s);
        status = answer ? answer->status : 0;
        retryAfter = answer ? answer->header("Retry-After") : "";
        if (status == 200) late.hangUp();
        return status == 503;
      },
      5s))
      << status;
  EXPECT_FALSE(retryAfter.empty());
  EXPECT_TRUE(phone.rtp().waitReceived(phone.rtp().received() + 20, 5s)) << "the call goes on";
  EXPECT_TRUE(gateway.process().running());
  EXPECT_TRUE(phone.hangUp());
  EXPECT_EQ(gateway.process().waitExit(10s), 0) << "nobody was cut off";
}

TEST(Signals, DrainTimeCutsTheRestOff) {
  Gateway gateway({.set = {{"limits.drain-time", "1"}}});
  SoupEndpoint endpoint;
  Phone phone(gateway);
  ASSERT_EQ(phone.call(endpoint.uri()), 200);
  gateway.process().signal(SIGTERM);
  const auto bye = phone.sip().waitRequest("BYE", 5s);
  ASSERT_TRUE(bye.has_value());
  EXPECT_FALSE(bye->header("Reason").empty());
  EXPECT_TRUE(endpoint.waitClosed(1, 5s));
  const auto status = gateway.process().waitExit(10s);
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(*status, 3) << "the exit status says that calls were cut off";
  const auto end = gateway.waitEnd(phone.callId());
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ((*end)["ended-by"], "gateway");
}

TEST(Signals, InterruptEndsTheProgramToo) {
  Gateway gateway;
  gateway.process().signal(SIGINT);
  EXPECT_EQ(gateway.process().waitExit(5s), 0);
}

// As docs/operations.md has it for whoever writes a unit of systemd.
TEST(Signals, WhoeverCutsCallsOffEndsWithStatusThree) {
  const std::vector<std::vector<int>> cases = {{SIGINT}, {SIGTERM, SIGTERM}, {SIGTERM, SIGINT}};
  for (const std::vector<int>& signals : cases) {
    Gateway gateway({.set = {{"limits.drain-time", "60"}}});
    SoupEndpoint endpoint;
    Phone phone(gateway);
    ASSERT_EQ(phone.call(endpoint.uri()), 200);
    gateway.process().signal(signals.front());
    ASSERT_TRUE(gateway.process().waitForLine(R"(\bdraining\b)", 5s).has_value());
    if (signals.size() > 1) gateway.process().signal(signals.back());
    EXPECT_TRUE(phone.sip().waitRequest("BYE", 5s).has_value());
    EXPECT_EQ(gateway.process().waitExit(10s), 3) << gateway.log();
  }
}

TEST(Signals, HangupReadsTheRoutesAgain) {
  SoupEndpoint first;
  SoupEndpoint second;
  const auto route = [](const std::string& uri) {
    return "[route test]\nmatch=^sip:bot@\nuri=" + uri + "\n";
  };
  Gateway gateway({.sections = route(first.uri("/first"))});
  Phone before(gateway, {.user = "bot"});
  ASSERT_EQ(before.call(""), 200);
  ASSERT_TRUE(first.waitTexts(1, 1, 5s));

  const size_t lines = gateway.process().lineCount();
  gateway.rewrite({.sections = route(second.uri("/second"))});
  gateway.process().signal(SIGHUP);
  ASSERT_TRUE(gateway.process().waitForLine("reload|config", 5s, lines).has_value())
      << gateway.log();
  Phone after(gateway, {.user = "bot"});
  ASSERT_EQ(after.call(""), 200);
  EXPECT_TRUE(second.waitTexts(1, 1, 5s));
  EXPECT_EQ(first.count(), 1U);
  const size_t heard = before.rtp().received();
  EXPECT_TRUE(before.rtp().waitReceived(heard + 20, 5s)) << "the call in progress is not touched";

  // A broken file changes nothing.
  const size_t more = gateway.process().lineCount();
  gateway.rewrite({.sections = "[route test]\nmatch=(\n"});
  gateway.process().signal(SIGHUP);
  EXPECT_TRUE(gateway.process().waitForLine("match", 5s, more).has_value()) << gateway.log();
  Phone still(gateway, {.user = "bot"});
  EXPECT_EQ(still.call(""), 200);
  EXPECT_TRUE(second.waitTexts(2, 1, 5s));
}

TEST(Signals, UserSignalSwitchesDebugLogging) {
  Gateway gateway;
  SoupEndpoint endpoint;
  const auto debugLines = [&](size_t from) {
    Phone phone(gateway);
    EXPECT_EQ(phone.call(endpoint.uri()), 200);
    phone.hangUp();
    gateway.waitEnd(phone.callId());
    const auto lines = gateway.process().lines();
    size_t count = 0;
    for (size_t i = from; i < lines.size(); ++i) {
      const auto record = parseRecord(lines[i]);
      const std::string level = record ? (*record)["level"] : "";
      if (level == "debug" || level == "DEBUG") ++count;
    }
    return count;
  };
  EXPECT_EQ(debugLines(0), 0U);
  size_t mark = gateway.process().lineCount();
  gateway.process().signal(SIGUSR1);
  ASSERT_TRUE(gateway.process().waitForLine("debug|DEBUG", 5s, mark).has_value())
      << "the switch itself is logged";
  EXPECT_GT(debugLines(mark), 1U);
  mark = gateway.process().lineCount();
  gateway.process().signal(SIGUSR1);
  ASSERT_TRUE(gateway.process().waitForLine("", 5s, mark).has_value());
  debugLines(mark);  // whatever was in flight
  EXPECT_EQ(debugLines(gateway.process().lineCount()), 0U);
}

TEST(Routes, SupplyWhatTheInviteLacksOrForceIt) {
  SoupEndpoint mine;
  SoupEndpoint theirs;
  Gateway gateway({.sections = "[route soft]\nmatch=^sip:soft@\nuri=" + mine.uri("/soft") +
                               "\nheaders={\"from\":\"route\"}\ncontent-type=audio/l16;rate=8000\n"
                               "[route hard]\nmatch=^sip:hard@\nforce=true\nuri=" +
                               mine.uri("/hard") +
                               "\nheaders={\"from\":\"route\"}\n"
                               "[route late]\nmatch=^sip:soft@\nuri=" +
                               mine.uri("/late") + "\n"});
  const SipHeaders headers{{kHeadersHeader, percentEncode(R"({"from":"caller"})")}};
  Phone a(gateway, {.user = "soft"});
  ASSERT_EQ(a.call(""), 200);
  const auto soft = mine.waitPath("/soft", 5s);
  ASSERT_TRUE(soft.has_value()) << "the first route that matches wins";
  ASSERT_TRUE(mine.waitTexts(*soft, 1, 5s));
  EXPECT_EQ(mine.connection(*soft)->texts().at(0),
            R"({"from":"route","content-type":"audio/l16;rate=8000"})");

  Phone b(gateway, {.user = "soft"});
  ASSERT_EQ(b.call(theirs.uri("/own"), headers), 200);
  ASSERT_TRUE(theirs.waitTexts(1, 1, 5s)) << "the INVITE's own URI wins";
  EXPECT_EQ(theirs.connection(1)->texts().at(0),
            R"({"from":"caller","content-type":"audio/l16;rate=8000"})");

  Phone c(gateway, {.user = "hard"});
  ASSERT_EQ(c.call(theirs.uri("/ignored"), headers), 200);
  const auto hard = mine.waitPath("/hard", 5s);
  ASSERT_TRUE(hard.has_value()) << "a forced route overrides the INVITE";
  ASSERT_TRUE(mine.waitTexts(*hard, 1, 5s));
  EXPECT_EQ(mine.connection(*hard)->texts().at(0),
            R"({"from":"route","content-type":"audio/l16;rate=16000"})");

  Phone d(gateway, {.user = "unknown"});
  EXPECT_EQ(d.call(""), 400);
}

TEST(Limits, MediaTimeoutEndsASilentCall) {
  Gateway gateway({.set = {{"limits.media-timeout", "1"}}});
  SoupEndpoint endpoint;
  Phone phone(gateway);
  ASSERT_EQ(phone.call(endpoint.uri()), 200);
  phone.rtp().play(sine(8000, 500, 0.5, 8000));
  const auto bye = phone.sip().waitRequest("BYE", 6s);
  ASSERT_TRUE(bye.has_value());
  EXPECT_FALSE(bye->header("Reason").empty());
  EXPECT_GT(millisBetween(phone.sip().waitFinal(0ms)->at, bye->at), 1300);
  ASSERT_TRUE(endpoint.waitClosed(1, 5s));
  EXPECT_EQ(endpoint.connection(1)->closeCode, 1000U);
  const auto end = gateway.waitEnd(phone.callId());
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ((*end)["ended-by"], "gateway");
  EXPECT_NE((*end)["reason"].find("media"), std::string::npos) << (*end)["reason"];
}

TEST(Limits, CallDurationIsLimited) {
  Gateway gateway({.set = {{"limits.max-call-duration", "2"}}});
  SoupEndpoint endpoint;
  Phone phone(gateway);
  ASSERT_EQ(phone.call(endpoint.uri()), 200);
  const auto bye = phone.sip().waitRequest("BYE", 6s);
  ASSERT_TRUE(bye.has_value());
  EXPECT_NEAR(millisBetween(phone.sip().waitFinal(0ms)->at, bye->at), 2000, 500);
  const auto end = gateway.waitEnd(phone.callId());
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ((*end)["ended-by"], "gateway");
  EXPECT_NEAR(end->number("duration"), 2, 0.5);
}

TEST(Limits, StepsAreLoggedWhenAsked) {
  Gateway gateway({.set = {{"log.steps", "true"}}});
  SoupEndpoint endpoint;
  Phone phone(gateway);
  ASSERT_EQ(phone.call(endpoint.uri()), 200);
  ASSERT_TRUE(phone.hangUp());
  ASSERT_TRUE(gateway.waitEnd(phone.callId()).has_value());
  std::set<std::string> steps;
  for (const auto& record : gateway.records("call-step"))
    steps.insert(record["step"]);
  for (const char* step : {"invite", "sdp", "pipeline", "websocket-open", "answered", "bye"}) {
    EXPECT_EQ(steps.count(step), 1U) << step;
  }
}

TEST(Echo, EmbeddedEndpointSendsBackWhatItHears) {
  Gateway gateway({.set = {{"echo.listen", "127.0.0.1:0"}}});
  const auto ready = gateway.records("ready");
  ASSERT_EQ(ready.size(), 1U);
  const std::string address = ready[0]["echo"];
  ASSERT_FALSE(address.empty());
  const std::string uri = address.rfind("ws", 0) == 0 ? address : "ws://" + address + "/";
  Phone phone(gateway, {.codecs = {"L16/16000"}});
  ASSERT_EQ(phone.call(uri), 200);
  const Samples spoken = syllables(16000, 2);
  phone.rtp().play(spoken);
  ASSERT_TRUE(phone.rtp().waitReceived(100 + 20 * kTimeScale, 8s));
  EXPECT_GE(shareFound(slice(spoken, 1600, 25600), phone.rtp().decoded(), 3200, 0.99), 0.6);
  bool ownThread = false;
  const auto tasks = "/proc/" + std::to_string(gateway.pid()) + "/task";
  for (const auto& task : std::filesystem::directory_iterator(tasks))
    ownThread = ownThread || readFile(task.path().string() + "/comm") == "echo\n";
  EXPECT_TRUE(ownThread);
}

// With a connection and a tone under way.
TEST(Echo, EndsAtOnceWithACallInProgress) {
  for (int round = 0; round < 3; ++round) {
    Gateway gateway({.set = {{"echo.listen", "127.0.0.1:0"}}});
    const std::string address = gateway.records("ready").at(0)["echo"];
    Phone phone(gateway);
    ASSERT_EQ(phone.call("ws://" + address + "/tone"), 200);
    ASSERT_TRUE(phone.rtp().waitReceived(5, 5s));
    gateway.process().signal(SIGINT);
    EXPECT_EQ(gateway.process().waitExit(5s), 3) << gateway.log();
  }
}

}  // namespace
}  // namespace e2e
