// SPDX-License-Identifier: LGPL-2.1-or-later
// Every row of the status table of docs/wire-protocols.md, the forms of the headers, and the URI
// policy.
#include <gtest/gtest.h>

#include "Phone.hpp"
#include "RawEndpoint.hpp"
#include "SoupEndpoint.hpp"

namespace e2e {
namespace {

class Status : public ::testing::Test {
 protected:
  // Long enough for the first TLS handshake of a process, which reads the system's certificates.
  static constexpr int kConnectTimeout = 600 * (kSanitized ? 12 : 1);
  // At debug each refused call has its records, however many there are.
  E2E_SHARED_GATEWAY((Gateway::Options{
      .set = {{"websocket.connect-timeout", std::to_string(kConnectTimeout)},
              {"log.level", "debug"}}}));

  // The status, with the headers that every refusal carries checked.
  static int refusal(const Gateway& at, const std::string& uri, const SipHeaders& headers,
                     const std::string& warned, const Phone::Options& options = {}) {
    Phone phone(at, options);
    phone.dial(uri, headers);
    const auto answer = phone.sip().waitFinal(8s);
    if (!answer) return 0;
    EXPECT_GE(answer->status, 400) << "no refusal";
    const std::string reason = answer->header("Reason");
    EXPECT_EQ(reason.rfind("SIP", 0), 0U) << "Reason: " << reason;
    EXPECT_EQ(headerParameter(reason, "cause"), std::to_string(answer->status)) << reason;
    EXPECT_GT(headerParameter(reason, "text").size(), 2U) << reason;
    const std::string warning = answer->header("Warning");
    EXPECT_FALSE(warning.empty()) << answer->status;
    EXPECT_NE(warning.find(warned), std::string::npos) << "Warning: " << warning;
    const auto end = at.waitEnd(phone.callId(), 5s);
    EXPECT_TRUE(end.has_value()) << "no call-end for " << answer->status;
    if (end) {
      EXPECT_EQ((*end)["status"], std::to_string(answer->status));
      EXPECT_FALSE((*end)["reason"].empty());
    }
    return answer->status;
  }

  static int refusal(const std::string& uri, const SipHeaders& headers, const std::string& warned) {
    return refusal(*gateway, uri, headers, warned);
  }

  // Makes a call with raw header values, hangs up and returns what the endpoint saw.
  static std::optional<EndpointConnection> seen(SoupEndpoint& endpoint, const SipHeaders& headers) {
    const size_t before = endpoint.count();
    Phone phone(*gateway);
    const int status = phone.call("", headers);
    EXPECT_EQ(status, 200);
    if (status != 200) return std::nullopt;
    EXPECT_TRUE(endpoint.waitConnections(before + 1, 5s));
    const int id = static_cast<int>(before + 1);
    EXPECT_TRUE(endpoint.waitTexts(id, 1, 5s));
    phone.hangUp();
    EXPECT_TRUE(endpoint.waitClosed(id, 5s));
    return endpoint.connection(id);
  }

