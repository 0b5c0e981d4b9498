// SPDX-License-Identifier: LGPL-2.1-or-later
// Other people's user agents: sipp scenarios and baresip, calling and being called.
#include <algorithm>
#include <filesystem>

#include <signal.h>

#include <gtest/gtest.h>

#include "Phone.hpp"
#include "RawEndpoint.hpp"
#include "SoupEndpoint.hpp"

namespace e2e {
namespace {

std::string scenario(const std::string& name) {
  const char* directory = std::getenv("WSBRIDGE_SIPP_DIR");
  return std::string(directory == nullptr ? "sipp" : directory) + "/" + name;
}

std::string muLaw(const Samples& samples) {
  return RtpPeer::encodePayload("PCMU", samples);
}

// One run of sipp in a directory of its own that holds the speech.
struct Sipp {
  TempDir dir{"wsbridge-sipp"};
  int status = -1;
  std::string text;

  std::vector<std::string> command(const std::string& file, const std::vector<std::string>& more) {
    dir.write("speech.ulaw", muLaw(speech(8000, "One two three four five.")));
    std::vector<std::string> words{"sipp",
                                   "-sf",
                                   scenario(file),
                                   "-i",
                                   "127.0.0.1",
                                   "-mi",
                                   "127.0.0.1",
                                   "-m",
                                   "1",
                                   "-nostdin",
                                   "-timeout",
                                   "20s",
                                   "-timeout_error",
                                   "-default_behaviors",
                                   "all,-abortunexp",
                                   "-trace_err",
                                   "-error_file",
                                   dir.file("errors.log")};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  ChildProcess::Options options() const {
    ChildProcess::Options result;
    result.directory = dir.path();
    result.environment["TERM"] = "dumb";
    return result;
  }

  void call(const Gateway& gateway, const std::string& file, const std::string& uri,
            bool tcp = false) {
    const int port = tcp ? gateway.tcpPort() : gateway.udpPort();
    ChildProcess process(
        command(file, {"-p", std::to_string(freePort()), "-t", tcp ? "t1" : "u1", "-key", "uri",
                       percentEncode(uri), "127.0.0.1:" + std::to_string(port)}),
        options());
    status = process.waitExit(25s).value_or(-1);
    text = readFile(dir.file("errors.log"));
  }
};

class SippCalls : public ::testing::Test {
 protected:
  E2E_SHARED_GATEWAY((Gateway::Options{}));
  SoupEndpoint endpoint_{{.echo = true}};
};

TEST_F(SippCalls, BasicCallWithSpeech) {
  for (const bool tcp : {false, true}) {
    const size_t before = endpoint_.count();
    Sipp sipp;
    sipp.call(*gateway, "uac_basic.xml", endpoint_.uri("/sipp"), tcp);
    EXPECT_EQ(sipp.status, 0) << sipp.text;
    ASSERT_EQ(endpoint_.count(), before + 1);
    const int id = static_cast<int>(before + 1);
    ASSERT_TRUE(endpoint_.waitClosed(id, 5s));
    const auto record = endpoint_.connection(id);
    EXPECT_EQ(record->closeCode, 1000U);
    const Samples spoken = resample(speech(8000, "One two three four five."), 8000, 16000);
    const Samples part = slice(spoken, 1600, std::min<size_t>(spoken.size() - 3200, 24000));
    const Match match = findIn(part, fromBytes(record->audio()));
    EXPECT_GT(match.correlation, 0.95) << "over " << (tcp ? "TCP" : "UDP");
    EXPECT_NEAR(match.gainDb, 0, 1);
  }
}

TEST_F(SippCalls, Cancel) {
  RawEndpoint mute(Misbehaviour::NeverAnswers);
  Sipp sipp;
  sipp.call(*gateway, "uac_cancel.xml", mute.uri());
  EXPECT_EQ(sipp.status, 0) << sipp.text;
  EXPECT_TRUE(mute.waitServed(1, 5s));
}

TEST_F(SippCalls, ReInvite) {
  Sipp sipp;
  sipp.call(*gateway, "uac_reinvite.xml", endpoint_.uri());
  EXPECT_EQ(sipp.status, 0) << sipp.text;
  EXPECT_EQ(endpoint_.count(), 1U);
}

TEST_F(SippCalls, InfoDtmfRelay) {
  Sipp sipp;
  sipp.call(*gateway, "uac_info.xml", endpoint_.uri());
  EXPECT_EQ(sipp.status, 0) << sipp.text;
  ASSERT_TRUE(endpoint_.waitTexts(1, 4, 5s));
  const auto texts = endpoint_.connection(1)->texts();
  ASSERT_EQ(texts.size(), 4U);
  EXPECT_EQ(texts[1], R"({"digit":"1","duration":160})");
  EXPECT_EQ(texts[2], R"({"digit":"#","duration":200})");
  EXPECT_EQ(texts[3], R"({"digit":"9","duration":120})");
}

// `wsbridge-launcher call` dials out, bridges the answered call and ends when the called side hangs
// up.
std::unique_ptr<ChildProcess> dialOut(const std::string& target, const std::string& uri,
                                      const std::vector<std::string>& settings = {}) {
  std::vector<std::string> words{Gateway::program(),
                                 "call",
                                 target,
                                 "--websocket-uri",
                                 uri,
                                 "--set",
                                 "sip.listen=udp:127.0.0.1:0",
                                 "--set",
                                 "rtp.address=127.0.0.1",
                                 "--set",
                                 "websocket.allow=127.0.0.1"};
  for (const std::string& setting : settings)
    words.insert(words.end(), {"--set", setting});
  return std::make_unique<ChildProcess>(words, Gateway::environment());
}

TEST(DialOut, SippAnswersAndHangsUp) {
  SoupEndpoint endpoint({.echo = true});
  Sipp sipp;
  const std::string port = std::to_string(freePort());
  ChildProcess called(sipp.command("uas_answer.xml", {"-p", port, "-t", "u1"}), sipp.options());
  // sipp says nothing when it listens: the INVITE is repeated until it does.
  const auto launcher = dialOut("sip:sipp@127.0.0.1:" + port, endpoint.uri("/out"));
  EXPECT_EQ(called.waitExit(25s), 0) << readFile(sipp.dir.file("errors.log")) << launcher->output();
  EXPECT_EQ(launcher->waitExit(10s), 0) << launcher->output();
  ASSERT_TRUE(endpoint.waitConnections(1, 1s));
  ASSERT_TRUE(endpoint.waitClosed(1, 5s));
  const auto record = endpoint.connection(1);
  EXPECT_EQ(record->closeCode, 1000U);
  const Samples spoken = resample(speech(8000, "One two three four five."), 8000, 16000);
  const Samples part = slice(spoken, 1600, std::min<size_t>(spoken.size() - 3200, 24000));
  EXPECT_GT(findIn(part, fromBytes(record->audio())).correlation, 0.95);
}

TEST(DialOut, EndpointHangsUp) {
  SoupEndpoint endpoint;
  SipCaller called(SipCaller::Options{});
  RtpPeer media;
  const auto launcher =
      dialOut("sip:bob@127.0.0.1:" + std::to_string(called.localPort()), endpoint.uri());
  const auto invite = called.waitRequest("INVITE", 15s);
  ASSERT_TRUE(invite.has_value()) << launcher->output();
  const auto offer = parseSdp(invite->body);
  ASSERT_TRUE(offer.has_value());
  EXPECT_GE(offer->payloadTypeOf("PCMU"), 0);
  EXPECT_GE(offer->payloadTypeOf("telephone-event"), 0);
  called.respond(*invite, 180, "Ringing");
  called.respond(*invite, 200, "OK", makeSdp(media.port(), {"PCMU", "telephone-event"}));
  ASSERT_TRUE(called.waitRequest("ACK", 5s).has_value());
  media.setFormat("PCMU", 0);
  media.setRemote(offer->address, offer->port);
  ASSERT_TRUE(endpoint.waitTexts(1, 1, 5s)) << launcher->output();
  // We have sent the ACK, to a loopback peer that names a loopback address.
  ASSERT_TRUE(media.waitReceived(5, 5s));
  media.play(sine(8000, 600, 1, 8000));
  ASSERT_TRUE(endpoint.waitBinaries(1, 45, 5s));
  ASSERT_TRUE(media.waitReceived(30, 5s));
  endpoint.close(1, 1000, "thank you");
  EXPECT_TRUE(called.waitRequest("BYE", 5s).has_value());
  EXPECT_EQ(launcher->waitExit(10s), 0) << launcher->output();
}

TEST(DialOut, RefusalIsTheExitStatus) {
  SoupEndpoint endpoint;
  SipCaller called(SipCaller::Options{});
  const auto launcher =
      dialOut("sip:bob@127.0.0.1:" + std::to_string(called.localPort()), endpoint.uri());
  const auto invite = called.waitRequest("INVITE", 15s);
  ASSERT_TRUE(invite.has_value()) << launcher->output();
  called.respond(*invite, 486, "Busy Here");
  EXPECT_TRUE(called.waitRequest("ACK", 5s).has_value());
  const auto status = launcher->waitExit(10s);
  ASSERT_TRUE(status.has_value());
  EXPECT_NE(*status, 0);
  EXPECT_NE(launcher->output().find("486"), std::string::npos) << launcher->output();
}

TEST(DialOut, WhoeverCannotBeReachedHasNotAnswered) {
  SoupEndpoint endpoint;
  const std::string closed = "sip:bob@127.0.0.1:" + std::to_string(freePort());
  for (const char* transport : {"udp", "tcp"}) {
    const auto launcher = dialOut(closed + ";transport=" + transport, endpoint.uri(),
                                  {std::string("sip.listen=") + transport + ":127.0.0.1:0"});
    EXPECT_EQ(launcher->waitExit(15s), 1) << launcher->output();
    const std::string log = launcher->output();
    EXPECT_NE(log.find("reason=dial-failed detail=\"not reached: connection refused\" status=0"),
              std::string::npos)
        << log;
  }
}

TEST(DialOut, ASignalEndsTheCallAndItsOutcomeIsTheStatus) {
  SoupEndpoint endpoint;
  SipCaller called(SipCaller::Options{});
  const auto launcher =
      dialOut("sip:bob@127.0.0.1:" + std::to_string(called.localPort()), endpoint.uri());
  const auto invite = called.waitRequest("INVITE", 15s);
  ASSERT_TRUE(invite.has_value()) << launcher->output();
  called.respond(*invite, 200, "OK", makeSdp(freePort(), {"PCMU"}));
  ASSERT_TRUE(endpoint.waitTexts(1, 1, 5s)) << launcher->output();
  launcher->signal(SIGINT);
  EXPECT_TRUE(called.waitRequest("BYE", 5s).has_value());
  EXPECT_EQ(launcher->waitExit(10s), 0) << "they were connected\n" << launcher->output();
}

TEST(DialOut, AnAnswer503IsThePeers) {
  SoupEndpoint endpoint;
  SipCaller called(SipCaller::Options{});
  const auto launcher =
      dialOut("sip:bob@127.0.0.1:" + std::to_string(called.localPort()), endpoint.uri());
  const auto invite = called.waitRequest("INVITE", 15s);
  ASSERT_TRUE(invite.has_value()) << launcher->output();
  called.respond(*invite, 503, "Service Unavailable");
  EXPECT_EQ(launcher->waitExit(10s), 1);
  EXPECT_NE(launcher->output().find("detail=\"503 Service Unavailable\" status=503"),
            std::string::npos)
      << launcher->output();
}

// One that redirects, and one that is redirected to.
struct Redirection {
  SoupEndpoint endpoint;
  SipCaller first{SipCaller::Options{}};
  SipCaller second{SipCaller::Options{}};
  std::unique_ptr<ChildProcess> launcher;

  void begin(const std::string& allow, int status = 302) {
    std::vector<std::string> settings;
    if (!allow.empty()) settings.push_back("sip.redirect-allow=" + allow);
    launcher =
        dialOut("sip:bob@127.0.0.1:" + std::to_string(first.localPort()), endpoint.uri(), settings);
    const auto invite = first.waitRequest("INVITE", 15s);
    ASSERT_TRUE(invite.has_value()) << launcher->output();
    first.respond(*invite, status, "Moved", "",
                  "<sip:eve@127.0.0.1:" + std::to_string(second.localPort()) + ">");
  }
  void expectFailure(const std::string& status) {
    EXPECT_TRUE(first.waitRequest("ACK", 5s).has_value());
    EXPECT_EQ(launcher->waitExit(10s), 1) << launcher->output();
    EXPECT_NE(launcher->output().find("reason=dial-failed"), std::string::npos);
    EXPECT_NE(launcher->output().find("detail=\"" + status), std::string::npos)
        << launcher->output();
    EXPECT_EQ(second.received(), 0U) << "it has ended, so nothing can come any more";
    EXPECT_EQ(endpoint.count(), 0U);
  }
};

TEST(DialOut, ARedirectionIsFollowedNowhere) {
  for (const int status : {301, 302, 305, 380}) {
    Redirection redirection;
    redirection.begin("", status);
    redirection.expectFailure(std::to_string(status));
  }
}

TEST(DialOut, ARedirectionToAHostThatIsNotNamedIsNotFollowed) {
  Redirection redirection;
  redirection.begin("127.0.0.2;*.example.com");
  redirection.expectFailure("302");
}

TEST(DialOut, ARedirectionToANamedHostIsFollowed) {
  Redirection redirection;
  redirection.begin("127.0.0.1");
  const auto invite = redirection.second.waitRequest("INVITE", 5s);
  ASSERT_TRUE(invite.has_value()) << redirection.launcher->output();
  RtpPeer media;
  redirection.second.respond(*invite, 200, "OK", makeSdp(media.port(), {"PCMU"}));
  ASSERT_TRUE(redirection.second.waitRequest("ACK", 5s).has_value());
  ASSERT_TRUE(redirection.endpoint.waitTexts(1, 1, 5s)) << redirection.launcher->output();
  redirection.endpoint.close(1, 1000, "thank you");
  EXPECT_TRUE(redirection.second.waitRequest("BYE", 5s).has_value());
  EXPECT_EQ(redirection.launcher->waitExit(10s), 0) << redirection.launcher->output();
}

TEST(DialOut, RedirectionsInACircleEnd) {
  Redirection redirection;
  redirection.begin("127.0.0.1");
  SipCaller& itself = redirection.second;
  size_t seen = 0;
  while (seen < 10 && eventually([&] { return itself.requests("INVITE").size() > seen; }, 2s)) {
    const auto all = itself.requests("INVITE");
    seen = all.size();
    itself.respond(all.back(), 302, "Moved", "",
                   "<sip:eve@127.0.0.1:" + std::to_string(itself.localPort()) + ">");
  }
  EXPECT_EQ(redirection.launcher->waitExit(10s), 1) << redirection.launcher->output();
  EXPECT_EQ(seen, 3U);
}

struct BaresipCodec {
  const char* name;  // as in its accounts file
  int rate;
};

void PrintTo(const BaresipCodec& codec, std::ostream* out) {
  *out << codec.name;
}

// A headless baresip: plays a WAV file, hangs up at its end, and by its module sndfile records what
// it hears.
class Baresip {
 public:
  // Silence behind the words keeps the call up.
  Baresip(const Samples& words, const BaresipCodec& codec, int silentSeconds) {
    Samples all = words;
    all.resize(all.size() + static_cast<size_t>(codec.rate * silentSeconds));
    dir_.write("in.wav", wavFile({static_cast<uint32_t>(codec.rate), all}));
    dir_.write("accounts",
               std::string("<sip:bob@127.0.0.1>;regint=0;answermode=auto;audio_codecs=") +
                   codec.name + "\n");
    dir_.write("contacts", "");
    port_ = freePort();
    const std::string rate = std::to_string(codec.rate);
    dir_.write(
        "config",
        "poll_method epoll\nsip_listen 127.0.0.1:" + std::to_string(port_) +
            "\naudio_player aubridge,nil\naudio_source aufile," + dir_.file("in.wav") +
            "\naudio_alert aubridge,none\nausrc_srate " + rate + "\nauplay_srate " + rate +
            "\nausrc_channels 1\nauplay_channels 1\njitter_buffer_delay 1-10\n"
            "net_interface 127.0.0.1\nmodule_path /usr/lib/baresip/modules\nmodule stdio.so\n"
            "module g711.so\nmodule l16.so\nmodule sndfile.so\nmodule aubridge.so\nmodule "
            "aufile.so\n"
            "module_tmp account.so\nmodule_app menu.so\nsnd_path " +
            dir_.path() + "\n");
  }

  int port() const { return port_; }
  void start(const std::string& dial) {
    std::vector<std::string> command{"baresip", "-4", "-f", dir_.path(), "-t", "40"};
    if (!dial.empty()) command.insert(command.end(), {"-e", "/dial " + dial});
    ChildProcess::Options options;
    options.directory = dir_.path();
    process_ = std::make_unique<ChildProcess>(command, options);
  }
  ChildProcess& process() { return *process_; }
  void stop() {
    process_->signal(SIGTERM);
    process_->waitExit(10s);
  }

  // What it heard; readable once it has stopped.
  Samples heard() const {
    for (const auto& entry : std::filesystem::directory_iterator(dir_.path())) {
      const std::string name = entry.path().filename();
      if (name.rfind("dump-", 0) == 0 && name.find("dec") != std::string::npos) {
        Wav heard;
        EXPECT_EQ(readWav(entry.path(), heard), "");
        return heard.samples;
      }
    }
    return {};
  }

 private:
  TempDir dir_{"wsbridge-baresip"};
  int port_ = 0;
  std::unique_ptr<ChildProcess> process_;
};

class BaresipCalls : public ::testing::TestWithParam<BaresipCodec> {};

TEST_P(BaresipCalls, SpeechThereAndBack) {
  const BaresipCodec codec = GetParam();
  SoupEndpoint endpoint;
  Gateway gateway({.sections = "[route all]\nmatch=.*\nuri=" + endpoint.uri("/baresip") + "\n"});
  const Samples spoken = speech(codec.rate, "Baresip says hello to the bridge.");
  const Samples answer = speech(16000, "And the bridge says hello to baresip.");
  Baresip phone(spoken, codec, 15);
  phone.start("sip:bridge@127.0.0.1:" + std::to_string(gateway.udpPort()));
  ASSERT_TRUE(endpoint.waitTexts(1, 1, 15s)) << phone.process().output() << gateway.log();
  endpoint.sendBinary(1, toBytes(answer));
  const size_t frames =
      std::max(spoken.size() * 50 / static_cast<size_t>(codec.rate), answer.size() / 320);
  ASSERT_TRUE(endpoint.waitBinaries(1, frames + 25, 20s)) << phone.process().output();
  endpoint.close(1, 1000, "done");
  EXPECT_TRUE(gateway.process().waitForLine("call-end", 10s).has_value());
  phone.stop();
  const auto ends = gateway.records("call-end");
  ASSERT_EQ(ends.size(), 1U);
  EXPECT_EQ(ends[0]["ended-by"], "endpoint");
  EXPECT_EQ(ends[0].number("lost"), 0);
  const Samples up = resample(spoken, codec.rate, 16000);
  const Match there =
      findIn(slice(up, 3200, up.size() - 6400), fromBytes(endpoint.connection(1)->audio()));
  EXPECT_GT(there.correlation, 0.95);
  EXPECT_NEAR(there.gainDb, 0, 1);
  const Samples down = resample(answer, 16000, codec.rate);
  const Samples heard = phone.heard();
  ASSERT_FALSE(heard.empty()) << phone.process().output();
  const Match back = findIn(slice(down, 1600, down.size() - 3200), heard);
  EXPECT_GT(back.correlation, 0.9);
  EXPECT_NEAR(back.gainDb, 0, 1);
}

INSTANTIATE_TEST_SUITE_P(Codecs, BaresipCalls,
                         ::testing::Values(BaresipCodec{"pcmu", 8000}, BaresipCodec{"pcma", 8000},
                                           BaresipCodec{"L16/16000/1", 16000}));

TEST(BaresipCalled, AnswersACallFromTheLauncher) {
  SoupEndpoint endpoint;
  const Samples spoken = speech(8000, "This is the called side speaking.");
  Baresip phone(spoken, {"pcmu", 8000}, 1);
  phone.start("");
  ASSERT_TRUE(phone.process().waitForLine("baresip is ready", 10s).has_value())
      << phone.process().output();
  const auto launcher =
      dialOut("sip:bob@127.0.0.1:" + std::to_string(phone.port()), endpoint.uri());
  ASSERT_TRUE(endpoint.waitTexts(1, 1, 15s)) << launcher->output() << phone.process().output();
  // The end of its file is the end of the call.
  EXPECT_EQ(launcher->waitExit(20s), 0) << launcher->output();
  ASSERT_TRUE(endpoint.waitClosed(1, 5s));
  const auto record = endpoint.connection(1);
  EXPECT_EQ(record->closeCode, 1000U);
  const Samples up = resample(spoken, 8000, 16000);
  EXPECT_GT(findIn(slice(up, 3200, up.size() - 6400), fromBytes(record->audio())).correlation,
            0.95);
}

}  // namespace
}  // namespace e2e
