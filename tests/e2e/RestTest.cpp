// SPDX-License-Identifier: LGPL-2.1-or-later
// Twilio's REST API over HTTP, on calls that are really up.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>
#include <libsoup/soup.h>

#include "Conversation.hpp"
#include "TestCa.hpp"

namespace e2e {
namespace {

constexpr const char* kToken = "12345678901234567890123456789012";
constexpr const char* kAccount = "AC00112233445566778899aabbccddeeff";

struct HttpAnswer {
  unsigned status = 0;
  std::string body;
};

HttpAnswer http(const char* method, const std::string& uri, const std::string& form = {},
                const std::string& credentials = {}, const SipHeaders& headers = {}) {
  SoupSession* session = soup_session_new_with_options("timeout", 10, nullptr);
  SoupMessage* message = soup_message_new(method, uri.c_str());
  if (!form.empty()) {
    GBytes* body = g_bytes_new(form.data(), form.size());
    soup_message_set_request_body_from_bytes(message, "application/x-www-form-urlencoded", body);
    g_bytes_unref(body);
  }
  if (!credentials.empty()) {
    soup_message_headers_append(soup_message_get_request_headers(message), "Authorization",
                                ("Basic " + base64(credentials)).c_str());
  }
  for (const auto& [name, value] : headers)
    soup_message_headers_append(soup_message_get_request_headers(message), name.c_str(),
                                value.c_str());
  const auto accept = +[](SoupMessage*, GTlsCertificate*, GTlsCertificateFlags,
                          gpointer) -> gboolean { return TRUE; };
  g_signal_connect(message, "accept-certificate", G_CALLBACK(accept), nullptr);
  HttpAnswer answer;
  if (GBytes* bytes = soup_session_send_and_read(session, message, nullptr, nullptr)) {
    gsize size = 0;
    const auto* text = static_cast<const char*>(g_bytes_get_data(bytes, &size));
    answer = {soup_message_get_status(message), std::string(text ? text : "", size)};
    g_bytes_unref(bytes);
  }
  g_object_unref(message);
  g_object_unref(session);
  return answer;
}

std::string serverOf(const Gateway& gateway) {
  return gateway.records("ready").at(0)["http"];
}

class Rest : public ::testing::Test {
 protected:
  E2E_SHARED_GATEWAY((Gateway::Options{.set = {{"http.listen", "127.0.0.1:0"},
                                               {"websocket.twilio-account-sid", kAccount},
                                               {"websocket.twilio-auth-token", kToken}}}));

