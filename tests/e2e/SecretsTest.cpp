// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Words that are planted in every place where a secret may stand, and looked for in every byte that
// comes out: log in both formats, printed configuration, faults, SIP, the REST interface.
#include <fstream>

#include <glib/gstdio.h>
#include <gtest/gtest.h>
#include <libsoup/soup.h>

#include "Conversation.hpp"
#include "Phone.hpp"
#include "RawEndpoint.hpp"
#include "SoupEndpoint.hpp"

namespace e2e {
namespace {

using namespace std::chrono_literals;

/// All planted words begin with this, so that one look finds any of them.
constexpr const char* kMark = "PlantedW";
constexpr const char* kAccount = "AC0123456789abcdef0123456789abcdef";

std::string planted(const std::string& where) {
  return kMark + where;
}

/// What surrounds the first planted word in a text; empty when there is none. A text that was made
/// of one by base64 cannot hide it: the Basic credentials are planted as base64, too.
std::string leak(const std::string& text) {
  for (const std::string& word : {std::string(kMark), base64("user:" + planted("Pass"))}) {
    const size_t at = text.find(word);
    if (at != std::string::npos) return text.substr(at > 200 ? at - 200 : 0, 400);
  }
  return {};
}

struct Program {
  int status = -1;
  std::string text;

  explicit Program(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), Gateway::program());
    ChildProcess process(arguments, Gateway::environment());
    status = process.waitExit(20s).value_or(-1);
    text = process.output();
  }
};

std::string get(const std::string& uri, const std::string& credentials) {
  SoupSession* session = soup_session_new_with_options("timeout", 10, nullptr);
  SoupMessage* message = soup_message_new("GET", uri.c_str());
  soup_message_headers_append(soup_message_get_request_headers(message), "Authorization",
                              ("Basic " + base64(credentials)).c_str());
  std::string body;
  if (GBytes* bytes = soup_session_send_and_read(session, message, nullptr, nullptr)) {
    gsize size = 0;
    const auto* text = static_cast<const char*>(g_bytes_get_data(bytes, &size));
    body.assign(text != nullptr ? text : "", size);
    g_bytes_unref(bytes);
  }
  g_object_unref(message);
  g_object_unref(session);
  return body;
}

