// SPDX-License-Identifier: LGPL-2.1-or-later
// What strangers send to the SIP port: junk, other protocols, names where only addresses may stand.
#include <sys/socket.h>

#include <gtest/gtest.h>

#include "Phone.hpp"
#include "SoupEndpoint.hpp"

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
  for (int i = 0; i < 50; ++i) {
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
  for (const auto& [size, status] : {std::pair{200, 200}, {1024, 200}, {1025, 400}, {5000, 400}}) {
    SipCaller stranger({.port = gateway->udpPort()});
    stranger.sendRaw(
        options(std::string(static_cast<size_t>(size), 'c'), "SIP/2.0/UDP 127.0.0.1:9;rport"));
    const auto answer = stranger.waitResponse("OPTIONS", 200, 699, 5s);
    ASSERT_TRUE(answer.has_value()) << size;
    EXPECT_EQ(answer->status, status) << size;
  }
}

TEST_F(Strangers, EveryLineThatIsWrittenIsARecord) {
  std::istringstream lines(gateway->log());
  for (std::string line; std::getline(lines, line);)
    EXPECT_TRUE(parseRecord(line).has_value()) << line;
}

}  // namespace
}  // namespace e2e
