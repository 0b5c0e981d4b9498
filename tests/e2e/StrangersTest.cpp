// SPDX-License-Identifier: LGPL-2.1-or-later
// What strangers send to the SIP port: junk, other protocols, names where only addresses may stand.
#include <algorithm>
#include <memory>
#include <sstream>
#include <vector>

#include <gtest/gtest.h>

#include "Phone.hpp"
#include "SoupEndpoint.hpp"
#include "Stranger.hpp"

namespace e2e {
namespace {

class Strangers : public ::testing::Test {
 protected:
  E2E_SHARED_GATEWAY((Gateway::Options{}));

  static std::string options(const std::string& id, const std::string& via,
                             const std::string& version = "SIP/2.0") {
    return "OPTIONS sip:x@127.0.0.1 " + version + "\r\nVia: " + via + ";branch=z9hG4bK" + id +
           "\r\nFrom: <sip:a@127.0.0.1>;tag=1\r\nTo: <sip:x@127.0.0.1>\r\n"
           "Call-ID: " +
           id + "\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
  }

  SoupEndpoint endpoint_;

 public:
  static int tcpPort() { return gateway->tcpPort(); }
};

TEST_F(Strangers, OtherProtocolsGetNoAnswer) {
  SipCaller stranger({.port = gateway->udpPort()});
  const std::string zeros(60, '\0');
  for (const char first : {'\x00', '\x01', '\x02', '\x16', '\x80', '\xbf', '\xf8', '\xff'}) {
    for (const char second : {'\x00', '\x01', '\x10'}) {
      // A STUN request would have its length and the magic cookie here.
      std::string datagram =
          std::string{first, second, '\0', '\x28', '\x21', '\x12', '\xa4', '\x42'};
      for (int i = 0; i < 4; ++i)
        stranger.sendRaw(datagram + zeros);
    }
  }
  // In order on one socket: what came before is dealt with when this is answered.
  const auto answer = stranger.options();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(stranger.received(), 1U) << "nothing but the answer to OPTIONS has come";
}

TEST_F(Strangers, NamesInViaHoldNobodyUp) {
  SipCaller stranger({.port = gateway->udpPort()});
  const auto start = Clock::now();
  for (int i = 0; i < 25; ++i) {
    const std::string n = std::to_string(i);
    const std::string name = "nobody-" + n + ".invalid";
    stranger.sendRaw(options("maddr" + n, "SIP/2.0/UDP 127.0.0.1:9;maddr=" + name));
    stranger.sendRaw(options("version" + n, "SIP/7.0/UDP " + name, "SIP/7.0"));
    stranger.sendRaw(options("tcp" + n, "SIP/2.0/TCP " + name));
    stranger.sendRaw(options("sent-by" + n, "SIP/2.0/UDP " + name + ";rport"));
  }
  Phone phone(*gateway);
  EXPECT_EQ(phone.call(endpoint_.uri()), 200);
  EXPECT_LT(millisBetween(start, Clock::now()), 1000 * kTimeScale);
  EXPECT_TRUE(phone.hangUp());
}

TEST_F(Strangers, CallIdsAreBounded) {
  for (const auto& [size, status] :
       {std::pair{0, 400}, {1, 200}, {200, 200}, {1024, 200}, {1025, 400}, {5000, 400}}) {
    SipCaller stranger({.port = gateway->udpPort()});
    stranger.sendRaw(
        options(std::string(static_cast<size_t>(size), 'c'), "SIP/2.0/UDP 127.0.0.1:9;rport"));
    const auto answer = stranger.waitResponse("OPTIONS", 200, 699, 5s);
    ASSERT_TRUE(answer.has_value()) << size;
    EXPECT_EQ(answer->status, status) << size;
  }
  // A call without a name is none.
  SipCaller stranger({.port = gateway->udpPort()});
  stranger.sendRaw(Strange{.id = "", .via = "SIP/2.0/UDP 127.0.0.1:9;rport"}.text());
  const auto answer = stranger.waitResponse("INVITE", 200, 699, 5s);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->status, 400);
}

TEST_F(Strangers, WhoIsNotAllowedGetsOneAnswerAndNothingIsKept) {
  Gateway closed({.set = {{"sip.allow", "127.0.0.9"}}});
  Phone phone(closed);
  EXPECT_EQ(phone.call(endpoint_.uri()), 403);
  EXPECT_EQ(phone.sip().options()->status, 403);
  EXPECT_TRUE(closed.records("call-start").empty());
  EXPECT_TRUE(closed.process().waitForLine("sip-refused key=sip.allow", 5s));

  // Once: no transaction repeats it.
  SipCaller stranger({.port = closed.udpPort()});
  stranger.sendRaw(options("first", "SIP/2.0/UDP 127.0.0.1:9;rport"));
  ASSERT_TRUE(stranger.waitResponse("OPTIONS", 403, 403, 5s).has_value());
  // Beyond the allowance of strangers there is no answer, and hardly a line in the log.
  for (int i = 0; i < 100; ++i)
    stranger.sendRaw(options("more" + std::to_string(i), "SIP/2.0/UDP 127.0.0.1:9;rport"));
  bool ended = false;
  const std::string byTcp = [&] {
    const Line line(closed.tcpPort());
    line.say(options("tcp", "SIP/2.0/TCP 127.0.0.1:9"));
    return line.hear(2s, &ended);
  }();
  EXPECT_LE(stranger.responses("OPTIONS").size(), 41U);
  EXPECT_LE(closed.records("sip-refused").size(), 6U);
  EXPECT_TRUE(byTcp.empty() || byTcp.starts_with("SIP/2.0 403")) << byTcp;
}

// The endpoint that the header names has to be reached, or not to be.
TEST_F(Strangers, WhoseHeadersCountIsConfigured) {
  SoupEndpoint own;
  for (const std::string mode : {"ignore", "allowed", "all"}) {
    Gateway chosen({.set = {{"sip.headers", mode}, {"websocket.uri", own.uri()}}});
    const size_t named = endpoint_.count();
    const size_t configured = own.count();
    Phone phone(chosen);
    ASSERT_EQ(phone.call(endpoint_.uri(), {{kDialectHeader, "no-such-dialect"}}),
              mode == "ignore" ? 200 : 400)
        << mode;
    Phone second(chosen);
    ASSERT_EQ(second.call(endpoint_.uri()), 200) << mode;
    EXPECT_TRUE(mode == "ignore" ? own.waitConnections(configured + 2, 5s)
                                 : endpoint_.waitConnections(named + 1, 5s));
    EXPECT_EQ(endpoint_.count() - named, mode == "ignore" ? 0U : 1U) << mode;
    EXPECT_EQ(own.count() - configured, mode == "ignore" ? 2U : 0U) << mode;
    EXPECT_EQ(chosen.records("headers-ignored").size(), mode == "ignore" ? 1U : 0U)
        << mode << ": one line a second";
    Phone plain(chosen);
    EXPECT_EQ(plain.call(""), 200) << "a call without such headers";
    EXPECT_TRUE(plain.hangUp() && second.hangUp());
  }
}

// Who is not in sip.allow gets no further whatever its headers are worth.
TEST_F(Strangers, HeadersOfEverybodyOpenNoDoor) {
  Gateway chosen({.set = {{"sip.headers", "all"}, {"sip.allow", "127.0.0.9"}}});
  Phone phone(chosen);
  EXPECT_EQ(phone.call(endpoint_.uri()), 403);
  EXPECT_TRUE(chosen.records("call-start").empty());
}

TEST_F(Strangers, InAndOfADialogEverythingPassesBesideAFlood) {
  Gateway tight({.set = {{"limits.peer-requests", "2"}}});
  Phone phone(tight);
  ASSERT_EQ(phone.call(endpoint_.uri()), 200);
  SipCaller flood({.port = tight.udpPort()});
  for (int i = 0; i < 60; ++i)
    flood.sendRaw(options("flood" + std::to_string(i), "SIP/2.0/UDP 127.0.0.1:9;rport"));
  for (int i = 0; i < 30; ++i) {
    const auto answer = phone.sip().request("OPTIONS", {}, "", "");
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->status, 200);
  }
  ASSERT_TRUE(flood.waitResponse("OPTIONS", 503, 503, 5s).has_value());
  EXPECT_FALSE(flood.waitResponse("OPTIONS", 503, 503, 0ms)->header("Retry-After").empty());
  for (int i = 0; i < 20; ++i)
    flood.sendRaw(options("again" + std::to_string(i), "SIP/2.0/UDP 127.0.0.1:9;rport"));
  Phone refused(tight);
  EXPECT_NE(refused.call(endpoint_.uri(), {}, 400ms), 200) << "outside a dialog the limit holds";
  EXPECT_TRUE(phone.hangUp());
}