  static std::string wrongScheme() { return "ftp://127.0.0.1/x"; }
};

TEST_F(Status, MissingUriIs400) {
  EXPECT_EQ(refusal("", {}, kUriHeader), 400);
}

TEST_F(Status, UnparsableUriIs400) {
  for (const char* uri : {"ws://", "not a uri", "ws://[::1/", "ws://127.0.0.1:99999/", "://x",
                          "ws://127.0.0.1:abc/"}) {
    EXPECT_EQ(refusal(uri, {}, kUriHeader), 400) << uri;
  }
}

TEST_F(Status, UnknownSchemeIs400) {
  EXPECT_EQ(refusal(wrongScheme(), {}, kUriHeader), 400);
  EXPECT_EQ(refusal("file:///etc/passwd", {}, kUriHeader), 400);
}

TEST_F(Status, BrokenPercentEncodingIs400) {
  for (const char* raw :
       {"ws%3A%2F%2F127.0.0.1%2", "ws%3A%2F%2F127.0.0.1%2Fa%GG", "ws%3A%2F%2F127.0.0.1%2F%00",
        "ws%3A%2F%2F127.0.0.1%2F%0D%0AX-Evil%3A1", "ws%3A%2F%2F127.0.0.1%2F%FF%FE"}) {
    EXPECT_EQ(refusal("", {{kUriHeader, raw}}, kUriHeader), 400) << raw;
  }
}

TEST_F(Status, TooLongUriIs400) {
  EXPECT_EQ(refusal("ws://127.0.0.1/" + std::string(2048, 'a'), {}, kUriHeader), 400);
}

TEST_F(Status, HeadersThatAreNoStrictJsonAre400AndNameTheByte) {
  SoupEndpoint endpoint;
  for (const char* json : {R"({"a":"\ud800x"})", "{'a':1}", "{\"a\":0x10}", "{\"a\":1}//c"}) {
    const SipHeaders headers{{kHeadersHeader, percentEncode(json)}};
    EXPECT_EQ(refusal(endpoint.uri(), headers, kHeadersHeader), 400) << json;
    EXPECT_EQ(refusal(endpoint.uri(), headers, "is not JSON at byte "), 400) << json;
  }
  EXPECT_EQ(endpoint.count(), 0U);
}

TEST_F(Status, HeadersThatAreNoObjectOrTooLongAre400) {
  SoupEndpoint endpoint;
  for (const std::string& json :
       {std::string("[1,2]"), std::string("\"text\""), std::string("{\"a\":"),
        std::string("nonsense"), "{\"a\":\"" + std::string(8192, 'x') + "\"}"}) {
    EXPECT_EQ(refusal(endpoint.uri(), {{kHeadersHeader, percentEncode(json)}}, kHeadersHeader), 400)
        << json.substr(0, 20);
  }
  EXPECT_EQ(refusal(endpoint.uri(), {{kHeadersHeader, "%7B%22a%22%3A%2"}}, kHeadersHeader), 400);
  EXPECT_EQ(endpoint.requests(), 0U) << "a refused call must not reach the endpoint";
}

TEST_F(Status, UnsupportedContentTypeIs415) {
  SoupEndpoint endpoint;
  for (const std::string& type :
       {std::string("audio/l16;rate=44100"), std::string("audio/opus"), std::string("text/plain"),
        "audio/l16;rate=16000;" + std::string(60, 'x')}) {
    EXPECT_EQ(
        refusal(endpoint.uri(), {{kContentTypeHeader, percentEncode(type)}}, kContentTypeHeader),
        415)
        << type;
  }
  EXPECT_EQ(endpoint.requests(), 0U);
}

TEST_F(Status, NoCommonCodecIs488) {
  SoupEndpoint endpoint;
  EXPECT_EQ(refusal(*gateway, endpoint.uri(), {}, "", {.codecs = {"G729"}}), 488);
  EXPECT_EQ(refusal(*gateway, endpoint.uri(), {}, "", {.codecs = {"telephone-event"}}), 488);
  EXPECT_EQ(endpoint.requests(), 0U);
}

TEST_F(Status, AMediaAddressThatCannotBeSentToIs488) {
  SoupEndpoint endpoint;
  for (const char* connection :
       {"IN IP6 2001:db8::1", "IN IP6 ::1", "IN IP4 phone.example", "IN IP6 phone.example"}) {
    EXPECT_EQ(refusal(*gateway, endpoint.uri(), {}, "301", {.connection = connection}), 488)
        << connection;
  }
  EXPECT_EQ(endpoint.count(), 0U);
  Phone fine(*gateway, {.connection = "IN IP4 127.0.0.1"});
  EXPECT_EQ(fine.call(endpoint.uri()), 200);
  EXPECT_TRUE(fine.hangUp());
}

TEST_F(Status, RefusedConnectionIs502) {
  EXPECT_EQ(refusal("ws://127.0.0.1:" + std::to_string(freePort()) + "/", {}, ""), 502);
}

TEST_F(Status, UnresolvableNameIs502) {
  EXPECT_EQ(refusal("ws://no-such-host.invalid/", {}, ""), 502);
}

TEST_F(Status, EveryAnswerOtherThan101Is502) {
  for (const auto kind :
       {Misbehaviour::Status401, Misbehaviour::Status404, Misbehaviour::Status500,
        Misbehaviour::Redirect302, Misbehaviour::Garbage, Misbehaviour::WrongAcceptKey,
        Misbehaviour::WrongSubprotocol, Misbehaviour::ClosesAfterRequest}) {
    RawEndpoint endpoint(kind);
    EXPECT_EQ(refusal(endpoint.uri(), {}, ""), 502) << static_cast<int>(kind);
  }
}

TEST_F(Status, PlainTextOnATlsUriIs502) {
  RawEndpoint endpoint([](RawConnection& connection) {
    connection.write("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    connection.waitPeerGone(5s);
  });
  EXPECT_EQ(refusal("wss://127.0.0.1:" + std::to_string(endpoint.port()) + "/", {}, ""), 502);
}

TEST_F(Status, UnansweredHandshakeIs504) {
  for (const auto kind : {Misbehaviour::NeverAnswers, Misbehaviour::HalfResponse}) {
    RawEndpoint endpoint(kind);
    const auto start = Clock::now();
    EXPECT_EQ(refusal(endpoint.uri(), {}, ""), 504) << static_cast<int>(kind);
    EXPECT_NEAR(millisBetween(start, Clock::now()), kConnectTimeout, 500 * kTimeScale);
  }
}

TEST_F(Status, EndlessHandshakeHeadEndsTheCall) {
  RawEndpoint endpoint(Misbehaviour::EndlessHeaders);
  const int status = refusal(endpoint.uri(), {}, "");
  EXPECT_TRUE(status == 502 || status == 504) << status;
  EXPECT_LT(endpoint.bytesWritten(), 64U << 20);
}

TEST_F(Status, TooManyCallsAre503WithRetryAfter) {
  Gateway small({.set = {{"limits.max-calls", "1"}}});
  SoupEndpoint endpoint;
  Phone first(small);
  ASSERT_EQ(first.call(endpoint.uri()), 200);
  Phone second(small);
  second.dial(endpoint.uri());
  const auto answer = second.sip().waitFinal(5s);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->status, 503);
  EXPECT_FALSE(answer->header("Retry-After").empty());
  EXPECT_EQ(headerParameter(answer->header("Reason"), "cause"), "503");
  ASSERT_TRUE(first.hangUp());
  ASSERT_TRUE(small.waitEnd(first.callId()).has_value());
  Phone third(small);
  EXPECT_EQ(third.call(endpoint.uri()), 200) << "the place is free again";
}

TEST_F(Status, NoRtpPortLeftIs503WithRetryAfter) {
  const int base = freePort() / 2 * 2 + 2;
  Gateway small(
      {.set = {{"rtp.port-range", std::to_string(base) + "-" + std::to_string(base + 1)}}});
  SoupEndpoint endpoint;
  Phone first(small);
  ASSERT_EQ(first.call(endpoint.uri()), 200);
  EXPECT_EQ(first.answer().port, base);
  Phone second(small);
  second.dial(endpoint.uri());
  const auto answer = second.sip().waitFinal(5s);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->status, 503);
  EXPECT_FALSE(answer->header("Retry-After").empty());
}

// Without websocket.allow nothing inside is reachable, and no socket is opened to find out.
TEST_F(Status, ForbiddenAddressesAre403) {
  Gateway strict(
      {.set = {{"websocket.allow", ""}, {"log.level", "debug"}}, .allowLoopback = false});
  SoupEndpoint endpoint;
  const std::string port = ":" + std::to_string(endpoint.port()) + "/";
  for (const std::string host : {"127.0.0.1", "localhost", "[::1]", "169.254.169.254", "10.1.2.3",
                                 "192.168.1.1", "172.16.0.1", "0.0.0.0", "[::ffff:127.0.0.1]",
                                 "[fe80::1]", "[fd00::1]", "2130706433", "127.1", "0x7f.0.0.1"}) {
    const int status =
        refusal(strict, std::string("ws://").append(host).append(port), {}, kUriHeader);
    EXPECT_TRUE(status == 403 || (status == 400 && host.find('.') == std::string::npos))
        << host << " " << status;
  }
  EXPECT_EQ(endpoint.requests(), 0U);
  EXPECT_TRUE(strict.process().waitForLine("websocket\\.allow", 2s).has_value())
      << "the log says which key would allow it";
}

TEST_F(Status, AllowedNameMayResolveToLoopback) {
  Gateway named({.set = {{"websocket.allow", "localhost"}}, .allowLoopback = false});
  SoupEndpoint endpoint;
  Phone phone(named);
  EXPECT_EQ(phone.call(endpoint.uri("/", "localhost")), 200);
  const auto record = endpoint.waitConnections(1, 5s) ? endpoint.connection(1) : std::nullopt;
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->header("Host"), "localhost:" + std::to_string(endpoint.port()));
  EXPECT_EQ(refusal(named, endpoint.uri(), {}, kUriHeader), 403)
      << "the address itself is not on the list";
}

