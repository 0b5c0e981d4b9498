// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>

#include "connect/Credentials.hpp"

namespace wsbridge {
namespace {

Endpoint endpointOf(const std::string& uri) {
  return *Endpoint::parse(uri);
}

TEST(Credentials, TheUrlThatIsSignedIsTheOneThatAServerSees) {
  EXPECT_EQ(endpointOf("https://user:pw@h:443/a?b=c#d").url(), "wss://h/a?b=c");
  EXPECT_EQ(endpointOf("http://h:8080").url(), "ws://h:8080/");
}

TEST(Credentials, TwilioSignature) {
  EXPECT_EQ(twilioSignature("wss://bot.example.org/stream?a=1", "12345"),
            "IlJbrIgdxD4u+cLSIAa/IQI/wTw=");
  HandshakeRequest request;
  EXPECT_TRUE(sign(request, endpointOf("wss://bot.example.org/stream?a=1"), {{}, "12345"}, 0));
  ASSERT_EQ(request.extra_headers.size(), 1U);
  EXPECT_EQ(request.extra_headers[0].first, "X-Twilio-Signature");
  EXPECT_EQ(request.extra_headers[0].second, "IlJbrIgdxD4u+cLSIAa/IQI/wTw=");
  HandshakeRequest plain;
  EXPECT_TRUE(sign(plain, endpointOf("wss://h/"), {}, 0));
  EXPECT_TRUE(plain.extra_headers.empty());
}

// The expected value is that of
// printf 'GET\nwss://h/a?b=c\n1700000000' | openssl dgst -sha256 -hmac key
TEST(Credentials, UrlSignature) {
  HandshakeRequest request;
  EXPECT_TRUE(sign(request, endpointOf("https://u:p@h/a?b=c#d"), {{}, "", "key"}, 1'700'000'000));
  using Headers = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(request.extra_headers,
            (Headers{{"X-Wsbridge-Timestamp", "1700000000"},
                     {"X-Wsbridge-Signature",
                      "sha256=96aa796dd3b5f74d46780c8b1ce69ecd03ee606383c0d64f0d90ffed61ad4c4e"}}));
}

}  // namespace
}  // namespace wsbridge