TEST_F(Strangers, SetupsThatNobodyConfirmsAreBounded) {
  Gateway tight({.set = {{"limits.peer-setups", "10"}}});
  std::vector<std::unique_ptr<Phone>> silent;
  for (int i = 0; i < 10; ++i) {
    silent.push_back(std::make_unique<Phone>(tight, Phone::Options{.autoAck = false}));
    ASSERT_EQ(silent.back()->call(endpoint_.uri()), 200);
  }
  Phone over(tight);
  EXPECT_EQ(over.call(endpoint_.uri()), 503);
  silent.front()->sip().ack();
  EXPECT_TRUE(silent.front()->hangUp());
  Phone again(tight);
  EXPECT_EQ(again.call(endpoint_.uri()), 200);
  EXPECT_TRUE(again.hangUp());
}

TEST_F(Strangers, ConnectionsAreCountedAndHalfMessagesAreCutOff) {
  Gateway tight({.set = {{"limits.peer-connections", "8"}}});
  std::vector<std::unique_ptr<Line>> lines;
  for (int i = 0; i < 8; ++i)
    lines.push_back(std::make_unique<Line>(tight.tcpPort()));
  for (const auto& line : lines)
    line->say("OPTIONS sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:9\r\n");
  bool closed = false;
  const Line ninth(tight.tcpPort());
  ninth.hear(5s, &closed);
  EXPECT_TRUE(closed);
  EXPECT_TRUE(tight.process().waitForLine("sip-refused key=limits.peer-connections", 5s));
  for (const auto& line : lines) {
    line->hear(14s, &closed);
    EXPECT_TRUE(closed) << "a message has to be whole within 10 s";
  }
  // There is room again, for a call as well.
  Phone phone(tight, {.tcp = true});
  ASSERT_EQ(phone.call(endpoint_.uri()), 200);
  EXPECT_TRUE(phone.hangUp());
}