class Secrets : public ::testing::Test {
 protected:
  Gateway::Options options(const std::string& format) const {
    const std::string port = std::to_string(endpoint.port());
    return {.set = {{"log.level", "debug"},
                    {"log.format", format},
                    {"log.steps", "true"},
                    {"http.listen", "127.0.0.1:0"},
                    {"websocket.dialect", "twilio"},
                    {"websocket.twilio-account-sid", kAccount},
                    {"websocket.twilio-auth-token", planted("Twilio")},
                    {"websocket.signature-key", planted("Signature")},
                    {"websocket.authorization", "Bearer " + planted("Fixed")},
                    {"websocket.password", planted("Pass")},
                    {"websocket.bearer-token", planted("Bearer")},
                    {"websocket.headers", R"({"pin":")" + planted("Headers") + "\"}"},
                    {"websocket.jwt-claims", R"({"sub":")" + planted("Claims") + "\"}"},
                    {"websocket.uri", "ws://user:" + planted("UriPass") + "@127.0.0.1:" + port +
                                          "/general?token=" + planted("Query")}},
            .sections =
                "[route jwt]\nmatch=^sip:jwt@\nauthorization-type=jwt\njwt-algorithm=HS256\n"
                "jwt-key-file=" +
                keyFile + "\njwt-claims={\"sub\":\"" + planted("RouteClaims") +
                "\"}\nuri=ws://127.0.0.1:" + port + "/jwt?" + planted("RouteQuery") +
                "\n[route basic]\nmatch=^sip:basic@\nauthorization-type=basic\nusername=user\n"
                "uri=ws://127.0.0.1:" +
                port + "/basic,ws://u:" + planted("Fallback") + "@127.0.0.1:1/?" +
                planted("FallbackQuery") + "\nheaders={\"k\":\"" + planted("RouteHeaders") +
                "\"}\n"};
  }

  /// One call; all that the gateway said to the caller is looked through.
  void call(Gateway& gateway, const std::string& user, SipHeaders headers = {},
            const std::string& more = "") {
    Phone phone(gateway);
    headers.emplace_back("Authorization",
                         "Digest username=\"a\", response=\"" + planted("Digest") + "\"");
    headers.emplace_back("Proxy-Authorization", "Basic " + planted("ProxyBasic"));
    phone.sip().invite({.headers = headers,
                        .sdp = phone.offer(),
                        .requestUri = "sip:" + user + ":" + planted("RequestPass") +
                                      "@127.0.0.1:" + std::to_string(gateway.udpPort()) + more});
    const int status = phone.waitAnswer();
    if (status == 200) {
      phone.rtp().playDtmf('5', 100);
      EXPECT_TRUE(phone.rtp().waitPlayed(5s));
      phone.hangUp();
    }
    calls.push_back(phone.callId());
    for (const SipMessage& answer : phone.sip().responses("INVITE")) {
      for (const char* name : {"Reason", "Warning", "Contact", "Server", "Error-Info"})
        EXPECT_EQ(leak(answer.header(name)), "") << name;
      EXPECT_EQ(leak(answer.body), "");
    }
  }

  void exercise(Gateway& gateway) {
    const std::string uri = "ws://me:" + planted("InvitePass") +
                            "@127.0.0.1:" + std::to_string(endpoint.port()) +
                            "/own?key=" + planted("InviteQuery");
    const SipHeaders own = {
        {kUriHeader, percentEncode(uri)},
        {kHeadersHeader, percentEncode(R"({"pin":")" + planted("InviteHeaders") + "\"}")},
        {kAuthorizationHeader, percentEncode("Bearer " + planted("InviteAuth"))}};
    call(gateway, "bridge");
    call(gateway, "bridge", own, ";x=y?Subject=" + planted("SipHeader"));
    for (const char* user : {"jwt", "basic"})
      call(gateway, user);
    // Those that fail: nobody there, forbidden, malformed, and what is no JSON.
    const std::string pass = "ws://me:" + planted("BadPass");
    for (const std::string& bad :
         {pass + "@127.0.0.1:1/?" + planted("BadQuery"), pass + "@169.254.169.254/?x",
          pass + "@/?x", "ftp://me:" + planted("Scheme") + "@h/",
          pass + "@no-such-host.invalid/?" + planted("NoHost")})
      call(gateway, "bridge", {{kUriHeader, percentEncode(bad)}});
    call(gateway, "bridge", {{kUriHeader, planted("Bad%Encoding%")}});
    call(gateway, "bridge", {{kHeadersHeader, "{" + planted("BadJson")}});
    call(gateway, "bridge", {{kAuthorizationHeader, planted("BadAuth%0d%0a")}});
    // Passwords in From, To and Contact, of a call that is refused.
    Phone raw(gateway);
    const std::string port = std::to_string(raw.sip().localPort());
    const std::string id = "raw-" + std::to_string(calls.size()) + "-" + port;
    raw.sip().sendRaw(
        "INVITE sip:bridge@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:" + port +
        ";branch=z9hG4bK" + id + "\r\nFrom: \"A\" <sip:alice:" + planted("From") +
        "@127.0.0.1>;tag=1\r\nTo: <sip:bob:" + planted("To") + "@127.0.0.1>\r\nCall-ID: " + id +
        "\r\nCSeq: 1 INVITE\r\nContact: <sip:alice:" + planted("Contact") + "@127.0.0.1:" + port +
        ">\r\n" + kHeadersHeader + ": {\r\nContent-Length: 0\r\n\r\n");
    calls.push_back(id);
    for (const std::string& each : calls)
      EXPECT_TRUE(gateway.process().waitForLine("call-end.*" + each, 5s).has_value()) << each;
  }

  void SetUp() override {
    keyFile = directory.path() + "/key";
    std::ofstream(keyFile) << planted("Key-0123456789abcdef0123456789abcdef");
  }

  TempDir directory{"wsbridge-secrets"};
  std::string keyFile;
  SoupEndpoint endpoint{{.protocol = ""}};
  std::vector<std::string> calls;
};