TEST_F(Status, AllowTakesCidr) {
  Gateway cidr({.set = {{"websocket.allow", "10.0.0.0/8;127.0.0.0/8"}}, .allowLoopback = false});
  SoupEndpoint endpoint;
  Phone phone(cidr);
  EXPECT_EQ(phone.call(endpoint.uri()), 200);
}

TEST_F(Status, UriMayBeEncodedQuotedOrPlain) {
  SoupEndpoint endpoint;
  const std::string uri = endpoint.uri("/path/a%20b?x=1&y=2");
  for (const std::string& raw :
       {percentEncode(uri), "\"" + percentEncode(uri) + "\"", endpoint.uri("/plain?z=1")}) {
    const auto record = seen(endpoint, {{kUriHeader, raw}});
    ASSERT_TRUE(record.has_value()) << raw;
    EXPECT_EQ(record->path, raw.find("plain") == std::string::npos ? "/path/a b" : "/plain");
    EXPECT_EQ(record->query, raw.find("plain") == std::string::npos ? "x=1&y=2" : "z=1");
  }
}

TEST_F(Status, HttpIsASynonymAndAnEmptyPathIsASlash) {
  SoupEndpoint endpoint;
  const std::string raw = "http%3A%2F%2F127.0.0.1%3A" + std::to_string(endpoint.port());
  const auto record = seen(endpoint, {{kUriHeader, raw}});
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->path, "/");
}

