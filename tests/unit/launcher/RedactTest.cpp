// SPDX-License-Identifier: LGPL-2.1-or-later
#include <array>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "base/Redact.hpp"
#include "base/Text.hpp"

namespace launcher {

TEST(Redact, SipUrisLoseTheirPasswordAndHeaders) {
  EXPECT_EQ(redacted("sip:alice:PW@h:5060;x=y?Replaces=z"), "sip:alice@h:5060;x=y?***");
  EXPECT_EQ(redacted("\"A\" <SIPS:alice:P/W?;'x@h>;tag=1"), "\"A\" <SIPS:alice@h>;tag=1");
  EXPECT_EQ(redacted("sip:alice:p@w@h"), "sip:alice@h");
  EXPECT_EQ(redacted("from sip:a:1@h to sip:b:2@h."), "from sip:a@h to sip:b@h.");
  for (const char* same : {"sip:alice@h:5060", "sip:h:5060", "sip:[::1]:5060", "tel:+4930:1@x",
                           "gossip:alice:PW", "udp:127.0.0.1:5060", "a: b", "", ":"})
    EXPECT_EQ(redacted(same), same);
}

TEST(Redact, WhatLooksLikeAPasswordHidesNoHeaders) {
  EXPECT_EQ(redacted("sip:a@h?X=S3CRET:y@z"), "sip:a@h?***");
  EXPECT_EQ(redacted("sips:b@h?X=S3CRET&To=sip:c@i"), "sips:b@h?***");
  EXPECT_EQ(redacted("sip:bob:pa?ss@h?X=y"), "sip:bob@h?***");
}

TEST(Redact, OtherUrisLoseUserInfoQueryAndFragment) {
  EXPECT_EQ(redacted("wss://u:pw@host:1/p?token=x#f"), "wss://***@host:1/p?***");
  EXPECT_EQ(redacted("cannot reach HTTP://token@h"), "cannot reach HTTP://***@h");
  EXPECT_EQ(redacted("ws://h/a@b"), "ws://h/a@b");
  EXPECT_EQ(redacted("ws://h/#frag"), "ws://h/?***");
  EXPECT_EQ(redacted("ws://a/?x=1,2,ws://u@b/c, wss://d/?e"),
            "ws://a/?***,ws://***@b/c, wss://d/?***");
  EXPECT_EQ(redacted("see <ws://h/?x> and \"ws://h/?y\""), "see <ws://h/?***> and \"ws://h/?***\"");
}

/// Texts of what means something to redacted(), in any order.
std::string anyText(std::mt19937& random) {
  constexpr std::array kParts = {"sip:", "SIPS:", "s", "ip",  "ws://", "wss://", "://",   ":",
                                 "@",    "?",     "#", "/",   "//",    ",",      ", ws:", "a",
                                 "***",  "?***",  " ", "\"",  "<",     ">",      "\x01",  "\xc3",
                                 "%",    ";",     "[", "::1", "=",     "\r\n",   "tel:",  "***@"};
  std::string text;
  for (auto parts = random() % 14; parts > 0; --parts)
    text += kParts[random() % kParts.size()];
  return text;
}

TEST(Redact, DoneTwiceChangesNothingMore) {
  std::mt19937 random(12);
  for (int i = 0; i < 200'000; ++i) {
    const std::string text = anyText(random);
    const std::string once = redacted(text);
    ASSERT_EQ(redacted(once), once) << text;
    const std::string masked = text::maskUserInfo(text);
    ASSERT_EQ(text::maskUserInfo(masked), masked) << text;
    const std::string without = text::withoutCredentials(text);
    ASSERT_EQ(text::withoutCredentials(without), without) << text;
  }
}

TEST(Redact, ASecretIsTakenOutOfAnyTextAroundIt) {
  std::mt19937 random(34);
  for (int i = 0; i < 50'000; ++i) {
    const std::string before = anyText(random) + " ";
    const std::string after = " " + anyText(random);
    for (const char* uri : {"ws://u:S3CRET@h/p", "wss://h/p?t=S3CRET", "https://h/#S3CRET",
                            "sip:b:S3CRET@h", "sips:h?X=S3CRET", "WSS://S3CRET@h:1"}) {
      const std::string shown = redacted(before + uri + after);
      ASSERT_EQ(shown.find("S3CRET"), std::string::npos) << before << uri << after;
    }
  }
}

TEST(Redact, OnlyAWordThatLooksLikeAKeyIsRepeated) {
  EXPECT_EQ(keyLikeWord("bearer-token X"), "'bearer-token'");
  EXPECT_EQ(keyLikeWord("websocket.bearer-token=X"), "'websocket.bearer-token'");
  EXPECT_EQ(keyLikeWord("c2VjcmV0=="), "\'…\'");
  EXPECT_EQ(keyLikeWord("MIIEvQIBADANBg"), "\'…\'");
  EXPECT_EQ(keyLikeWord(std::string(33, 'x')), "'…'");
  EXPECT_EQ(keyLikeWord(""), "'…'");
}

}  // namespace launcher
