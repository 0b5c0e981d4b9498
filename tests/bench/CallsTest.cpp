// SPDX-License-Identifier: LGPL-2.1-or-later
// The measuring tools in whole calls, against phones and endpoints that behave as they are told.
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include <poll.h>
#include <sys/socket.h>

#include <gtest/gtest.h>

#include "EchoPhone.hpp"
#include "EchoServer.hpp"
#include "EndpointReport.hpp"
#include "FloorRelay.hpp"
#include "LoadOptions.hpp"
#include "LoadReport.hpp"
#include "LoadRun.hpp"
#include "wire/Text.hpp"
#include "wire/WebSocketFrame.hpp"

namespace {

using namespace bench;

class RawClient {
 public:
  explicit RawClient(const sockaddr_in& address)
      : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    connected_ =
        connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  bool connected() const { return connected_; }
  void send(const std::string& bytes) {
    size_t at = 0;
    while (at < bytes.size()) {
      const ssize_t sent =
          ::send(socket_.get(), bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
      if (sent <= 0) return;
      at += static_cast<size_t>(sent);
    }
  }
  void sendMasked(Opcode opcode, std::string_view payload) {
    std::string frame;
    appendMaskedFrame(frame, opcode, true, payload, 0x44332211);
    send(frame);
  }
  // One more piece of input; false when the peer has closed or nothing came in 5 s.
  bool more() {
    pollfd item{socket_.get(), POLLIN, 0};
    if (poll(&item, 1, 5000) != 1) return false;
    char buffer[65536];
    const ssize_t got = recv(socket_.get(), buffer, sizeof buffer, 0);
    if (got <= 0) return false;
    input_.append(buffer, static_cast<size_t>(got));
    return true;
  }
  std::string head() {
    size_t end = 0;
    while ((end = input_.find("\r\n\r\n")) == std::string::npos)
      if (!more()) return "";
    std::string text = input_.substr(0, end + 4);
    input_.erase(0, end + 4);
    return text;
  }
  bool frame(Opcode& opcode, std::string& payload) {
    for (;;) {
      Frame frame;
      const FrameResult result = parseFrame(input_.data(), input_.size(), Sender::Server, frame);
      if (result == FrameResult::Broken) return false;
      if (result == FrameResult::Complete) {
        opcode = frame.opcode;
        payload = frame.payload;
        input_.erase(0, frame.size);
        return true;
      }
      if (!more()) return false;
    }
  }

 private:
  FileDescriptor socket_;
  bool connected_ = false;
  std::string input_;
};

std::string request(const std::string& target, const std::string& more) {
  return "GET " + target + " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n" +
         "Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
         more + "\r\n";
}

TEST(Bench, Echo) {
  sockaddr_in any{};
  EXPECT_TRUE(parseAddress("127.0.0.1:0", any));
  EchoServer server(false);
  const std::string fault = server.listen(any);
  EXPECT_TRUE(fault.empty());
  if (!fault.empty()) return;
  std::thread thread([&server] { server.run(); });

  RawClient client(server.address());
  EXPECT_TRUE(client.connected());
  client.send(
      request("/echo", "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: x, WSBRIDGE\r\n"));
  const std::string head = client.head();
  EXPECT_TRUE(head.starts_with("HTTP/1.1 101 "));
  EXPECT_TRUE(head.find("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n") !=
              std::string::npos);
  EXPECT_TRUE(head.find("Sec-WebSocket-Protocol: WSBRIDGE\r\n") != std::string::npos);
  Opcode opcode{};
  std::string payload;
  client.sendMasked(Opcode::Text, R"({"content-type":"audio/l16;rate=16000"})");
  for (const size_t size : {1u, 125u, 640u, 70000u}) {
    std::string audio(size, '\0');
    for (size_t i = 0; i < size; ++i)
      audio[i] = static_cast<char>(i * 7);
    client.sendMasked(Opcode::Binary, audio);
    EXPECT_TRUE(client.frame(opcode, payload) && opcode == Opcode::Binary && payload == audio);
  }
  client.sendMasked(Opcode::Ping, "hello");
  EXPECT_TRUE(client.frame(opcode, payload) && opcode == Opcode::Pong && payload == "hello");
  client.sendMasked(Opcode::Close, "\x03\xe8");
  EXPECT_TRUE(client.frame(opcode, payload) && opcode == Opcode::Close && payload == "\x03\xe8");
  EXPECT_TRUE(!client.more());

  RawClient burst(server.address());
  burst.send(request("/burst?seconds=2", "Sec-WebSocket-Version: 13\r\n"));
  EXPECT_TRUE(burst.head().find("Sec-WebSocket-Protocol") == std::string::npos);
  burst.sendMasked(Opcode::Text, R"({"content-type":"audio/l16;rate=8000"})");
  std::vector<int16_t> expected;
  renderNumbered(8000, 100, expected);
  std::string all;
  for (int i = 0; i < 100 && burst.frame(opcode, payload); ++i) {
    EXPECT_TRUE(opcode == Opcode::Binary && payload.size() == 320);
    all += payload;
  }
  EXPECT_TRUE(
      all == std::string_view(reinterpret_cast<const char*>(expected.data()), expected.size() * 2));

  RawClient wrong(server.address());
  wrong.send(request("/echo", "Sec-WebSocket-Version: 8\r\n"));
  EXPECT_TRUE(wrong.head().starts_with("HTTP/1.1 426 "));

  RawClient unmasked(server.address());
  unmasked.send(request("/echo", "Sec-WebSocket-Version: 13\r\n"));
  EXPECT_TRUE(unmasked.head().starts_with("HTTP/1.1 101 "));
  std::string frame;
  appendFrame(frame, Opcode::Binary, true, "abcd");
  unmasked.send(frame);
  EXPECT_TRUE(unmasked.frame(opcode, payload) && opcode == Opcode::Close && payload == "\x03\xea");

  server.stop();
  thread.join();
}

LoadReport callUri(const std::string& uri, std::vector<std::string> more, LoadOptions& options) {
  more.insert(more.begin(), {"wsbridge-load", "--target", uri, "--calls", "2", "--rate", "100"});
  std::vector<char*> arguments;
  arguments.reserve(more.size());
  for (std::string& text : more)
    arguments.push_back(text.data());
  std::string fault;
  EXPECT_TRUE(parseLoadOptions(static_cast<int>(arguments.size()), arguments.data(), options,
                               fault) == ParseResult::Run);
  LoadReport report;
  LoadRun run(options);
  EXPECT_TRUE(run.run(report).empty());
  return report;
}

LoadReport callPhone(const EchoPhone& phone, std::vector<std::string> more, LoadOptions& options) {
  return callUri(phone.uri(), std::move(more), options);
}

// What is withheld does not arrive, and what is delayed arrives, some of it out of order.
TEST(Bench, LossAndJitter) {
  {
    LoadOptions options;
    EchoPhone phone({});
    const LoadReport report =
        callPhone(phone, {"--duration", "3", "--loss", "20", "--jitter", "50"}, options);
    phone.end();
    const MediaResults& media = report.media;
    EXPECT_TRUE(media.sent == phone.received());
    const double share =
        static_cast<double>(media.withheld) / static_cast<double>(media.withheld + media.sent);
    EXPECT_TRUE(share > 0.12 && share < 0.28);
    EXPECT_TRUE(phone.reordered() >= media.sent / 10);
    EXPECT_TRUE(report.roundTripMs.count > 0 && media.crossTalk == 0);
  }
  LoadOptions options;
  EchoPhone phone({});
  const LoadReport report = callPhone(phone, {"--duration", "1"}, options);
  phone.end();
  EXPECT_TRUE(report.media.withheld == 0 && phone.reordered() == 0);
}

TEST(Bench, Churn) {
  LoadOptions options;
  EchoPhone phone({});
  const LoadReport report =
      callPhone(phone, {"--duration", "3", "--churn", "10", "--hold", "0.5"}, options);
  phone.end();
  EXPECT_TRUE(report.established == 2 && report.failed() == 0 && report.churn.has_value());
  if (!report.churn) return;
  EXPECT_TRUE(report.churn->started >= 27 && report.churn->started <= 32);
  EXPECT_TRUE(report.churn->established == report.churn->started && report.churn->failed() == 0);
  EXPECT_TRUE(report.churn->setupMs.count == report.churn->established);
  EXPECT_TRUE(phone.byes() == 2 + report.churn->started);
  // Half a second each, but the last ones are ended early.
  EXPECT_TRUE(report.churn->callSeconds > 0.4 * report.churn->started);
  EXPECT_TRUE(report.churn->received > 15ul * report.churn->started && report.churn->lost == 0);
  EXPECT_TRUE(report.media.stream.lost == 0 && report.media.crossTalk == 0);
}

// The whole way: load generator, floor, endpoint; its report of each call's audio.
TEST(Bench, Floor) {
  sockaddr_in any{};
  EXPECT_TRUE(parseAddress("127.0.0.1:0", any));
  const std::string path = "bench-self-test.jsonl";
  std::remove(path.c_str());
  EchoServer server(false, path);
  FloorRelay relay;
  const std::string fault = server.listen(any) + relay.listen(any, 2, kMillisecond);
  EXPECT_TRUE(fault.empty());
  if (!fault.empty()) return;
  std::thread endpoint([&server] { server.run(); });
  std::thread floor([&relay] { relay.run(); });
  const std::string uri = "sip:floor@" + addressText(relay.address());
  const std::string echo = "ws://" + addressText(server.address()) + "/echo";
  for (const char* codec : {"pcmu", "l16"}) {
    LoadOptions options;
    const LoadReport report =
        callUri(uri,
                {"--websocket-uri", echo, "--duration", "3", "--codec", codec, "--endpoint-report",
                 path, "--expect-no-loss", "--expect-timeline"},
                options);
    EXPECT_TRUE(report.established == 2 && report.failed() == 0 && report.setupMs.max < 1000);
    EXPECT_TRUE(report.verdict(options).empty());
    EXPECT_TRUE(report.roundTripMs.count >= 6 && report.roundTripMs.p50 < 30);
    EXPECT_TRUE(report.media.burstsMissing == 0 && report.media.burstsUnclear == 0);
    EXPECT_TRUE(report.timeline && report.timeline->exact == 2);
  }
  {
    // The floor conceals nothing: what is withheld is missing at the endpoint too.
    LoadOptions options;
    const LoadReport report = callUri(
        uri,
        {"--websocket-uri", echo, "--duration", "2", "--loss", "30", "--endpoint-report", path},
        options);
    EXPECT_TRUE(report.timeline && report.timeline->wrong == 2 && report.timeline->worstMs < -200);
  }
  LoadOptions options;
  const LoadReport refused =
      callUri(uri, {"--websocket-uri", "ws://127.0.0.1:1/", "--duration", "1"}, options);
  EXPECT_TRUE(refused.established == 0 && refused.failed() == 2);
  relay.stop();
  floor.join();
  server.stop();
  endpoint.join();
  std::remove(path.c_str());
}

TEST(Bench, Calls) {
  {
    EchoPhone phone({.delayMs = 30, .dropEach = 97});
    LoadOptions options;
    const LoadReport report = callPhone(phone, {"--duration", "3"}, options);
    phone.end();
    EXPECT_TRUE(report.established == 2 && report.failed() == 0 && phone.byes() == 2);
    EXPECT_TRUE(report.setupMs.count == 2 && report.setupMs.max < 1000);
    EXPECT_TRUE(report.roundTripMs.count >= 6);
    // The phone's own delay is 30 ms at least; a busy machine may add to it.
    EXPECT_TRUE(report.roundTripMs.p50 >= 30 && report.roundTripMs.p50 < 45);
    EXPECT_TRUE(report.media.crossTalk == 0 && report.media.foreignAddress == 0);
    EXPECT_TRUE(phone.dropped() >= 2);
    EXPECT_TRUE(report.media.stream.lost + 2 >= phone.dropped());
    EXPECT_TRUE(report.media.stream.lost <= phone.dropped());
    EXPECT_TRUE(report.verdict(options).empty());
    options.expectNoLoss = true;
    options.expectRoundTripMs = 10;
    EXPECT_TRUE(report.verdict(options).size() == 2);
  }
  {
    EchoPhone phone({.crossed = true});
    LoadOptions options;
    const LoadReport report = callPhone(phone, {"--duration", "4"}, options);
    EXPECT_TRUE(report.media.crossTalk >= 2);
    EXPECT_TRUE(!report.verdict(options).empty());
  }
  {
    EchoPhone phone({.refuse = 503});
    LoadOptions options;
    const LoadReport report = callPhone(phone, {"--duration", "4"}, options);
    EXPECT_TRUE(report.established == 0 && report.failed() == 2);
    EXPECT_TRUE(report.failures.size() == 1 && report.failures.begin()->first.starts_with("503 "));
  }
}

}  // namespace