TEST_F(Secrets, AreNeitherLoggedNorToldInCalls) {
  Gateway::Options text = options("text");
  // What makes the libraries talk as much as they can.
  text.variables = {{"SOFIA_DEBUG", "9"},         {"TPORT_LOG", "1"},
                    {"TPORT_DEBUG", "9"},         {"NTA_DEBUG", "9"},
                    {"NUA_DEBUG", "9"},           {"MSG_STREAM_LOG", "1"},
                    {"GST_DEBUG", "wsbridge*:9"}, {"G_MESSAGES_DEBUG", "all"}};
  Gateway gateway(text);
  exercise(gateway);
  const std::string http = gateway.records("ready").at(0)["http"];
  const std::string credentials = std::string(kAccount) + ":" + planted("Twilio");
  Phone up(gateway);
  up.sip().invite({.headers = {},
                   .sdp = up.offer(),
                   .requestUri = "sip:bridge:" + planted("RestPass") +
                                 "@127.0.0.1:" + std::to_string(gateway.udpPort())});
  ASSERT_EQ(up.waitAnswer(), 200);
  const auto start = gateway.waitRecord("call-start", up.callId(), 5s);
  ASSERT_TRUE(start.has_value());
  const std::string resource = "http://" + http + "/2010-04-01/Accounts/" + kAccount + "/Calls/";
  const std::string shown = get(resource + (*start)["call-sid"] + ".json", credentials);
  EXPECT_NE(shown.find("in-progress"), std::string::npos) << shown;
  EXPECT_EQ(leak(shown), "");
  EXPECT_EQ(leak(get(resource + "x.json?" + planted("HttpQuery"), "AC:" + planted("Http"))), "");
  EXPECT_TRUE(up.hangUp());

  gateway.rewrite(options("json"));
  const size_t lines = gateway.process().lines().size();
  gateway.process().signal(SIGHUP);
  ASSERT_TRUE(gateway.process().waitForLine("read again", 5s, lines).has_value());
  exercise(gateway);
  EXPECT_TRUE(gateway.process().waitForLine("\"event\":\"call-end\"", 5s, lines).has_value());
  EXPECT_EQ(leak(gateway.log()), "");
  // The test would find them, had they been there.
  EXPECT_NE(gateway.log().find("sip:bridge@127.0.0.1"), std::string::npos);
  EXPECT_NE(gateway.log().find("from=sip:alice@127.0.0.1"), std::string::npos);
  EXPECT_TRUE(endpoint.waitPath("/own", 5s).has_value());
  EXPECT_TRUE(endpoint.waitPath("/jwt", 5s).has_value());
}

