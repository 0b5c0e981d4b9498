// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>

#include "base/Text.hpp"

namespace launcher::text {

TEST(Text, AFoldedHeaderIsOneLine) {
  EXPECT_EQ(text::unfolded("one line"), "one line");
  EXPECT_EQ(text::unfolded("{\"a\":1,\r\n \"b\":2}"), "{\"a\":1, \"b\":2}");
  EXPECT_EQ(text::unfolded("ws://a/ \t\r\n\t ,ws://b/"), "ws://a/ ,ws://b/");
  EXPECT_EQ(text::unfolded("x\n y\r\n  z"), "x y z");
  EXPECT_EQ(text::unfolded("\r\n x\r\n "), "x");
  EXPECT_EQ(text::unfolded(" \r\n "), "");
  EXPECT_EQ(text::unfolded(""), "");
}

TEST(Text, PercentDecodingIsStrict) {
  EXPECT_EQ(percentDecode("ws%3A%2F%2Fhost%2F"), "ws://host/");
  EXPECT_EQ(percentDecode("plain"), "plain");
  EXPECT_EQ(percentDecode("%C3%A4"), "ä");
  EXPECT_FALSE(percentDecode("%"));
  EXPECT_FALSE(percentDecode("abc%2"));
  EXPECT_FALSE(percentDecode("%zz"));
  EXPECT_FALSE(percentDecode("a%00b"));
  EXPECT_FALSE(percentDecode("a%0d%0ab"));
  EXPECT_FALSE(percentDecode("%ff%fe"));
}

TEST(Text, IntegersAreWholeOrNothing) {
  EXPECT_EQ(parseInteger("42"), 42);
  EXPECT_EQ(parseInteger("-65"), -65);
  EXPECT_FALSE(parseInteger("42x"));
  EXPECT_FALSE(parseInteger(""));
  EXPECT_FALSE(parseInteger(" 42"));
  EXPECT_FALSE(parseInteger("99999999999999999999"));
}

TEST(Text, Wildcards) {
  EXPECT_TRUE(matchesWildcard("*.example.com", "a.b.EXAMPLE.com"));
  EXPECT_FALSE(matchesWildcard("*.example.com", "example.com"));
  EXPECT_TRUE(matchesWildcard("*", "anything"));
  EXPECT_FALSE(matchesWildcard("a*c", "abd"));
  EXPECT_TRUE(matchesWildcard("a*b*c", "a-b-b-c"));
}

TEST(Text, NearestFindsTheMisspelledWordOnly) {
  EXPECT_EQ(nearest("listn", {"listen", "public-address"}), "listen");
  EXPECT_FALSE(nearest("zebra", {"listen", "public-address"}));
}

TEST(Text, CredentialsAreTakenOut) {
  EXPECT_EQ(withoutCredentials("wss://user:pw@host:1/p?token=x#f"), "wss://host:1/p");
  EXPECT_EQ(withoutCredentials("ws://host/a@b"), "ws://host/a@b");
  EXPECT_EQ(withoutCredentials("ws://u@h@host/"), "ws://host/");
  EXPECT_EQ(withoutCredentials("sip:desk:pw@host:5060;x=y?Replaces=z"), "sip:desk@host:5060;x=y");
  EXPECT_EQ(withoutCredentials("sips:desk@host:5061"), "sips:desk@host:5061");
  EXPECT_EQ(withoutCredentials("sip:host:5060"), "sip:host:5060");
  EXPECT_EQ(withoutCredentials("tel:+4930123"), "tel:+4930123");
}

}  // namespace launcher::text
