// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>

#include "connect/Proxy.hpp"

namespace wsbridge {
namespace {

Proxy good(const std::string& uri) {
  const auto parsed = Proxy::parse(uri);
  if (!parsed) {
    ADD_FAILURE() << parsed.error();
    return {};
  }
  return *parsed;
}

TEST(Proxy, IsReadWithItsCredentials) {
  const Proxy proxy = good("HTTP://user:p%40s%3As@proxy.example:3128");
  EXPECT_EQ(proxy.host, "proxy.example");
  EXPECT_EQ(proxy.port, 3128);
  EXPECT_EQ(proxy.shown, "proxy.example:3128");
  EXPECT_EQ(proxy.authorization, "Basic dXNlcjpwQHM6cw==");
  EXPECT_EQ(good("http://[::1]:80/").shown, "[::1]:80");
  EXPECT_EQ(good("http://p:80").authorization, "");
}

TEST(Proxy, FaultsRepeatNothingOfTheValue) {
  for (const char* uri : {"", "s3cret", "https://u:s3cret@p:1", "http://u:s3cret@p", "http://:1",
                          "socks5://u:s3cret@p:1", "http://u:s3cret@p:99999", "http://a%0d%0ab:1",
                          "http://a%09b:1", "http://a\tb:1", "http://a%2fb:1"}) {
    const auto parsed = Proxy::parse(uri);
    ASSERT_FALSE(parsed) << uri;
    EXPECT_EQ(parsed.error().find("s3cret"), std::string::npos) << parsed.error();
  }
}

TEST(Proxy, TheRequest) {
  EXPECT_EQ(connectText(good("http://p:1"), "bot.example", 443),
            "CONNECT bot.example:443 HTTP/1.1\r\nHost: bot.example:443\r\n\r\n");
  EXPECT_EQ(connectText(good("http://u:v@p:1"), "2001:db8::1", 80),
            "CONNECT [2001:db8::1]:80 HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n"
            "Proxy-Authorization: Basic dTp2\r\n\r\n");
}

TEST(Proxy, TheAnswer) {
  const Proxy proxy = good("http://p:3128");
  EXPECT_FALSE(readProxyAnswer("HTTP/1.0 200 Connection established\r\n\r\n", proxy));
  EXPECT_FALSE(readProxyAnswer("HTTP/1.1 204 Fine\r\nVia: x\r\n\r\n", proxy));
  const auto denied = readProxyAnswer("HTTP/1.1 407 No\r\n\r\n", proxy);
  ASSERT_TRUE(denied);
  EXPECT_EQ(denied->http_status, 407U);
  EXPECT_FALSE(denied->temporary);
  EXPECT_EQ(denied->text, "the proxy p:3128 answered 407: check the user and password in proxy");
  EXPECT_TRUE(readProxyAnswer("HTTP/1.1 503 Busy\r\n\r\n", proxy)->temporary);
  EXPECT_TRUE(readProxyAnswer("SSH-2.0\r\n\r\n", proxy));
}

}  // namespace
}  // namespace wsbridge