  static std::string startOf(const Conversation& call, const char* member) {
    return memberOf(call.record().texts().at(1), {"start", member});
  }
  static std::string uriOf(const Conversation& call) {
    return "http://" + serverOf(*gateway) + "/2010-04-01/Accounts/" + startOf(call, "accountSid") +
           "/Calls/" + startOf(call, "callSid") + ".json";
  }
  static HttpAnswer get(const std::string& uri) {
    return http("GET", uri, {}, std::string(kAccount) + ":" + kToken);
  }
  static HttpAnswer post(const std::string& uri, const std::string& form) {
    return http("POST", uri, form, std::string(kAccount) + ":" + kToken);
  }
};

TEST_F(Rest, CompletedHangsUp) {
  Conversation call(*gateway, twilioTalk());
  ASSERT_TRUE(call.begin());
  EXPECT_EQ(startOf(call, "accountSid"), kAccount);
  const std::string uri = uriOf(call);
  const HttpAnswer up = get(uri);
  EXPECT_EQ(up.status, 200U) << up.body;
  EXPECT_EQ(memberOf(up.body, {"status"}), "in-progress") << up.body;
  EXPECT_EQ(memberOf(up.body, {"sid"}), startOf(call, "callSid"));
  EXPECT_EQ(memberOf(up.body, {"account_sid"}), kAccount);
  EXPECT_EQ(memberOf(up.body, {"direction"}), "inbound");
  EXPECT_NE(memberOf(up.body, {"from"}), "");
  EXPECT_NE(uri.find(memberOf(up.body, {"uri"})), std::string::npos) << up.body;

  const HttpAnswer over = post(uri, "Status=completed");
  EXPECT_EQ(over.status, 200U) << over.body;
  EXPECT_EQ(memberOf(over.body, {"status"}), "completed") << over.body;
  const auto bye = call.phone().sip().waitRequest("BYE", 5s);
  ASSERT_TRUE(bye.has_value());
  EXPECT_EQ(bye->header("Reason"), R"(SIP;cause=200;text="Endpoint hung up")");
  const auto end = gateway->waitEnd(call.phone().callId());
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ((*end)["ended-by"], "endpoint");
  EXPECT_EQ((*end)["reason"], "endpoint-hangup");
  ASSERT_TRUE(call.endpoint().waitFor(
      1, [](const auto& c) { return c.closed; }, 5s));
  EXPECT_EQ(memberOf(call.record().texts().back(), {"event"}), "stop");
  EXPECT_EQ(call.record().closeCode, 1000U);
  const HttpAnswer gone = post(uri, "Status=completed");
  EXPECT_EQ(gone.status, 404U) << gone.body;
  EXPECT_NE(gone.body.find(R"("code":20404)"), std::string::npos) << gone.body;
}

TEST_F(Rest, CancelledLeavesACallThatIsUp) {
  Conversation call(*gateway, twilioTalk());
  ASSERT_TRUE(call.begin());
  const HttpAnswer answer = post(uriOf(call), "Status=canceled");
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(memberOf(answer.body, {"status"}), "in-progress") << answer.body;
  call.expectNormalEnd();
}

TEST_F(Rest, OneCallOfMany) {
  std::vector<std::unique_ptr<Conversation>> calls;
  for (int i = 0; i < 4; ++i) {
    calls.push_back(std::make_unique<Conversation>(*gateway, twilioTalk()));
    ASSERT_TRUE(calls.back()->begin());
  }
  EXPECT_EQ(post(uriOf(*calls[2]), "Status=completed").status, 200U);
  ASSERT_TRUE(calls[2]->phone().sip().waitRequest("BYE", 5s).has_value());
  for (const int i : {0, 1, 3}) {
    EXPECT_EQ(memberOf(get(uriOf(*calls[static_cast<size_t>(i)])).body, {"status"}), "in-progress");
    calls[static_cast<size_t>(i)]->expectNormalEnd();
  }
}

TEST_F(Rest, WhatIsRefusedLeavesTheCallAlone) {
  Conversation call(*gateway, twilioTalk());
  ASSERT_TRUE(call.begin());
  const std::string uri = uriOf(call);
  const std::string mine = std::string(kAccount) + ":" + kToken;
  const std::string other = std::string(kAccount) + ":wrong";
  EXPECT_EQ(http("POST", uri, "Status=completed").status, 401U);
  EXPECT_EQ(http("POST", uri, "Status=completed", other).status, 401U);
  EXPECT_EQ(http("DELETE", uri, {}, mine).status, 405U);
  EXPECT_EQ(post(uri, "Status=busy").status, 400U);
  EXPECT_EQ(post(uri, "Twiml=%3CResponse%2F%3E").status, 400U);
  EXPECT_EQ(post(uri, "Status=" + std::string(70'000, 'x')).status, 413U);
  const std::string account = "ACffeeddccbbaa99887766554433221100";
  EXPECT_EQ(
      http("POST", replaced(uri, kAccount, account), "Status=completed", account + ":" + kToken)
          .status,
      404U)
      << "a call of another account";
  EXPECT_EQ(http("GET", "http://" + serverOf(*gateway) + "/").status, 404U);
  call.expectNormalEnd();
}

// Asks and does not wait for the answer.
TEST_F(Rest, ClientsThatGoAtOnce) {
  Conversation call(*gateway, twilioTalk());
  ASSERT_TRUE(call.begin());
  const std::string uri = uriOf(call);
  const std::string server = serverOf(*gateway);
  const std::string request = "GET " + uri.substr(uri.find("/2010")) +
                              " HTTP/1.1\r\nHost: h\r\nAuthorization: Basic " +
                              base64(std::string(kAccount) + ":" + kToken) + "\r\n\r\n";
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(std::stoi(server.substr(server.find(':') + 1))));
  for (int i = 0; i < 40; ++i) {
    // The backlog of the server's socket is short.
    if (i % 8 == 0) {
      ASSERT_EQ(get(uri).status, 200U);
    }
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    const linger reset{1, 0};
    if (i % 2 == 0) ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    const size_t part = i % 3 == 0 ? request.size() / 2 : request.size();
    EXPECT_EQ(::send(fd, request.data(), part, MSG_NOSIGNAL), static_cast<ssize_t>(part));
    ::close(fd);
  }
  EXPECT_EQ(get(uri).status, 200U);
  call.expectNormalEnd();
}

// The endpoint hears of the call before the caller does.
TEST(RestEarly, ACallThatIsNotAnsweredYet) {
  Gateway gateway({.set = {{"http.listen", "127.0.0.1:0"}}});
  const std::string server = serverOf(gateway);
  SoupEndpoint endpoint({.protocol = ""});
  Phone::Options options = withKeys("PCMU");
  options.offerless = true;
  Phone phone(gateway, options);
  // Up to the ACK that carries the answer, which never comes.
  phone.dial(endpoint.uri(), {{kDialectHeader, "twilio"}});
  ASSERT_TRUE(endpoint.waitFor(
      1, [](const auto& c) { return c.texts().size() == 2; }, 5s));
  const std::string start = endpoint.connection(1)->texts().at(1);
  const std::string uri = "http://" + server + "/2010-04-01/Accounts/" +
                          memberOf(start, {"start", "accountSid"}) + "/Calls/" +
                          memberOf(start, {"start", "callSid"}) + ".json";
  const HttpAnswer answer = http("POST", uri, "Status=completed");
  EXPECT_EQ(answer.status, 200U) << "without a token loopback may ask: " << answer.body;
  const auto end = gateway.waitEnd(phone.callId());
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ((*end)["reason"], "endpoint-hangup");
}

// A client of the HTTP server that says what it likes.
class Line {
 public:
  explicit Line(const std::string& server) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(static_cast<uint16_t>(std::stoi(server.substr(server.find(':') + 1))));
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) ADD_FAILURE() << errno;
  }
  ~Line() { ::close(fd_); }
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  void say(const std::string& text) const {
    [[maybe_unused]] const auto sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
  }
  // Says it again and again, every 100 ms, until the server hangs up or the limit is over.
  bool waitClosed(Millis limit, const std::string& drip = {}) const {
    const auto end = Clock::now() + stretched(limit);
    while (Clock::now() < end) {
      if (!drip.empty()) say(drip);
      pollfd waiting{fd_, POLLIN, 0};
      if (::poll(&waiting, 1, 100) > 0 && gone()) return true;
    }
    return false;
  }
  // Leaves it there.
  bool hears() const {
    char byte = 0;
    return ::recv(fd_, &byte, 1, MSG_DONTWAIT | MSG_PEEK) > 0;
  }
  bool gone() const {
    char buffer[4096];
    const ssize_t got = ::recv(fd_, buffer, sizeof buffer, MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN);
  }

 private:
  int fd_;
};

TEST(RestClosed, HalfRequestsAreCutOff) {
  Gateway gateway({.set = {{"http.listen", "127.0.0.1:0"}}});
  const std::string server = serverOf(gateway);
  const std::string head = "POST /2010-04-01/Accounts/x HTTP/1.1\r\nHost: h\r\n";
  const auto start = Clock::now();
  Line silent(server);
  Line half(server);
  half.say(head);
  Line body(server);
  body.say(head + "Content-Length: 1000\r\n\r\nhalf");
  Line drips(server);
  drips.say(head + "X: ");
  Line kept(server);
  kept.say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(kept.waitClosed(5s)) << "one answer a connection";
  EXPECT_TRUE(drips.waitClosed(14s, "x"));
  EXPECT_GT(millisBetween(start, Clock::now()), 8000);
  EXPECT_TRUE(silent.waitClosed(3s));
  EXPECT_TRUE(half.waitClosed(3s));
  EXPECT_TRUE(body.waitClosed(3s));
  EXPECT_EQ(http("GET", "http://" + server + "/").status, 404U);
}

TEST(RestClosed, ManyIdleConnectionsKeepNobodyOut) {
  Gateway gateway({.set = {{"http.listen", "127.0.0.1:0"}}});
  const std::string server = serverOf(gateway);
  std::vector<std::unique_ptr<Line>> lines;
  for (int i = 0; i < 500; ++i) {
    lines.push_back(std::make_unique<Line>(server));
    if (i % 50 == 0) {
      EXPECT_EQ(http("GET", "http://" + server + "/").status, 404U) << i;
    }
  }
  EXPECT_EQ(http("GET", "http://" + server + "/").status, 404U);
  const auto open = [&] {
    return std::count_if(lines.begin(), lines.end(),
                         [](const auto& line) { return !line->gone(); });
  };
  EXPECT_TRUE(eventually([&] { return open() <= 64; }, 5s)) << open();
  EXPECT_TRUE(gateway.process().waitForLine("http-refused key=limits.http-connections", 5s));
  EXPECT_LE(gateway.records("http-refused").size(), 10U);
  SoupEndpoint endpoint;
  Phone phone(gateway);
  EXPECT_EQ(phone.call(endpoint.uri()), 200) << "calls do not notice";
  EXPECT_TRUE(phone.hangUp());
}

/// What a client says first, in a record of TLS 1.2.
std::string clientHello() {
  const auto sized = [](const std::string& bytes, unsigned width) {
    std::string out;
    for (unsigned i = width; i-- > 0;)
      out += static_cast<char>(bytes.size() >> (8 * i));
    return out + bytes;
  };
  const auto extension = [&sized](char type, const std::string& body) {
    return std::string{'\0', type} + sized(body, 2);
  };
  const std::string extensions =
      extension(10, sized({'\0', '\x1d', '\0', '\x17'}, 2)) + extension(11, sized({'\0'}, 1)) +
      extension(13, sized({'\x04', '\x03', '\x08', '\x04', '\x04', '\x01'}, 2));
  const std::string suites = {'\xc0', '\x2f', '\xc0', '\x2b', '\xc0', '\x30', '\xc0', '\x2c'};
  const std::string hello = std::string("\x03\x03") + std::string(32, 'r') + sized("", 1) +
                            sized(suites, 2) + sized({'\0'}, 1) + sized(extensions, 2);
  return std::string("\x16\x03\x01") + sized("\x01" + sized(hello, 3), 2);
}

TEST(RestClosed, HandshakesThatStandStillKeepNobodyWaiting) {
  if (kSanitized) GTEST_SKIP() << "a handshake takes seconds of a processor";
  constexpr int kStanding = 40;
  const TestCa ca;
  Gateway gateway({.set = {{"http.listen", "127.0.0.1:0"},
                           {"http.tls-cert-file", ca.valid().certFile},
                           {"http.tls-key-file", ca.valid().keyFile}}});
  const std::string server = serverOf(gateway);
  // The first one of a process reads what TLS needs, and may take too long on a busy machine.
  ASSERT_TRUE(
      eventually([&] { return http("GET", "https://" + server + "/").status == 404U; }, 10s));
  const std::string hello = clientHello();
  {
    // The hello is one: there is an answer to it.
    Line whole(server);
    whole.say(hello);
    EXPECT_TRUE(eventually([&] { return whole.hears(); }, 3s));
  }
  const std::string half = hello.substr(0, hello.size() / 2);
  for (const std::string& bytes : {hello.substr(0, 1), half, hello}) {
    std::vector<std::unique_ptr<Line>> lines;
    for (int i = 0; i < kStanding; ++i) {
      lines.push_back(std::make_unique<Line>(server));
      lines.back()->say(bytes);
    }
    double slowest = 0;
    for (int i = 0; i < 5; ++i) {
      const auto asked = Clock::now();
      EXPECT_EQ(http("GET", "https://" + server + "/").status, 404U) << bytes.size();
      slowest = std::max(slowest, millisBetween(asked, Clock::now()));
    }
    std::printf("%d handshakes that stand still after %zu bytes: slowest of 5 good ones %.0f ms\n",
                kStanding, bytes.size(), slowest);
    EXPECT_LT(slowest, 1500 * kTimeScale) << bytes.size();
    const auto gone = [&] {
      return std::all_of(lines.begin(), lines.end(), [](const auto& line) { return line->gone(); });
    };
    EXPECT_TRUE(eventually(gone, 6s)) << "three seconds are enough for a handshake";
  }
}

TEST(RestClosed, BeyondLoopbackWithoutClientCertificatesThereIsNoStart) {
  ChildProcess launcher(
      {Gateway::program(), "--set", "sip.listen=udp:127.0.0.1:0", "--set", "http.listen=0.0.0.0:0"},
      Gateway::environment());
  EXPECT_EQ(launcher.waitExit(10s), 1);
  EXPECT_NE(launcher.output().find("http.listen 0.0.0.0:0"), std::string::npos);
  EXPECT_NE(launcher.output().find("http.tls-client-ca-file"), std::string::npos);
}

TEST(RestClosed, BehindAProxyATokenIsNeeded) {
  Gateway gateway({.set = {{"http.listen", "127.0.0.1:0"}}});
  const std::string sid(32, '0');
  const std::string uri =
      "http://" + serverOf(gateway) + "/2010-04-01/Accounts/AC" + sid + "/Calls/CA" + sid + ".json";
  EXPECT_EQ(http("GET", uri).status, 404U);
  const HttpAnswer answer = http("GET", uri, "", "", {{"X-Forwarded-For", "192.0.2.1"}});
  EXPECT_EQ(answer.status, 403U);
  EXPECT_NE(answer.body.find("websocket.twilio-auth-token"), std::string::npos) << answer.body;
}

}  // namespace
}  // namespace e2e
