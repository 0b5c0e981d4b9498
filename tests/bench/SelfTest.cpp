// SPDX-License-Identifier: LGPL-2.1-or-later
// The measuring tools measured: each check would fail if the tool told a wrong figure.
#include <cmath>
#include <cstdio>
#include <numbers>
#include <string>
#include <thread>
#include <vector>

#include <poll.h>
#include <sys/socket.h>

#include "BurstTrain.hpp"
#include "Codec.hpp"
#include "EchoPhone.hpp"
#include "EchoServer.hpp"
#include "EndpointReport.hpp"
#include "FloorAudio.hpp"
#include "FloorRelay.hpp"
#include "Histogram.hpp"
#include "LoadOptions.hpp"
#include "LoadReport.hpp"
#include "LoadRun.hpp"
#include "NumberedAudio.hpp"
#include "ReceiveStatistics.hpp"
#include "SipMessage.hpp"
#include "Statistics.hpp"
#include "Text.hpp"
#include "Wav.hpp"
#include "WebSocketFrame.hpp"

namespace {

using namespace bench;

int failures = 0;

void check(bool good, const char* what, int line) {
  if (good) return;
  ++failures;
  std::printf("SelfTest.cpp:%d: failed: %s\n", line, what);
}

#define CHECK(condition) check((condition), #condition, __LINE__)

bool near(double a, double b, double tolerance) {
  return std::abs(a - b) <= tolerance;
}

std::vector<int16_t> throughCodec(const char* name, const std::vector<int16_t>& samples) {
  std::vector<uint8_t> bytes;
  std::vector<int16_t> back;
  encode(*findCodec(name), samples, bytes);
  decode(*findCodec(name), bytes, back);
  return back;
}

std::vector<int16_t> tone(double frequency, uint32_t rate, size_t length, double amplitude) {
  std::vector<int16_t> out(length);
  for (size_t i = 0; i < length; ++i)
    out[i] = static_cast<int16_t>(
        amplitude * std::sin(2 * std::numbers::pi * frequency * static_cast<double>(i) / rate));
  return out;
}

void testStatistics() {
  std::vector<double> values;
  for (int i = 100; i >= 1; --i)
    values.push_back(i);
  const Summary summary = summarise(values);
  CHECK(summary.count == 100 && summary.p50 == 50 && summary.p95 == 95 && summary.p99 == 99);
  CHECK(summary.max == 100);
  CHECK(summarise({}).count == 0 && summarise({7}).p99 == 7);
}

void testLikeness() {
  // Noise that comes back 400 samples late at half the level, with 160 more samples inserted half
  // way.
  std::mt19937 random(3);
  std::normal_distribution<double> noise(0, 4000);
  std::vector<int16_t> sent(48000);
  for (int16_t& sample : sent)
    sample = static_cast<int16_t>(noise(random));
  std::vector<int16_t> back(400, 0);
  for (size_t i = 0; i < sent.size(); ++i) {
    if (i == 24000) back.insert(back.end(), 160, 0);
    back.push_back(static_cast<int16_t>(sent[i] / 2));
  }
  const Likeness likeness = compare(sent, back, 0, 2000);
  CHECK(likeness.correlation > 0.99 && near(likeness.levelDb, -6.02, 0.05));
  CHECK((likeness.lag == 400 || likeness.lag == 560) && likeness.lagSpread == 160);
  std::vector<int16_t> other(48000);
  for (int16_t& sample : other)
    sample = static_cast<int16_t>(noise(random));
  CHECK(std::abs(compare(sent, other, 0, 2000).correlation) < 0.1);
}

void testWav() {
  const Wav wav{16000, {0, 1, -1, 32767, -32768}};
  const std::string path = "bench-self-test.wav";
  CHECK(writeWav(path, wav).empty());
  Wav back;
  CHECK(readWav(path, back).empty());
  CHECK(back.rate == 16000 && back.samples == wav.samples);
  std::remove(path.c_str());
  CHECK(!readWav(path, back).empty());
  const std::string text = "RIFFxxxxWAVEfmt ";
  CHECK(!parseWav({reinterpret_cast<const uint8_t*>(text.data()), text.size()}, back).empty());

  const auto fine = tone(1000, 16000, 16000, 10000);
  const auto coarse = resample(fine, 16000, 8000);
  CHECK(coarse.size() == 8000);
  const Likeness likeness = compare(tone(1000, 8000, 8000, 10000), coarse, -3, 3);
  CHECK(likeness.correlation > 0.999 && near(likeness.levelDb, 0, 0.1) &&
        near(likeness.lag, 0, 0.1));
  const auto alias = resample(tone(6000, 16000, 16000, 10000), 16000, 8000);
  double peak = 0;
  for (size_t i = 100; i < 7900; ++i)
    peak = std::max(peak, std::abs(static_cast<double>(alias[i])));
  CHECK(peak < 100);
}

void testCodecs() {
  for (const char* name : {"pcmu", "pcma"}) {
    // Each code stands for one value, and that value for the code.
    int wrong = 0;
    for (int code = 0; code < 256; ++code) {
      const std::vector<uint8_t> byte{static_cast<uint8_t>(code)};
      std::vector<int16_t> sample;
      std::vector<uint8_t> again;
      decode(*findCodec(name), byte, sample);
      encode(*findCodec(name), sample, again);
      // Mu-law has two zeros.
      if (again[0] != code && sample[0] != 0) ++wrong;
    }
    CHECK(wrong == 0);
    const auto sent = tone(700, 8000, 8000, 12000);
    const Likeness likeness = compare(sent, throughCodec(name, sent), 0, 0);
    CHECK(likeness.correlation > 0.998 && near(likeness.levelDb, 0, 0.1));
  }
  std::vector<uint8_t> bytes;
  const std::vector<int16_t> loud{32124, -32124};
  encode(*findCodec("pcmu"), loud, bytes);
  CHECK(bytes[0] == 0x80 && bytes[1] == 0x00);  // ITU-T G.711, table 2
  encode(*findCodec("l16"), std::vector<int16_t>{0x1234}, bytes);
  CHECK(bytes[0] == 0x12 && bytes[1] == 0x34);
  CHECK(findCodec("opus") == nullptr);
}

void testBursts() {
  constexpr uint32_t kRate = 8000;
  BurstTrain train(42, kRate);
  std::vector<int16_t> sent(size_t{20} * kRate);
  for (size_t i = 0; i < sent.size(); i += 160)
    train.render(std::span(sent).subspan(i, 160));
  OnsetDetector detector(kRate);
  std::vector<Onset> there;
  detector.feed(sent, there);
  CHECK(there.size() >= 22 && there.size() <= 50);
  for (size_t i = 1; i < there.size(); ++i) {
    const double gap = (there[i].position - there[i - 1].position) / kRate;
    CHECK(gap > 0.399 && gap < 0.901);
    CHECK(there[i].pitch >= 0);
  }

  // 123 samples later, through mu-law, over noise, in packets of another size.
  std::vector<int16_t> returned(123, 0);
  returned.insert(returned.end(), sent.begin(), sent.end());
  std::mt19937 random(1);
  std::normal_distribution<double> noise(0, 20);
  for (int16_t& sample : returned)
    sample = static_cast<int16_t>(sample + noise(random));
  returned = throughCodec("pcmu", returned);
  OnsetDetector other(kRate);
  std::vector<Onset> back;
  for (size_t i = 0; i < returned.size(); i += 240)
    other.feed(std::span(returned).subspan(i, std::min<size_t>(240, returned.size() - i)), back);
  CHECK(back.size() == there.size());
  for (size_t i = 0; i < std::min(back.size(), there.size()); ++i) {
    CHECK(near(back[i].position - there[i].position, 123, 0.2));
    CHECK(back[i].pitch == there[i].pitch);
  }

  BurstTrain stranger(43, kRate);
  std::vector<int16_t> strange(sent.size());
  stranger.render(strange);
  CHECK(strange != sent);
  OnsetDetector quiet(kRate);
  back.clear();
  quiet.feed(tone(300, kRate, 8000, 3000), back);
  CHECK(back.empty());
}

void testNumbered() {
  std::vector<int16_t> sent;
  renderNumbered(16000, 1200, sent);
  CHECK(sent.size() == size_t{1200} * 320);
  std::vector<int16_t> narrow(777, 0);
  const auto resampled = resample(sent, 16000, 8000);
  narrow.insert(narrow.end(), resampled.begin(), resampled.end());
  narrow.insert(narrow.end(), 4000, 0);
  narrow = throughCodec("pcma", narrow);
  const NumberedResult good = checkNumbered(narrow, 8000, 1200);
  CHECK(good.found && good.frames == 1200 && good.wrong == 0);
  CHECK(near(good.seconds, 24, 0.005));

  std::vector<int16_t> cut = narrow;
  const auto from = cut.begin() + 777 + 80000;  // frame 500
  cut.erase(from, from + 160);
  const NumberedResult missing = checkNumbered(cut, 8000, 1200);
  CHECK(missing.frames == 500 && missing.firstWrong == 500 && missing.wrong > 600);
  CHECK(!checkNumbered(std::vector<int16_t>(8000, 0), 8000, 10).found);
}

void testReceiveStatistics() {
  ReceiveStatistics statistics(8000);
  const Nanoseconds start = 1000 * kSecond;
  for (int i = 0; i < 100; ++i) {
    if (i == 40) continue;  // lost
    RtpHeader header;
    header.sequence = static_cast<uint16_t>(65500 + i);
    header.timestamp = static_cast<uint32_t>(4294967000u + 160u * static_cast<unsigned>(i));
    header.ssrc = 7;
    const Nanoseconds late = i == 70 ? 6 * kMillisecond : i == 71 ? 4 * kMillisecond : 0;
    CHECK(statistics.add(header, start + 20 * kMillisecond * i + late));
    if (i == 50) CHECK(!statistics.add(header, start + 20 * kMillisecond * i));
    header.ssrc = 8;
    if (i == 60) CHECK(!statistics.add(header, start + 20 * kMillisecond * i));
  }
  const auto all = statistics.result(160, start, start + 10 * kSecond);
  CHECK(all.received == 99 && all.lost == 1 && all.duplicates == 1 && all.foreignSsrc == 1);
  CHECK(all.late == 1 && all.lateSteady == 1 && near(all.worstLateMs, 6, 0.01) && all.jumps == 0);
  CHECK(statistics.result(160, start + 1500 * kMillisecond, start + 10 * kSecond).lateSteady == 0);
  CHECK(statistics.result(80, start, start).jumps == 97);
  CHECK(all.lateOwn() == 1 && near(all.worstLateOwnMs, 6, 0.01));

  // Packet 70 was due at 1400 ms and came at 1406.
  const auto during = [&](Nanoseconds from, Nanoseconds to) {
    const Stalls stalls = merged({{start + 5 * kSecond, start + 6 * kSecond},
                                  {start + from * kMillisecond, start + to * kMillisecond}});
    return statistics.result(160, start, start + 10 * kSecond, stalls);
  };
  const auto excused = during(1390, 1402);
  CHECK(excused.lateSteady == 1 && excused.lateOwn() == 0 && near(excused.worstLateMs, 6, 0.01) &&
        near(excused.worstLateOwnMs, 4, 0.01));
  CHECK(during(1405, 1420).lateOwn() == 0);
  // Half a millisecond does not explain six.
  const auto partly = statistics.result(
      160, start, start + 10 * kSecond,
      {{start + 1400 * kMillisecond, start + 1400 * kMillisecond + kMillisecond / 2}});
  CHECK(partly.lateOwn() == 1 && near(partly.worstLateOwnMs, 5.5, 0.01));
  CHECK(during(1380, 1399).lateOwn() == 1);
  CHECK(during(1407, 1420).lateOwn() == 1);
}

void testStalls() {
  const Stalls stalls = merged({{50, 60}, {10, 20}, {20, 30}, {52, 54}});
  CHECK(stalls.size() == 2 && stalls[0].from == 10 && stalls[0].to == 30 && stalls[1].to == 60);
  CHECK(stillBetween(stalls, 0, 10) == 0 && stillBetween(stalls, 0, 15) == 5 &&
        stillBetween(stalls, 25, 26) == 1 && stillBetween(stalls, 25, 55) == 10 &&
        stillBetween(stalls, 0, 100) == 30 && stillBetween(stalls, 61, 99) == 0);
  StallWatch watch;
  watch.begin();
  watch.finish();
  for (const Stall& stall : watch.stalls())
    CHECK(stall.to > stall.from);
}

void testSip() {
  SipMessage message;
  CHECK(
      parseSip("SIP/2.0 200 OK\r\nv: SIP/2.0/UDP a;branch=b\r\nTo: <sip:x@y;tag=no>;tag=t1\r\n"
               "i: abc\r\nCSeq: 1 INVITE\r\nm: <sip:g@127.0.0.1:5070;transport=udp>\r\n\r\nbody",
               message));
  CHECK(message.status == 200 && message.method == "INVITE" && message.sequence == 1);
  CHECK(message.tag("To") == "t1" && message.header("call-id") == "abc" && message.body == "body");
  CHECK(uriOf(message.header("Contact")) == "sip:g@127.0.0.1:5070;transport=udp");
  CHECK(!parseSip("garbage\r\n\r\n", message));
  const SdpAnswer answer = parseAnswer(
      "v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 4000 RTP/AVP 97 101\r\nc=IN IP4 127.0.0.1\r\n"
      "a=rtpmap:97 L16/16000\r\na=rtpmap:101 telephone-event/16000\r\n",
      "L16/16000", 96);
  CHECK(answer.usable && answer.payloadType == 97 && answer.eventPayloadType == 101);
  CHECK(addressText(answer.rtp) == "127.0.0.1:4000");
  CHECK(!parseAnswer("v=0\r\nc=IN IP4 1.2.3.4\r\nm=audio 4 RTP/AVP 8\r\n", "PCMU/8000", 0).usable);
  CHECK(parseAnswer("v=0\r\nc=IN IP4 1.2.3.4\r\nm=audio 4 RTP/AVP 0\r\n", "PCMU/8000", 0).usable);
  CHECK(percentEncode("ws://a/b?c=d e") == "ws%3A%2F%2Fa%2Fb%3Fc%3Dd%20e");
}

void testHistogram() {
  Histogram histogram;
  for (int i = 1; i <= 1000; ++i)
    histogram.add(i / 10.0);
  const Summary summary = histogram.summary();
  CHECK(summary.count == 1000 && near(summary.p50, 50, 0.1) && near(summary.p99, 99, 0.1));
  CHECK(summary.max == 100 && histogram.above(90) == 101);
  histogram.add(1e9);
  CHECK(histogram.summary().max == 1e9 && Histogram().summary().count == 0);
}

void testEndpointReport() {
  CHECK(labelUri("ws://a/echo", "r1", 7) == "ws://a/echo?call=r1-7");
  CHECK(labelUri("ws://a/burst?seconds=3", "r1", 7) == "ws://a/burst?seconds=3&call=r1-7");
  const auto received = parseEndpointReport(
      "{\"target\":\"/echo?call=r1-0\",\"frames\":50,\"bytes\":32000,\"rate\":16000,\"texts\":1}\n"
      "{\"target\":\"/echo?call=r2-1\",\"frames\":50,\"bytes\":32000,\"rate\":16000,\"texts\":1}\n"
      "{\"target\":\"/echo?call=r1-12\",\"frames\":1,\"bytes\":320,\"rate\":8000,\"texts\":1}\nx",
      "r1");
  CHECK(received.size() == 2 && received.at(0) == 1000 && received.at(12) == 20);
  TimelineResult result;
  for (const double difference : {0.0, 20.0, -20.0, 40.0, -21.0})
    result.add(difference, 20);
  CHECK(result.exact == 3 && result.wrong == 2 && result.worstMs == 40);
}

void testFloorAudio() {
  const Codec& pcmu = *findCodec("pcmu");
  const auto sent = tone(500, 8000, 160, 8000);
  std::vector<uint8_t> payload;
  encode(pcmu, sent, payload);
  uint8_t wide[kFloorFrameBytes], narrow[kFloorFrameBytes];
  FloorUpward upward;
  CHECK(upward.convert(pcmu, payload, wide) == kFloorFrameBytes);
  CHECK(convertDownward(pcmu, {wide, kFloorFrameBytes}, narrow) == 160);
  std::vector<int16_t> back;
  decode(pcmu, {narrow, 160}, back);
  const Likeness likeness = compare(sent, back, 0, 0);
  CHECK(likeness.correlation > 0.98 && near(likeness.levelDb, 0, 1));
  CHECK(upward.convert(pcmu, std::vector<uint8_t>(161), wide) == 0);
  const std::vector<uint8_t> big{0x12, 0x34, 0x56, 0x78};
  CHECK(upward.convert(*findCodec("l16"), big, wide) == 4 && wide[0] == 0x34 && wide[3] == 0x56);
  std::string frame;
  appendMaskedFrame(frame, Opcode::Binary, "any carnal pleasure", 0x04030201);
  std::string copy = frame;
  Frame parsed;
  CHECK(parseFrame(copy.data(), copy.size(), true, parsed) == FrameResult::Complete);
  CHECK(parsed.payload == "any carnal pleasure");
  std::string again = "any carnal pleasure";
  applyMask(reinterpret_cast<uint8_t*>(again.data()), again.size(), 0x04030201);
  CHECK(frame.ends_with(again) && again != parsed.payload);
}

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
  void sendMasked(Opcode opcode, std::string payload) {
    std::string frame;
    appendFrame(frame, opcode, true, payload);
    const size_t header = frame.size() - payload.size();
    frame[1] = static_cast<char>(frame[1] | 0x80);
    for (size_t i = 0; i < payload.size(); ++i)
      payload[i] = static_cast<char>(payload[i] ^ "\x11\x22\x33\x44"[i & 3]);
    send(frame.substr(0, header) + "\x11\x22\x33\x44" + payload);
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
      const FrameResult result = parseFrame(input_.data(), input_.size(), false, frame);
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

void testEcho() {
  sockaddr_in any{};
  CHECK(parseAddress("127.0.0.1:0", any));
  EchoServer server(false);
  const std::string fault = server.listen(any);
  CHECK(fault.empty());
  if (!fault.empty()) return;
  std::thread thread([&server] { server.run(); });

  RawClient client(server.address());
  CHECK(client.connected());
  client.send(
      request("/echo", "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: x, WSBRIDGE\r\n"));
  const std::string head = client.head();
  CHECK(head.starts_with("HTTP/1.1 101 "));
  CHECK(head.find("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n") != std::string::npos);
  CHECK(head.find("Sec-WebSocket-Protocol: WSBRIDGE\r\n") != std::string::npos);
  Opcode opcode{};
  std::string payload;
  client.sendMasked(Opcode::Text, R"({"content-type":"audio/l16;rate=16000"})");
  for (const size_t size : {1u, 125u, 640u, 70000u}) {
    std::string audio(size, '\0');
    for (size_t i = 0; i < size; ++i)
      audio[i] = static_cast<char>(i * 7);
    client.sendMasked(Opcode::Binary, audio);
    CHECK(client.frame(opcode, payload) && opcode == Opcode::Binary && payload == audio);
  }
  client.sendMasked(Opcode::Ping, "hello");
  CHECK(client.frame(opcode, payload) && opcode == Opcode::Pong && payload == "hello");
  client.sendMasked(Opcode::Close, "\x03\xe8");
  CHECK(client.frame(opcode, payload) && opcode == Opcode::Close && payload == "\x03\xe8");
  CHECK(!client.more());

  RawClient burst(server.address());
  burst.send(request("/burst?seconds=2", "Sec-WebSocket-Version: 13\r\n"));
  CHECK(burst.head().find("Sec-WebSocket-Protocol") == std::string::npos);
  burst.sendMasked(Opcode::Text, R"({"content-type":"audio/l16;rate=8000"})");
  std::vector<int16_t> expected;
  renderNumbered(8000, 100, expected);
  std::string all;
  for (int i = 0; i < 100 && burst.frame(opcode, payload); ++i) {
    CHECK(opcode == Opcode::Binary && payload.size() == 320);
    all += payload;
  }
  CHECK(all ==
        std::string_view(reinterpret_cast<const char*>(expected.data()), expected.size() * 2));

  RawClient wrong(server.address());
  wrong.send(request("/echo", "Sec-WebSocket-Version: 8\r\n"));
  CHECK(wrong.head().starts_with("HTTP/1.1 426 "));

  RawClient unmasked(server.address());
  unmasked.send(request("/echo", "Sec-WebSocket-Version: 13\r\n"));
  CHECK(unmasked.head().starts_with("HTTP/1.1 101 "));
  std::string frame;
  appendFrame(frame, Opcode::Binary, true, "abcd");
  unmasked.send(frame);
  CHECK(unmasked.frame(opcode, payload) && opcode == Opcode::Close && payload == "\x03\xea");

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
  CHECK(parseLoadOptions(static_cast<int>(arguments.size()), arguments.data(), options, fault) ==
        ParseResult::Run);
  LoadReport report;
  LoadRun run(options);
  CHECK(run.run(report).empty());
  return report;
}

LoadReport callPhone(const EchoPhone& phone, std::vector<std::string> more, LoadOptions& options) {
  return callUri(phone.uri(), std::move(more), options);
}

// What is withheld does not arrive, and what is delayed arrives, some of it out of order.
void testLossAndJitter() {
  {
    LoadOptions options;
    EchoPhone phone({});
    const LoadReport report =
        callPhone(phone, {"--duration", "3", "--loss", "20", "--jitter", "50"}, options);
    phone.end();
    const MediaResults& media = report.media;
    CHECK(media.sent == phone.received());
    const double share =
        static_cast<double>(media.withheld) / static_cast<double>(media.withheld + media.sent);
    CHECK(share > 0.12 && share < 0.28);
    CHECK(phone.reordered() >= media.sent / 10);
    CHECK(report.roundTripMs.count > 0 && media.crossTalk == 0);
  }
  LoadOptions options;
  EchoPhone phone({});
  const LoadReport report = callPhone(phone, {"--duration", "1"}, options);
  phone.end();
  CHECK(report.media.withheld == 0 && phone.reordered() == 0);
}

void testChurn() {
  LoadOptions options;
  EchoPhone phone({});
  const LoadReport report =
      callPhone(phone, {"--duration", "3", "--churn", "10", "--hold", "0.5"}, options);
  phone.end();
  CHECK(report.established == 2 && report.failed() == 0 && report.churn.has_value());
  if (!report.churn) return;
  CHECK(report.churn->started >= 27 && report.churn->started <= 32);
  CHECK(report.churn->established == report.churn->started && report.churn->failed() == 0);
  CHECK(report.churn->setupMs.count == report.churn->established);
  CHECK(phone.byes() == 2 + report.churn->started);
  // Half a second each, but the last ones are ended early.
  CHECK(report.churn->callSeconds > 0.4 * report.churn->started);
  CHECK(report.churn->received > 15ul * report.churn->started && report.churn->lost == 0);
  CHECK(report.media.stream.lost == 0 && report.media.crossTalk == 0);
}

// The whole way: load generator, floor, endpoint; its report of each call's audio.
void testFloor() {
  sockaddr_in any{};
  CHECK(parseAddress("127.0.0.1:0", any));
  const std::string path = "bench-self-test.jsonl";
  std::remove(path.c_str());
  EchoServer server(false, path);
  FloorRelay relay;
  const std::string fault = server.listen(any) + relay.listen(any, 2, kMillisecond);
  CHECK(fault.empty());
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
    CHECK(report.established == 2 && report.failed() == 0 && report.setupMs.max < 1000);
    CHECK(report.verdict(options).empty());
    CHECK(report.roundTripMs.count >= 6 && report.roundTripMs.p50 < 30);
    CHECK(report.media.burstsMissing == 0 && report.media.burstsUnclear == 0);
    CHECK(report.timeline && report.timeline->exact == 2);
  }
  {
    // The floor conceals nothing: what is withheld is missing at the endpoint too.
    LoadOptions options;
    const LoadReport report = callUri(
        uri,
        {"--websocket-uri", echo, "--duration", "2", "--loss", "30", "--endpoint-report", path},
        options);
    CHECK(report.timeline && report.timeline->wrong == 2 && report.timeline->worstMs < -200);
  }
  LoadOptions options;
  const LoadReport refused =
      callUri(uri, {"--websocket-uri", "ws://127.0.0.1:1/", "--duration", "1"}, options);
  CHECK(refused.established == 0 && refused.failed() == 2);
  relay.stop();
  floor.join();
  server.stop();
  endpoint.join();
  std::remove(path.c_str());
}

void testCalls() {
  {
    EchoPhone phone({.delayMs = 30, .dropEach = 97});
    LoadOptions options;
    const LoadReport report = callPhone(phone, {"--duration", "3"}, options);
    phone.end();
    CHECK(report.established == 2 && report.failed() == 0 && phone.byes() == 2);
    CHECK(report.setupMs.count == 2 && report.setupMs.max < 1000);
    CHECK(report.roundTripMs.count >= 6);
    // The phone's own delay is 30 ms at least; a busy machine may add to it.
    CHECK(report.roundTripMs.p50 >= 30 && report.roundTripMs.p50 < 45);
    CHECK(report.media.crossTalk == 0 && report.media.foreignAddress == 0);
    CHECK(phone.dropped() >= 2);
    CHECK(report.media.stream.lost + 2 >= phone.dropped());
    CHECK(report.media.stream.lost <= phone.dropped());
    CHECK(report.verdict(options).empty());
    options.expectNoLoss = true;
    options.expectRoundTripMs = 10;
    CHECK(report.verdict(options).size() == 2);
  }
  {
    EchoPhone phone({.crossed = true});
    LoadOptions options;
    const LoadReport report = callPhone(phone, {"--duration", "4"}, options);
    CHECK(report.media.crossTalk >= 2);
    CHECK(!report.verdict(options).empty());
  }
  {
    EchoPhone phone({.refuse = 503});
    LoadOptions options;
    const LoadReport report = callPhone(phone, {"--duration", "4"}, options);
    CHECK(report.established == 0 && report.failed() == 2);
    CHECK(report.failures.size() == 1 && report.failures.begin()->first.starts_with("503 "));
  }
}

}  // namespace

int main() {
  testStatistics();
  testLikeness();
  testWav();
  testCodecs();
  testBursts();
  testNumbered();
  testReceiveStatistics();
  testStalls();
  testSip();
  testHistogram();
  testEndpointReport();
  testFloorAudio();
  testEcho();
  testCalls();
  testLossAndJitter();
  testChurn();
  testFloor();
  if (failures == 0) std::printf("all checks passed\n");
  return failures == 0 ? 0 : 1;
}