TEST_F(Status, HeaderNamesAreComparedWithoutCase) {
  SoupEndpoint endpoint;
  const auto record =
      seen(endpoint, {{"p-WSBRIDGE-websocket-URI", percentEncode(endpoint.uri("/case"))}});
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->path, "/case");
}

TEST_F(Status, FirstMessageHasTheCustomKeysAndTheContentTypeLast) {
  SoupEndpoint endpoint;
  const SipHeaders base{{kUriHeader, percentEncode(endpoint.uri())}};
  const auto first = [&](SipHeaders headers) {
    headers.insert(headers.end(), base.begin(), base.end());
    const auto record = seen(endpoint, headers);
    return record && !record->messages.empty() && record->messages[0].text
               ? record->messages[0].data
               : "none";
  };
  EXPECT_EQ(first({}), R"({"content-type":"audio/l16;rate=16000"})");
  EXPECT_EQ(first({{kHeadersHeader, percentEncode(R"({"name_1":"value_1","name_2":"value_2"})")}}),
            R"({"name_1":"value_1","name_2":"value_2","content-type":"audio/l16;rate=16000"})");
  EXPECT_EQ(first({{kHeadersHeader,
                    "\"" + percentEncode(R"({"b":1,"a":[true,null,{"c":"d"}]})") + "\""}}),
            R"({"b":1,"a":[true,null,{"c":"d"}],"content-type":"audio/l16;rate=16000"})");
  EXPECT_EQ(first({{kHeadersHeader, "{\"folded\":1,\r\n \"in\":\r\n\t2}"}}),
            R"({"folded":1,"in":2,"content-type":"audio/l16;rate=16000"})");
  EXPECT_EQ(first({{kHeadersHeader, R"({"plain":"yes"})"}}),
            R"({"plain":"yes","content-type":"audio/l16;rate=16000"})");
  EXPECT_EQ(first({{kHeadersHeader, percentEncode(R"({"content-type":"mine","k":"v"})")}}),
            R"({"k":"v","content-type":"audio/l16;rate=16000"})");
  EXPECT_EQ(first({{kHeadersHeader, percentEncode(R"({"content\u002dtype":"mine", "n" : 0.1})")}}),
            R"({"n":0.1,"content-type":"audio/l16;rate=16000"})");
  const std::string written = R"({"e":1e999,"l":12345678901234567890123,"z":"x\u0000y","s":"\/")";
  EXPECT_EQ(first({{kHeadersHeader, percentEncode(written + "}")}}),
            written + R"(,"content-type":"audio/l16;rate=16000"})");
  EXPECT_EQ(first({{kContentTypeHeader, percentEncode("audio/l16;rate=8000")}}),
            R"({"content-type":"audio/l16;rate=8000"})");
  EXPECT_EQ(first({{kContentTypeHeader, percentEncode("\"Audio/L16; Rate=24000\"")}}),
            R"({"content-type":"audio/l16;rate=24000"})");
}

