// SPDX-License-Identifier: LGPL-2.1-or-later
#include <random>

#include <gtest/gtest.h>

#include "sip/stack/RequestUri.hpp"

namespace launcher {

using Forms = std::vector<std::string>;

TEST(RequestUri, SchemeAndHostAreInLowerCaseAndTheUserIsNot) {
  EXPECT_EQ(normalRequestUri("SIP:Bot@GateWay.Example:5060;Transport=UDP?Subject=X"),
            "sip:Bot@gateway.example:5060;Transport=UDP?Subject=X");
  EXPECT_EQ(normalRequestUri("sip:A@[2001:DB8::A]:5060;x"), "sip:A@[2001:db8::a]:5060;x");
  EXPECT_EQ(normalRequestUri("sip:GATEWAY;Lr"), "sip:gateway;Lr");
  EXPECT_EQ(normalRequestUri("TEL:+49-30;Phone-Context=X"), "tel:+49-30;Phone-Context=X");
}

TEST(RequestUri, NeedlessEscapesAreDecoded) {
  EXPECT_EQ(normalRequestUri("sip:%73upp%6frt@%67ATE%57ay"), "sip:support@gateway");
  EXPECT_EQ(normalRequestUri("sip:%2b49%2D30@h;%78=%31"), "sip:+49-30@h;x=1");
  EXPECT_EQ(normalRequestUri("tel:%2b49"), "tel:%2B49") << "reserved there";
  EXPECT_EQ(normalRequestUri("sip:a%40b%3a@h;x=%3b"), "sip:a%40b%3A@h;x=%3B");
  EXPECT_EQ(normalRequestUri("sip:%c3%bc%00%0a@h"), "sip:%C3%BC%00%0A@h");
}

TEST(RequestUri, DecodingOnceIsDecodingAll) {
  EXPECT_EQ(normalRequestUri("sip:%2573upport@h"), "sip:%2573upport@h");
  EXPECT_EQ(normalRequestUri("sip:%%37%33upport@h"), "sip:%2573upport@h");
  EXPECT_EQ(normalRequestUri("sip:x%@h%4"), "sip:x%25@h%254");
  std::mt19937 random(7);
  const std::string alphabet = "%%%%0123467aAfFsip:@;?&[]./ \x7f\xc3-+TELtelS";
  for (int round = 0; round < 50'000; ++round) {
    std::string uri = round % 3 == 0 ? "sip:" : round % 3 == 1 ? "tel:" : "";
    for (std::size_t length = random() % 24; length > 0; --length)
      uri += alphabet[random() % alphabet.size()];
    const std::string once = normalRequestUri(uri);
    ASSERT_EQ(normalRequestUri(once), once) << testing::PrintToString(uri);
    for (const char c : once)
      ASSERT_TRUE(c > ' ' && c < 0x7f) << testing::PrintToString(uri);
  }
}

TEST(RequestUri, OtherSchemesAreTriedAsSipToo) {
  EXPECT_EQ(requestUriForms("sip:a@h"), (Forms{"sip:a@h"}));
  EXPECT_EQ(requestUriForms("SIPS:a@H:1;x"), (Forms{"sips:a@h:1;x", "sip:a@h:1;x"}));
  EXPECT_EQ(requestUriForms("sip:H:1;x"), (Forms{"sip:h:1;x", "sip:@h:1;x"}));
  EXPECT_EQ(requestUriForms("sips:h"), (Forms{"sips:h", "sip:h", "sip:@h"}));
  EXPECT_EQ(requestUriForms("tel:+4930"), (Forms{"tel:+4930", "sip:+4930@"}));
  EXPECT_EQ(requestUriForms("tel:+49-(30);phone-context=x"),
            (Forms{"tel:+49-(30);phone-context=x", "sip:+49-(30)@;phone-context=x",
                   "sip:+4930@;phone-context=x"}));
  EXPECT_EQ(requestUriForms("sip:a:pw@h:1"), (Forms{"sip:a:pw@h:1", "sip:a@h:1"}));
  EXPECT_EQ(requestUriForms("sips:a:@h"), (Forms{"sips:a:@h", "sip:a:@h", "sip:a@h", "sips:a@h"}));
  EXPECT_EQ(requestUriForms(""), (Forms{""}));
}

}  // namespace launcher