TEST_F(Strangers, MessagesAreBoundedAndHaveOneLength) {
  const std::string whole = options("size", "SIP/2.0/TCP 127.0.0.1:9");
  const std::string head = whole.substr(0, whole.find("Content-Length"));
  bool closed = false;
  const Line large(gateway->tcpPort());
  large.say(head + "Subject: " + std::string(100000, 's') + "\r\nContent-Length: 0\r\n\r\n");
  const std::string answer = large.hear(5s, &closed);
  EXPECT_TRUE(closed && (answer.empty() || answer.starts_with("SIP/2.0 413"))) << answer;
  for (const char* second : {"Content-Length: 5", "l: 0", "Content-Length: 0"}) {
    const Line twice(gateway->tcpPort());
    twice.say(head + "Content-Length: 0\r\n" + second + "\r\n\r\n");
    EXPECT_TRUE(twice.hear(2s, &closed).starts_with("SIP/2.0 400")) << second;
  }
  const Line once(gateway->tcpPort());
  once.say(whole);
  EXPECT_TRUE(once.hear(1s, &closed).starts_with("SIP/2.0 200"));
}

TEST_F(Strangers, APingOverTcpGetsAPong) {
  const Line line(tcpPort());
  for (int i = 0; i < 3; ++i) {
    line.say("\r\n\r\n");  // RFC 5626 4.4.1
    bool closed = false;
    EXPECT_EQ(line.hearSome(2s, &closed), "\r\n");
    EXPECT_FALSE(closed);
  }
}

