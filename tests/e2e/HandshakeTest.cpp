// SPDX-License-Identifier: LGPL-2.1-or-later
//
// How a call's WebSocket is opened: several endpoints, retries, authorization, signatures, proxy.
#include <fstream>
#include <set>

#include <glib.h>
#include <gtest/gtest.h>

#include "ConnectProxy.hpp"
#include "Conversation.hpp"
#include "Phone.hpp"
#include "RawEndpoint.hpp"
#include "SoupEndpoint.hpp"

namespace e2e {
namespace {

using namespace std::chrono_literals;

std::string closedUri() {
  const RawEndpoint gone;
  return gone.uri();
}

std::string fromBase64Url(std::string text) {
  for (char& c : text)
    c = c == '-' ? '+' : c == '_' ? '/' : c;
  text.append((4 - text.size() % 4) % 4, '=');
  gsize size = 0;
  g_autofree guchar* bytes = g_base64_decode(text.c_str(), &size);
  return {reinterpret_cast<char*>(bytes), size};
}

void write(const std::string& path, const std::string& contents) {
  std::ofstream(path, std::ios::binary) << contents;
}

bool succeeds(const std::vector<std::string>& command) {
  ChildProcess process(command);
  return process.waitExit(20s) == 0;
}

// The caller may have its 200 before the endpoint knows that it is open.
EndpointConnection opened(const SoupEndpoint& endpoint, int id) {
  EXPECT_TRUE(endpoint.waitConnections(static_cast<size_t>(id), 5s));
  return endpoint.connection(id).value_or(EndpointConnection{});
}

class Handshake : public ::testing::Test {
 public:
  E2E_SHARED_GATEWAY(Gateway::Options{});
};

TEST_F(Handshake, TheSecondEndpointOfTheHeaderIsTakenWhenTheFirstRefuses) {
  const std::string closed = closedUri();
  SoupEndpoint second({.echo = true});
  Phone phone(*gateway);
  ASSERT_EQ(phone.call(closed + "," + second.uri("/second?token=x")), 200);
  EXPECT_TRUE(phone.hangUp());
  const auto end = gateway->waitEnd(phone.callId());
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ((*end)["endpoint"], second.uri("/second")) << "the one that answered";
  const auto failed = gateway->records("endpoint-failed");
  ASSERT_EQ(failed.size(), 1U);
  EXPECT_EQ(failed[0]["endpoint"], closed);
  EXPECT_EQ(failed[0]["kind"], "refused");
  EXPECT_NE(failed[0]["reason"], "");
  EXPECT_EQ(failed[0]["id"], (*end)["id"]);
}

TEST_F(Handshake, WhenNobodyAnswersTheLastOneDecidesTheStatus) {
  RawEndpoint silent(Misbehaviour::NeverAnswers);
  Gateway brief({.set = {{"websocket.connect-timeout", "800"}}});
  Phone refused(brief);
  EXPECT_EQ(refused.call(silent.uri() + "," + closedUri()), 502);
  Phone late(brief);
  EXPECT_EQ(late.call(closedUri() + "," + silent.uri()), 504);
  const auto end = brief.waitEnd(late.callId());
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ((*end)["reason"], "endpoint-timeout");
}

TEST_F(Handshake, OneForbiddenEndpointRefusesTheCallBeforeAnySocketIsOpened) {
  SoupEndpoint allowed;
  Phone phone(*gateway);
  EXPECT_EQ(phone.call(allowed.uri() + ",ws://169.254.169.254/"), 403);
  EXPECT_EQ(allowed.requests(), 0U);
  Phone bad(*gateway);
  EXPECT_EQ(bad.call(allowed.uri() + ",ws://"), 400);
}

TEST_F(Handshake, ANameThatDoesNotResolveLeavesTheOthers) {
  SoupEndpoint second;
  Gateway open({.set = {{"websocket.allow", "127.0.0.1;localhost"}}});
  Phone phone(open);
  const std::string port = std::to_string(second.port());
  ASSERT_EQ(phone.call("ws://no-such-host.invalid/,ws://localhost:" + port + "/"), 200);
  const auto failed = open.records("endpoint-failed");
  ASSERT_EQ(failed.size(), 1U);
  EXPECT_EQ(failed[0]["kind"], "resolve");
  Phone neither(open);
  EXPECT_EQ(neither.call("ws://no-such-host.invalid/,ws://none.invalid/"), 502);
  const auto end = open.waitEnd(neither.callId());
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ((*end)["reason"], "endpoint-unresolved");
}

TEST_F(Handshake, ConfigurationAndRoutesTakeSeveralToo) {
  SoupEndpoint endpoint;
  const std::string closed = closedUri();
  Gateway configured({.set = {{"websocket.uri", closed + ", " + endpoint.uri("/default")}},
                      .sections = "[route r]\nmatch=^sip:support@\nuri=" + closed + "," +
                                  endpoint.uri("/support") + "\n"});
  Phone phone(configured);
  EXPECT_EQ(phone.call(""), 200);
  EXPECT_TRUE(endpoint.waitPath("/default", 5s).has_value());
  Phone support(configured, {.user = "support"});
  EXPECT_EQ(support.call(""), 200);
  EXPECT_TRUE(endpoint.waitPath("/support", 5s).has_value());
}

TEST_F(Handshake, AnEndpointThatIsBusyForAMomentIsTriedAgain) {
  std::atomic<int> number{0};
  RawEndpoint endpoint([&](RawConnection& connection) {
    if (++number <= 2) {
      connection.readRequest();
      connection.write("HTTP/1.1 503 Service Unavailable\r\n\r\n");
    } else if (connection.acceptHandshake()) {
      connection.hold();
    }
  });
  Gateway patient({.set = {{"websocket.connect-retries", "5"}}});
  Phone phone(patient);
  EXPECT_EQ(phone.call(endpoint.uri()), 200);
  EXPECT_EQ(number, 3);
  EXPECT_EQ(patient.records("endpoint-failed").size(), 2U);
}

TEST_F(Handshake, AfterABreakTheFallbackTakesTheCallOver) {
  Gateway patient({.set = {{"websocket.reconnect-time", "400"}}});
  auto first = std::make_unique<SoupEndpoint>();
  SoupEndpoint second;
  Phone phone(patient);
  ASSERT_EQ(phone.call(first->uri() + "," + second.uri("/fallback")), 200);
  EXPECT_EQ(second.requests(), 0U);
  first->close(1, 1011);
  first.reset();
  ASSERT_TRUE(second.waitTexts(1, 1, 5s));
  EXPECT_NE(opened(second, 1).texts()[0].find(R"("resumption":1)"), std::string::npos);
  second.close(1, 1011);
  EXPECT_TRUE(second.waitConnections(2, 5s)) << "the one in use is the first to be tried again";
  EXPECT_TRUE(phone.hangUp());
  const auto end = patient.waitEnd(phone.callId());
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ((*end)["reason"], "caller-hangup");
  EXPECT_EQ((*end)["endpoint"], second.uri("/fallback"));
}

TEST_F(Handshake, AfterABreakWithNobodyLeftTheCallerGetsAByeWithTheReason) {
  Gateway patient({.set = {{"websocket.reconnect-time", "300"}}});
  auto first = std::make_unique<SoupEndpoint>();
  const std::string closed = closedUri();
  Phone phone(patient);
  ASSERT_EQ(phone.call(first->uri() + "," + closed), 200);
  first->close(1, 1011);
  first.reset();
  const auto bye = phone.sip().waitRequest("BYE", 10s);
  ASSERT_TRUE(bye.has_value());
  EXPECT_NE(bye->header("Reason").find("502"), std::string::npos) << bye->header("Reason");
  const auto end = patient.waitEnd(phone.callId());
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ((*end)["reason"], "endpoint-refused");
}

TEST_F(Handshake, BasicAndBearerByConfigurationRouteAndHeader) {
  SoupEndpoint endpoint;
  Gateway configured({.set = {{"websocket.authorization-type", "basic"},
                              {"websocket.username", "Aladdin"},
                              {"websocket.password", "open sesame"},
                              {"websocket.credentials-for", "127.0.0.1"}},
                      .sections = "[route r]\nmatch=^sip:support@\n"
                                  "authorization-type=bearer\nbearer-token=tok.en\n"});
  const auto given = [&](const std::string& path, const std::string& user, SipHeaders headers) {
    Phone phone(configured, {.user = user});
    EXPECT_EQ(phone.call(endpoint.uri(path), headers), 200);
    const auto id = endpoint.waitPath(path, 5s);
    return id ? endpoint.connection(*id)->header("Authorization") : std::string();
  };
  EXPECT_EQ(given("/basic", "bridge", {}), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
  EXPECT_EQ(given("/bearer", "support", {}), "Bearer tok.en");
  EXPECT_EQ(given("/fixed", "support", {{kAuthorizationHeader, "Own%20x"}}), "Own x");
  for (const char* secret : {"sesame", "tok.en", "Own x", "QWxhZGRp"})
    EXPECT_EQ(configured.log().find(secret), std::string::npos) << secret;
}

TEST_F(Handshake, EachConnectionHasAJwtOfItsOwnThatOpensslVerifies) {
  const TempDir dir("wsbridge-jwt");
  const std::string key = dir.path() + "/key.pem";
  const std::string pub = dir.path() + "/pub.pem";
  ASSERT_TRUE(succeeds({"openssl", "genpkey", "-algorithm", "RSA", "-out", key}));
  ASSERT_TRUE(succeeds({"openssl", "rsa", "-in", key, "-pubout", "-out", pub}));
  SoupEndpoint endpoint;
  Gateway configured({.set = {{"websocket.authorization-type", "jwt"},
                              {"websocket.jwt-key-file", key},
                              {"websocket.jwt-claims", R"({"iss":"gateway"})"},
                              {"websocket.jwt-lifetime", "120"},
                              {"websocket.credentials-for", "127.0.0.1"},
                              {"websocket.reconnect-time", "5000"}}});
  Phone phone(configured);
  ASSERT_EQ(phone.call(endpoint.uri()), 200);
  endpoint.close(1, 1011);
  ASSERT_TRUE(endpoint.waitConnections(2, 5s));
  std::set<std::string> ids;
  for (const int id : {1, 2}) {
    const std::string header = opened(endpoint, id).header("Authorization");
    ASSERT_EQ(header.substr(0, 7), "Bearer ");
    const std::string token = header.substr(7);
    const size_t first = token.find('.');
    const size_t last = token.rfind('.');
    write(dir.path() + "/text", token.substr(0, last));
    write(dir.path() + "/signature", fromBase64Url(token.substr(last + 1)));
    EXPECT_TRUE(succeeds({"openssl", "dgst", "-sha256", "-verify", pub, "-signature",
                          dir.path() + "/signature", dir.path() + "/text"}));
    const std::string claims = fromBase64Url(token.substr(first + 1, last - first - 1));
    EXPECT_EQ(memberOf(claims, {"iss"}), "gateway");
    ids.insert(memberOf(claims, {"jti"}));
  }
  EXPECT_EQ(ids.size(), 2U) << "signed anew for the second connection";
}

// The endpoint's side is the function in docs/configuration.md.
TEST_F(Handshake, TheUrlSignatureIsVerifiedAsTheDocumentationSays) {
  const std::string docs =
      readFile(std::string(g_getenv("WSBRIDGE_SIPP_DIR")) + "/../../../docs/configuration.md");
  const size_t start = docs.find("import hashlib");
  ASSERT_NE(start, std::string::npos);
  const std::string code = docs.substr(start, docs.find("```", start) - start) +
                           "\nimport sys\nkey, url, stamp, signature = sys.argv[1:]\n"
                           "headers = {'X-Wsbridge-Timestamp': stamp, "
                           "'X-Wsbridge-Signature': signature}\n"
                           "sys.exit(0 if genuine(key, url, headers) else 1)\n";
  SoupEndpoint endpoint;
  Gateway signing({.set = {{"websocket.signature-key", "shared-s3cret"},
                           {"websocket.credentials-for", "127.0.0.1"},
                           {"log.level", "debug"}}});
  Phone phone(signing);
  const std::string url = endpoint.uri("/media?call=1");
  ASSERT_EQ(phone.call(url), 200);
  const EndpointConnection record = opened(endpoint, 1);
  const std::string stamp = record.header("X-Wsbridge-Timestamp");
  const std::string signature = record.header("X-Wsbridge-Signature");
  const auto genuine = [&](const std::string& key, const std::string& at, const std::string& time) {
    return succeeds({"python3", "-c", code, key, at, time, signature});
  };
  EXPECT_TRUE(genuine("shared-s3cret", url, stamp));
  EXPECT_FALSE(genuine("another", url, stamp));
  EXPECT_FALSE(genuine("shared-s3cret", url + "2", stamp));
  EXPECT_FALSE(genuine("shared-s3cret", url, std::to_string(std::stoll(stamp) + 1)));
  EXPECT_EQ(signing.log().find("shared-s3cret"), std::string::npos);
}

TEST_F(Handshake, ACallThroughAProxy) {
  SoupEndpoint endpoint;
  ConnectProxy proxy({.credentials = "user:s3cret"});
  Gateway proxied({.set = {{"websocket.proxy", proxy.uri("user:s3cret")},
                           {"websocket.allow", "127.0.0.1;bot.internal"},
                           {"websocket.credentials-for", "127.0.0.1;bot.internal"},
                           {"log.level", "debug"}}});
  const std::string port = std::to_string(endpoint.port());
  Phone phone(proxied);
  ASSERT_EQ(phone.call(endpoint.uri()), 200);
  Phone named(proxied);
  ASSERT_EQ(named.call("ws://bot.internal:" + port + "/"), 200) << "the proxy knows the name";
  Phone forbidden(proxied);
  EXPECT_EQ(forbidden.call("ws://169.254.169.254/"), 403) << "a proxy changes nothing there";
  EXPECT_EQ(proxy.targets(),
            (std::vector<std::string>{"127.0.0.1:" + port, "bot.internal:" + port}));
  EXPECT_EQ(proxied.log().find("s3cret"), std::string::npos);
}

TEST_F(Handshake, AProxyThatRefusesIs502AndNamed) {
  SoupEndpoint endpoint;
  ConnectProxy proxy({.credentials = "user:other"});
  Gateway proxied({.set = {{"websocket.proxy", proxy.uri("user:s3cret")},
                           {"websocket.credentials-for", "127.0.0.1"}}});
  Phone phone(proxied);
  EXPECT_EQ(phone.call(endpoint.uri()), 502);
  const auto end = proxied.waitEnd(phone.callId());
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ((*end)["reason"], "endpoint-handshake");
  EXPECT_NE((*end)["detail"].find("the proxy 127.0.0.1:"), std::string::npos) << (*end)["detail"];
  EXPECT_EQ(proxied.log().find("s3cret"), std::string::npos);
}

TEST_F(Handshake, TheTwilioSignatureBelongsToTheUrlThatIsTried) {
  SoupEndpoint endpoint({.protocol = ""});
  Gateway twilio({.set = {{"websocket.dialect", "twilio"},
                          {"websocket.twilio-auth-token", "12345"},
                          {"websocket.credentials-for", "127.0.0.1"}}});
  Phone phone(twilio);
  const std::string url = endpoint.uri("/stream?a=1");
  ASSERT_EQ(phone.call(closedUri() + "," + url), 200);
  g_autofree char* hex =
      g_compute_hmac_for_string(G_CHECKSUM_SHA1, reinterpret_cast<const guchar*>("12345"), 5,
                                url.data(), static_cast<gssize>(url.size()));
  std::string digest;
  for (size_t i = 0; i < 40; i += 2)
    digest +=
        static_cast<char>(g_ascii_xdigit_value(hex[i]) * 16 + g_ascii_xdigit_value(hex[i + 1]));
  EXPECT_EQ(opened(endpoint, 1).header("X-Twilio-Signature"), base64(digest));
}

}  // namespace
}  // namespace e2e