TEST_F(Status, NonAsciiKeysPassUnharmed) {
  SoupEndpoint endpoint;
  const auto record =
      seen(endpoint, {{kUriHeader, percentEncode(endpoint.uri())},
                      {kHeadersHeader, percentEncode("{\"n\":\"\xC3\xA9\xE2\x82\xAC\"}")}});
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->messages.at(0).data,
            "{\"n\":\"\xC3\xA9\xE2\x82\xAC\",\"content-type\":\"audio/l16;rate=16000\"}");
}

TEST_F(Status, HandshakeIsWhatTheProtocolSays) {
  SoupEndpoint endpoint;
  const auto record = seen(endpoint, {{kUriHeader, percentEncode(endpoint.uri("/h"))},
                                      {kAuthorizationHeader, percentEncode("Bearer abc.def-123")}});
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->protocol, "WSBRIDGE");
  EXPECT_EQ(record->header("Sec-WebSocket-Protocol"), "WSBRIDGE");
  EXPECT_FALSE(record->hasHeader("Sec-WebSocket-Extensions"));
  EXPECT_EQ(record->header("Host"), "127.0.0.1:" + std::to_string(endpoint.port()));
  EXPECT_EQ(record->header("Authorization"), "Bearer abc.def-123");
  EXPECT_EQ(record->header("Sec-WebSocket-Version"), "13");
}

TEST_F(Status, ServerThatSelectsNoSubprotocolIsAccepted) {
  SoupEndpoint endpoint({.protocol = ""});
  Phone phone(*gateway);
  EXPECT_EQ(phone.call(endpoint.uri()), 200);
}

TEST_F(Status, DialectVonageSaysConnected) {
  SoupEndpoint endpoint;
  const auto record = seen(endpoint, {{kUriHeader, percentEncode(endpoint.uri())},
                                      {kDialectHeader, "vonage"},
                                      {kHeadersHeader, percentEncode(R"({"k":"v"})")}});
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->messages.at(0).data,
            R"({"event":"websocket:connected","content-type":"audio/l16;rate=16000","k":"v"})");
}

// The call is answered only when the WebSocket is open and the first message is written.
TEST_F(Status, AnswerWaitsForTheHandshake) {
  Gateway patient;
  SoupEndpoint endpoint({.handshakeDelay = 700ms});
  Phone phone(patient);
  phone.dial(endpoint.uri());
  ASSERT_TRUE(endpoint.waitRequests(1, 5s));
  EXPECT_FALSE(phone.sip().waitFinal(400ms).has_value())
      << "answered before the WebSocket was open";
  ASSERT_EQ(phone.waitAnswer(5s), 200);
  ASSERT_TRUE(endpoint.waitTexts(1, 1, 1s));
  const auto record = endpoint.connection(1);
  const auto answered = phone.sip().waitFinal(0ms)->at;
  // The endpoint notes the time behind its 101, so the answer may be a little ahead of it.
  EXPECT_GT(millisBetween(record->openedAt, answered), -20 * kTimeScale);
  EXPECT_LT(millisBetween(answered, record->messages.at(0).at), 20 * kTimeScale)
      << "text comes before the 200";
}

}  // namespace
}  // namespace e2e
