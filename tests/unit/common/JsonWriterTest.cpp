// SPDX-License-Identifier: LGPL-2.1-or-later
#include <string>
#include <variant>

#include <gtest/gtest.h>

#include "common/json/JsonWriter.hpp"

namespace {

using wsbridge::common::Json;
using wsbridge::common::jsonString;
using wsbridge::common::JsonWriter;

TEST(JsonWriter, WritesTheMembersInTheirOrder) {
  JsonWriter inner;
  EXPECT_EQ(inner.text(), "{}");
  inner.add("a", int64_t{-5});
  JsonWriter writer;
  writer.add("s", "x").add("n", int64_t{1} << 62).addBoolean("b", true).addNull("z");
  writer.addChecked("o", inner.text());
  EXPECT_EQ(writer.text(), R"({"s":"x","n":4611686018427387904,"b":true,"z":null,"o":{"a":-5}})");
}

TEST(JsonWriter, EscapesWhatMustBe) {
  EXPECT_EQ(jsonString("a \"b\" \\ / \b\f\n\r\t \x01\x1f\x7f"),
            R"("a \"b\" \\ / \b\f\n\r\t \u0001\u001f\u007f")");
  EXPECT_EQ(jsonString(std::string("x\0y", 3)), R"("x\u0000y")");
  EXPECT_EQ(jsonString("gr\xC3\xBC\xC3\x9F"), "\"gr\xC3\xBC\xC3\x9F\"");
}

TEST(JsonWriter, WhateverTheBytesTheTextIsJson) {
  EXPECT_EQ(jsonString("a\xFFz\xC3"), "\"a\xEF\xBF\xBDz\xEF\xBF\xBD\"");
  std::string all;
  for (int c = 0; c < 256; ++c)
    all += static_cast<char>(c);
  JsonWriter writer;
  writer.add(all, all);
  EXPECT_TRUE(std::holds_alternative<Json>(Json::readObject(writer.text(), 10000)));
}

}  // namespace