/// The first lines of what comes back to these bytes in pieces of that size, 0 for all at once.
std::vector<std::string> answersInPieces(const std::string& bytes, size_t piece, size_t count) {
  const Line line(Strangers::tcpPort());
  for (size_t at = 0; at < bytes.size(); at += piece == 0 ? bytes.size() : piece)
    line.say(bytes.substr(at, piece == 0 ? bytes.size() : piece));
  std::string heard;
  std::vector<std::string> lines;
  bool closed = false;
  const auto end = Clock::now() + stretched(10s);
  while (lines.size() < count && !closed && Clock::now() < end) {
    heard += line.hearSome(100ms, &closed);
    while (const auto answer = takeSipMessage(heard))
      lines.push_back(std::to_string(answer->status) + " " + answer->header("Call-ID"));
  }
  return lines;
}

TEST_F(Strangers, AConnectionsMessagesAreTheSameHoweverTheyAreCut) {
  const std::string via = "SIP/2.0/TCP 127.0.0.1:9";
  const std::string fine = options("cut-1", via);
  const std::string body = "0123456789\r\n\r\nOPTIONS sip:x@127.0.0.1 SIP/2.0\r\n";
  std::string with_body = options("cut-2", via);
  with_body.replace(with_body.find("Content-Length: 0"), 17,
                    "Content-Type: text/plain\r\nContent-Length: " + std::to_string(body.size()));
  std::string foreign = options("cut-3", via);
  foreign.replace(0, 7, "PUBLISH");
  foreign.replace(foreign.find("CSeq: 1 OPTIONS"), 15, "CSeq: 1 PUBLISH");
  const std::string unknown = options("cut-4", via, "SIP/3.0");
  std::string spoilt = options("cut-5", via);
  spoilt.replace(spoilt.find("Content-Length"), 0, "Content-Length: 0\r\n");
  const std::string all = "\r\n\r\n" + fine + with_body + body + foreign + "\r\n" + unknown;
  const std::vector<std::string> expected = {"200 cut-1", "200 cut-2", "405 cut-3", "505 cut-4"};
  for (const size_t piece : {0, 1, 2, 3, 7, 64, 333, 1000}) {
    auto answers = answersInPieces(all, piece, expected.size());
    // The stack answers in its turn, the door at once.
    std::sort(answers.begin(), answers.end());
    EXPECT_EQ(answers, expected) << piece;
    EXPECT_EQ(answersInPieces(spoilt, piece, 1), std::vector<std::string>{"400 cut-5"}) << piece;
  }
}

TEST_F(Strangers, ARefusedRequestDoesNotTakeItsConnectionWithIt) {
  const std::string via = "SIP/2.0/TCP 127.0.0.1:9";
  Gateway tight({.set = {{"limits.peer-requests", "1"}}});
  const Line trunk(tight.tcpPort());
  bool closed = false;
  std::vector<int> statuses;
  for (int i = 0; i < 8; ++i) {
    trunk.say(options("trunk" + std::to_string(i), via));
    std::string heard = trunk.hearSome(500ms, &closed);
    ASSERT_FALSE(closed) << i;
    const auto answer = takeSipMessage(heard);
    statuses.push_back(answer ? answer->status : 0);
  }
  EXPECT_EQ(statuses.front(), 200);
  EXPECT_TRUE(std::count(statuses.begin(), statuses.end(), 503)) << "above the rate";

  const Line other(gateway->tcpPort());
  for (const auto& [bytes, begin] : {std::pair{options("v", via, "SIP/3.0"), "SIP/2.0 505"},
                                     {options(std::string(2000, 'c'), via), "SIP/2.0 400"},
                                     {options("", via), "SIP/2.0 400"},
                                     {options("fine", via), "SIP/2.0 200"}}) {
    other.say(bytes);
    EXPECT_TRUE(other.hearSome(5s, &closed).starts_with(begin)) << begin;
    EXPECT_FALSE(closed) << begin;
  }
}

TEST_F(Strangers, EveryLineThatIsWrittenIsARecord) {
  std::istringstream lines(gateway->log());
  for (std::string line; std::getline(lines, line);)
    EXPECT_TRUE(parseRecord(line).has_value()) << line;
}

}  // namespace
}  // namespace e2e
