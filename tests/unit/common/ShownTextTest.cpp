// SPDX-License-Identifier: LGPL-2.1-or-later
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/ShownText.hpp"

namespace wsbridge::common {
namespace {

TEST(ShownText, SecretMembersAreBlanked) {
  const std::vector<std::string> names = {"customer"};
  const std::string shown = shownText(
      R"({"event":"start","token":"s3cret","Api-Key":17,"customer":"s3cret","x":{"password":)"
      R"(["s3cret",{"a":"s3cret"}],"z":1},"\u0074oken":"s3cret","PIN" : "s3cret","rate":8000})",
      names);
  EXPECT_EQ(shown,
            R"({"event":"start","token":"***","Api-Key":"***","customer":"***","x":{"password":)"
            R"("***","z":1},"\u0074oken":"***","PIN":"***","rate":8000})");
}

TEST(ShownText, DigitsAreBlanked) {
  EXPECT_EQ(shownText(R"({"event":"websocket:dtmf","digit":"7","duration":160})"),
            R"({"event":"websocket:dtmf","digit":"***","duration":160})");
  EXPECT_EQ(shownText("DTMF_END digit:7"), "DTMF_END… (16 bytes)");
}

TEST(ShownText, WhatIsBrokenDoesNotShowMore) {
  EXPECT_EQ(shownText(R"({"token":"s3cret)"), R"({"token":"***")");
  EXPECT_EQ(shownText(R"({"token")"), R"({"token")");
  EXPECT_EQ(shownText(R"({"token":)"), R"({"token":"***")");
  EXPECT_EQ(shownText("{\"a\":\"x\ny\"}"), "{\"a\":\"x y\"}");
}

TEST(ShownText, IsBounded) {
  const std::string shown = shownText("{\"a\":\"" + std::string(100000, 'x') + "\"}");
  EXPECT_LE(shown.size(), kMaxShownText + 40);
  EXPECT_NE(shown.find("(100008 bytes)"), std::string::npos);
}

}  // namespace
}  // namespace wsbridge::common
