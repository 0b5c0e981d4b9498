// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The gst-launch examples of pipelines/examples, run as they are, and the example lines of the
// documentation.
#include <csignal>
#include <fstream>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "ChildProcess.hpp"
#include "Pcm.hpp"
#include "SoupEndpoint.hpp"
#include "TempDir.hpp"
#include "TestPipeline.hpp"

namespace {

using elementtest::TestPipeline;
using testsupport::ChildProcess;
using testsupport::SoupEndpoint;
using namespace std::chrono_literals;

std::string example(const char* name) {
  return std::string(WSBRIDGE_SOURCE_ROOT "/pipelines/examples/") + name;
}

SoupEndpoint::Options echoing() {
  SoupEndpoint::Options options;
  options.echo = true;
  return options;
}

/// A UDP socket on a free port of loopback.
class UdpSocket {
 public:
  UdpSocket() : fd_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("bind");
    socklen_t size = sizeof address;
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  ~UdpSocket() { close(); }
  UdpSocket(const UdpSocket&) = delete;
  UdpSocket& operator=(const UdpSocket&) = delete;

  [[nodiscard]] int port() const { return port_; }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  std::string receive() const {
    const timeval limit{5, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    std::string packet(2000, '\0');
    const ssize_t size = recv(fd_, packet.data(), packet.size(), 0);
    packet.resize(static_cast<size_t>(std::max<ssize_t>(size, 0)));
    return packet;
  }

 private:
  int fd_;
  int port_ = 0;
};

/// gst-launch-1.0 is not sanitized, and so cannot load a sanitized plugin.
#ifdef __SANITIZE_ADDRESS__
#define NEEDS_GST_LAUNCH() GTEST_SKIP() << "gst-launch-1.0 cannot load a sanitized plugin"
#else
#define NEEDS_GST_LAUNCH() static_cast<void>(0)
#endif

TEST(Examples, FileThroughEndpoint) {
  NEEDS_GST_LAUNCH();
  SoupEndpoint endpoint(echoing());
  const testsupport::TempDir dir("wsbridge-example");
  const auto speech = testsupport::syllables(16000, 3.0);
  const std::string in = dir.path() + "/in.wav";
  const std::string out = dir.path() + "/out.wav";
  ASSERT_EQ(wire::writeWav(in, {16000, speech}), "");
  ChildProcess process({example("file-through-endpoint.sh"), in, out, endpoint.uri()}, {});
  ASSERT_EQ(process.waitExit(20s), 0) << process.output();
  wire::Wav returned;
  EXPECT_EQ(wire::readWav(out, returned), "");
  EXPECT_EQ(returned.rate, 16000U);
  const auto match =
      testsupport::findIn(testsupport::slice(speech, 16000, 24000), returned.samples);
  EXPECT_GT(match.correlation, 0.99);
  EXPECT_NEAR(match.gainDb, 0, 0.2);
}

TEST(Examples, MicrophoneAndSpeaker) {
  NEEDS_GST_LAUNCH();
  SoupEndpoint endpoint(echoing());
  ChildProcess process({"/usr/bin/env", "SOURCE=audiotestsrc is-live=true", "SINK=fakesink",
                        example("microphone-and-speaker.sh"), endpoint.uri()},
                       {});
  ASSERT_TRUE(endpoint.waitConnections(1, 10s)) << process.output();
  ASSERT_TRUE(endpoint.waitBinaries(1, 20, 10s));
  process.signal(SIGINT);
  EXPECT_EQ(process.waitExit(10s), 0) << process.output();
  EXPECT_TRUE(endpoint.waitClosed(1, 5s));
}

TEST(Examples, ToneTest) {
  NEEDS_GST_LAUNCH();
  SoupEndpoint endpoint(echoing());
  ChildProcess process({example("tone-test.sh"), endpoint.uri()}, {});
  ASSERT_EQ(process.waitExit(20s), 0) << process.output();
  EXPECT_NE(process.output().find("rms"), std::string::npos);
  EXPECT_EQ(endpoint.connection(1)->binaries().size(), 150U);
}

TEST(Examples, RtpFromAnEndpointAndRtpToAnEndpoint) {
  NEEDS_GST_LAUNCH();
  SoupEndpoint receiver;
  SoupEndpoint::Options options;
  options.onOpen = [](SoupEndpoint& endpoint, int id) {
    endpoint.sendBinary(id, testsupport::toBytes(testsupport::sine(16000, 440, 10, 8000)));
  };
  SoupEndpoint sender(options);
  UdpSocket reserved;
  const std::string port = std::to_string(reserved.port());
  reserved.close();
  ChildProcess in({example("rtp-to-endpoint.sh"), port, receiver.uri()}, {});
  ASSERT_TRUE(receiver.waitConnections(1, 10s)) << in.output();
  ChildProcess out({example("endpoint-to-rtp.sh"), "127.0.0.1", port, sender.uri()}, {});
  ASSERT_TRUE(receiver.waitBinaries(1, 100, 15s)) << in.output() << out.output();
  const auto audio = testsupport::fromBytes(receiver.connection(1)->audio());
  const auto steady = testsupport::slice(audio, 16000, 8192);
  EXPECT_NEAR(testsupport::dominantHertz(steady, 16000), 440, 10);
  EXPECT_GT(testsupport::powerShare(steady, 16000, 440, 30), 0.9);
  out.signal(SIGINT);
  EXPECT_EQ(out.waitExit(10s), 0) << out.output();
  in.signal(SIGINT);
  EXPECT_EQ(in.waitExit(10s), 0) << in.output();
}

/// The launch lines of the doc blocks: between "|[" and "]|", each line after " * ".
std::vector<std::string> documentedLines() {
  std::vector<std::string> lines;
  for (const char* name :
       {"jitter/wsbridgejitterbuffer", "rtpcodec/wsbridgertpdec", "rtpcodec/wsbridgertpenc",
        "bridge/wsbridgesink", "bridge/wsbridgesrc"}) {
    std::ifstream source(std::string(WSBRIDGE_SOURCE_ROOT "/plugins/") + name + ".cpp");
    bool inside = false;
    for (std::string line; std::getline(source, line);) {
      if (line == " * ]|") inside = false;
      if (inside) lines.push_back(line.substr(3));
      if (line == " * |[") inside = true;
    }
  }
  return lines;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

TEST(Examples, EveryLineOfTheDocBlocksRuns) {
  NEEDS_GST_LAUNCH();
  const auto lines = documentedLines();
  ASSERT_GE(lines.size(), 4U);
  const testsupport::TempDir dir("wsbridge-doc");
  ASSERT_EQ(
      wire::writeWav(dir.path() + "/question.wav", {16000, testsupport::syllables(16000, 1.0)}),
      "");
  for (const std::string& documented : lines) {
    SoupEndpoint endpoint(echoing());
    std::string line = replaced(documented, "ws://127.0.0.1:8080",
                                "ws://127.0.0.1:" + std::to_string(endpoint.port()));
    line = replaced(line, "autoaudiosink", "fakesink");
    line = replaced(line, "port=5004", "port=0");
    line = replaced(line, "location=", "location=" + dir.path() + "/");
    line = replaced(line, "gst-launch-1.0 ", "gst-launch-1.0 -v ");
    ChildProcess process({"/bin/sh", "-c", "exec " + line}, {});
    if (line.find("ws://") != std::string::npos) {
      EXPECT_TRUE(endpoint.waitConnections(1, 10s)) << line << "\n" << process.output();
      EXPECT_TRUE(endpoint.waitTexts(1, 1, 5s)) << line;
      // An interrupt before a file's header has been read would be an error of its parser.
      if (line.find("filesrc") != std::string::npos) {
        EXPECT_TRUE(endpoint.waitBinaries(1, 1, 10s)) << line;
      }
    } else {
      // An interrupt before the caps have gone through would be an error of the source.
      EXPECT_TRUE(process.waitForLine("Sink:.*sink: caps = ", 10s).has_value()) << process.output();
    }
    process.signal(SIGINT);
    EXPECT_TRUE(process.waitExit(10s).has_value()) << line;
    EXPECT_EQ(process.linesMatching("ERROR|erroneous|WARNING").size(), 0U) << process.output();
  }
}

TEST(Examples, NetworkByteOrderPassesWithoutAConverter) {
  SoupEndpoint endpoint(echoing());
  UdpSocket socket;
  TestPipeline pipeline(
      "audiotestsrc is-live=true samplesperbuffer=160 freq=440 ! "
      "audio/x-raw,format=S16BE,rate=8000,channels=1 ! audioresample ! "
      "wsbridgesink connection=be content-type=audio/l16;rate=8000 uri=" +
      endpoint.uri() +
      " wsbridgesrc connection=be fallback=silence ! audioresample ! rtpL16pay min-ptime=20000000 "
      "max-ptime=20000000 ! "
      "udpsink host=127.0.0.1 sync=false async=false port=" +
      std::to_string(socket.port()));
  pipeline.play();
  testsupport::Samples samples;
  for (int i = 0; i < 60; ++i) {
    const std::string packet = socket.receive();
    ASSERT_EQ(packet.size(), 12U + 320U);
    for (size_t at = 12; at + 1 < packet.size(); at += 2) {
      samples.push_back(static_cast<int16_t>(static_cast<uint8_t>(packet[at]) << 8 |
                                             static_cast<uint8_t>(packet[at + 1])));
    }
  }
  const auto steady = testsupport::slice(samples, samples.size() - 4096, 4096);
  EXPECT_NEAR(testsupport::dominantHertz(steady, 8000), 440, 10);
  EXPECT_GT(testsupport::powerShare(steady, 8000, 440, 30), 0.9);
}

}  // namespace