// Level debug, read from top to bottom: what a call was about, and nothing that is secret.
TEST_F(Secrets, TheDebugLogTellsTheWholeStoryOfACallWithoutThem) {
  Gateway gateway(options("text"));
  Phone phone(gateway);
  phone.dial("ws://me:" + planted("InvitePass") + "@127.0.0.1:" + std::to_string(endpoint.port()) +
                 "/own?key=" + planted("InviteQuery"),
             {{kHeadersHeader, percentEncode(R"({"any":")" + planted("InviteHeaders") + "\"}")},
              {kAuthorizationHeader, percentEncode("Bearer " + planted("InviteAuth"))}});
  ASSERT_EQ(phone.waitAnswer(), 200);
  ASSERT_TRUE(endpoint.waitTexts(1, 2, 5s));
  ASSERT_TRUE(gateway.process().waitForLine("ACK sip:", 5s).has_value());
  endpoint.sendText(1, R"({"event":"mark","streamSid":"?","token":")" + planted("Echoed") + "\"}");
  ASSERT_TRUE(gateway.process().waitForLine("received .*mark", 5s).has_value());
  EXPECT_TRUE(phone.hangUp());
  ASSERT_TRUE(gateway.waitEnd(phone.callId(), 5s).has_value());
  const std::string log = gateway.log();
  EXPECT_EQ(leak(log), "");
  const std::vector<std::string> story = {"way=received",
                                          "INVITE sip:",
                                          "call-start",
                                          "connecting to ws://127.0.0.1",
                                          "TCP to 127.0.0.1",
                                          "handshake sent, with Authorization",
                                          "sent {\\\"event\\\":\\\"connected",
                                          ": open after",
                                          "SIP/2.0 200 OK",
                                          "ACK sip:",
                                          "received {\\\"event\\\":\\\"mark",
                                          "BYE sip:",
                                          ": closing with",
                                          ": closed by us",
                                          "call-end"};
  size_t at = 0;
  for (const std::string& part : story) {
    const size_t found = log.find(part, at);
    ASSERT_NE(found, std::string::npos) << part << " is not there, or not in its place, in\n"
                                        << log;
    at = found;
  }
}

TEST_F(Secrets, AreNeitherPrintedNorRepeatedInFaults) {
  Gateway gateway(options("text"));
  const Program printed({"--config", gateway.configFile(), "--print-config"});
  EXPECT_EQ(printed.status, 0) << printed.text;
  EXPECT_EQ(leak(printed.text), "");
  const Program checked({"--config", gateway.configFile(), "--check-config"});
  EXPECT_EQ(checked.status, 0) << checked.text;
  EXPECT_EQ(leak(checked.text), "");
  const std::string file = directory.path() + "/bad.ini";
  for (const std::string& line :
       {"bearer-token " + planted("X"), "bearer-token " + planted("X") + "==", planted("X"),
        planted("X") + "=", "authorization-type=" + planted("X"),
        "uri=ws://u:" + planted("X") + "@"}) {
    std::ofstream(file) << "[websocket]\n" << line << "\n";
    for (const char* mode : {"--check-config", "--print-config"}) {
      const Program bad({"--config", file, mode});
      EXPECT_NE(bad.status, 0) << line;
      EXPECT_NE(bad.text.find("bad.ini:2"), std::string::npos) << bad.text;
      EXPECT_EQ(leak(bad.text), "");
    }
  }
  const Program set({"--set", "websocket.bearer-token=" + planted("Set")});
  EXPECT_EQ(set.status, 2);
  EXPECT_NE(set.text.find("websocket.bearer-token"), std::string::npos) << set.text;
  EXPECT_EQ(leak(set.text), "");
}

TEST_F(Secrets, FilesThatOthersMayReadAreNamedAtTheStartAndWhenReadAgain) {
  ASSERT_EQ(g_chmod(keyFile.c_str(), 0644), 0);
  Gateway gateway(options("text"));
  const auto named = [&] {
    std::set<std::string> files;
    for (const LogRecord& record : gateway.records("file-readable"))
      files.insert(record["file"]);
    return files;
  };
  EXPECT_EQ(named().count(keyFile), 1U);
  ASSERT_EQ(g_chmod(keyFile.c_str(), 0600), 0);
  ASSERT_EQ(g_chmod(gateway.configFile().c_str(), 0644), 0);
  const size_t lines = gateway.process().lines().size();
  gateway.process().signal(SIGHUP);
  EXPECT_TRUE(gateway.process().waitForLine("file-readable.*0644", 5s, lines).has_value());
  EXPECT_EQ(named().count(gateway.configFile()), 1U);
}

}  // namespace
}  // namespace e2e
