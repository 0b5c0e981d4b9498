// SPDX-License-Identifier: LGPL-2.1-or-later
//
// RFC 8259, rule by rule. Cases are named by what a reader should do with them: accept, refuse, or
// decide by itself.
#include <limits>
#include <string>
#include <variant>
#include <vector>

#include <gtest/gtest.h>
#include <json-glib/json-glib.h>

#include "common/json/Json.hpp"

namespace {

using wsbridge::common::Json;
using wsbridge::common::JsonFault;
using wsbridge::common::kJsonDepth;

constexpr size_t kBound = 1024 * 1024;

/// The tokens that were kept, or "fault: " and what is wrong.
std::string read(std::string_view text, size_t bound = kBound) {
  const auto result = Json::read(text, bound);
  if (const auto* fault = std::get_if<JsonFault>(&result)) return "fault: " + fault->text;
  return std::get<Json>(result).text();
}
bool accepts(std::string_view text) {
  return !read(text).starts_with("fault: ");
}
Json json(std::string_view text) {
  auto result = Json::read(text, kBound);
  EXPECT_TRUE(std::holds_alternative<Json>(result)) << text.substr(0, 80);
  return std::get<Json>(std::move(result));
}
std::string nested(unsigned depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

TEST(Json, AcceptsWhatTheGrammarAllows) {
  for (const std::string text : {"null",
                                 "true",
                                 "false",
                                 "0",
                                 "-0",
                                 "-1",
                                 "1",
                                 "123",
                                 "0.1",
                                 "-0.0",
                                 "1e5",
                                 "1E+5",
                                 "1e-05",
                                 "0e999",
                                 "1.5e00",
                                 "\"\"",
                                 "\"a\"",
                                 "[]",
                                 "{}",
                                 "[[]]",
                                 "[null,1]",
                                 "{\"\":0}",
                                 "{\"a\":{\"b\":[{}]}}",
                                 R"("\"\\\/\b\f\n\r\t")",
                                 R"("\u0041")",
                                 R"("\u00fC")",
                                 R"("\ud83d\ude00")",
                                 R"("\uDBFF\uDFFF")",
                                 R"("\uFFFF\uFFFE\uFDD0")",
                                 R"("\u0000")",
                                 R"({"a\u0000":1})",
                                 "\"\x7f\"",
                                 "\"gr\xC3\xBC\xC3\x9F\"",
                                 "\"\xE2\x80\xA8\"",
                                 "\"\xEF\xBF\xBF\"",
                                 "\"\xF4\x8F\xBF\xBF\"",
                                 "\"\xEF\xBB\xBF\"",
                                 R"("\\u0000")",
                                 R"("/*c*/")",
                                 R"({"a":1,"a":2})"}) {
    EXPECT_EQ(read(text), text);
  }
}

TEST(Json, RefusesWhatTheGrammarDoesNotAllow) {
  for (const std::string text :
       {// Nothing, and something behind.
        "", " ", "1 2", "{}{}", "{}x", "[1]]", "{\"a\":1}#", "\"a\"\"b\"", "null,", "{},",
        // Words.
        "nul", "nulll", "Null", "TRUE", "True", "undefined", "NaN", "Infinity", "-Infinity", "nan",
        "t", "[truE]",
        // Numbers.
        "01", "-01", "00", "+1", ".5", "-.5", "1.", "1.e5", "-", "--1", "1e", "1e+", "1E-", "e1",
        "0x10", "0X1f", "$ff", "1_000", "1,5", "1.2.3", "1e5.5", "0e", "1a", "- 1", "\xEF\xBC\x91",
        "0b1", "0o7", "1f", "1.0e", "2.e3",
        // Strings.
        "'a'", "{'a':1}", "{a:1}", "{1:1}", "\"", "\"a", "\"a\\\"", "\"\\", "\"\\a\"", "\"\\x41\"",
        "\"\\'\"", "\"\\0\"", "\"\\U0041\"", "\"\\u\"", "\"\\u00\"", "\"\\u004\"", "\"\\u00g0\"",
        "\"\\u 041\"", "\"\\u-041\"", "\"a\nb\"", "\"a\tb\"", "\"\x01\"", "\"\x1f\"", "\"\r\"",
        "abc", "\"a\\\nb\"", "`a`",
        "\xE2\x80\x9C"
        "a\xE2\x80\x9D",
        // Surrogates.
        R"("\ud800")", R"("\udc00")", R"("\ud800x")", R"("\ud800\n")", R"("\ud800\ud800")",
        R"("\udc00\ud800")", R"("\ud800\u0041")", R"("\ud800\\udc00")", R"("\ud800\u")",
        R"("\ud800\udc0")", R"("x\uDFFF")", R"({"\ud800":1})",
        // Bytes that are not UTF-8.
        "\"\x80\"", "\"\xC3\"", "\"\xC3\x28\"", "\"\xC0\x80\"", "\"\xE0\x80\x80\"",
        "\"\xED\xA0\x80\"", "\"\xF4\x90\x80\x80\"", "\"\xF8\x88\x80\x80\x80\"", "\"\xFF\"",
        "{\"\xFF\":1}", "\xFF", "[\xC3\xBC]",
        // Structure.
        "[", "]", "{", "}", "[1", "[1,", "[1,]", "[,1]", "[,]", "[1,,2]", "[1 2]", "[1;2]", "[1}",
        "{]", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{,}", "{\"a\"}",
        "{\"a\" 1}", "{\"a\"=1}", "{\"a\"::1}", "{:1}", "{\"a\":}", "{\"a\":1 \"b\":2}",
        "{\"a\":1,,\"b\":2}", "{[]:1}", "{null:1}", "{\"a\":1]", "(1)", "<a>", "[1:2]", "{\"a\",1}",
        // White space and comments that others know.
        "\f1", "\v1",
        "\xC2\xA0"
        "1",
        "[1\f]", "\xEF\xBB\xBF{}",
        "\xE2\x80\x83"
        "1",
        "[\xE2\x81\xA0]", "1 // c", "/* c */ 1", "# c\n1", "{\"a\":1/**/}", "{/**/}", "var x = 1",
        "x({})"}) {
    EXPECT_FALSE(accepts(text)) << testing::PrintToString(text);
  }
  using namespace std::string_literals;
  for (const std::string& text : {"\0"s, "1\0"s, "\"a\0b\""s, "{\"a\":1}\0"s, "[1,\0]"s, "{}\0{}"s})
    EXPECT_FALSE(accepts(text)) << testing::PrintToString(text);
}

TEST(Json, EveryCutOfATextIsRefused) {
  const std::string text = R"({"a":[1.5e-7,true,null,"\ud83d\ude00 gr)"
                           "\xC3\xBC\xC3\x9F"
                           R"("],"b":{"c":false}})";
  ASSERT_TRUE(accepts(text));
  for (size_t size = 0; size < text.size(); ++size)
    EXPECT_FALSE(accepts(text.substr(0, size))) << size;
}

TEST(Json, WhiteSpaceGoesAndTokensStay) {
  EXPECT_EQ(read(" \t\r\n{ \"a b\" :\n[ 1 , 2.50 ,\t\"x  y\" ] ,\r\"c\" : { } , \"d\":[ ]} \n"),
            R"({"a b":[1,2.50,"x  y"],"c":{},"d":[]})");
  EXPECT_EQ(read(R"({"n":0.1,"e":1e999,"l":12345678901234567890123,"u":"\u00e9\/"})"),
            R"({"n":0.1,"e":1e999,"l":12345678901234567890123,"u":"\u00e9\/"})");
}

TEST(Json, DepthHasABound) {
  EXPECT_TRUE(accepts(nested(kJsonDepth)));
  EXPECT_FALSE(accepts(nested(kJsonDepth + 1)));
  EXPECT_FALSE(accepts(std::string(kBound, '[')));
  std::string objects = "1";
  for (unsigned i = 0; i < kJsonDepth; ++i)
    objects = "{\"[\":" + objects + "}";
  EXPECT_TRUE(accepts(objects));
  EXPECT_FALSE(accepts("[" + objects + "]"));
  std::string wide = "[[]";
  for (int i = 0; i < 10000; ++i)
    wide += ",[]";
  EXPECT_TRUE(accepts(wide + "]")) << "many beside each other are not deep";
}

TEST(Json, SizeHasABound) {
  EXPECT_EQ(read("[1,2]", 5), "[1,2]");
  EXPECT_EQ(read("[1,2]", 4), "fault: longer than 4 bytes; shorten it");
}

TEST(Json, AFaultNamesTheByteTheCauseAndTheRemedy) {
  const std::vector<std::pair<std::string, std::string>> faults = {
      {R"({"a":"\ud800x"})",
       "not JSON at byte 7: half of a surrogate pair; write both halves of the pair, or the "
       "character as UTF-8"},
      {"{'a':1}", "not JSON at byte 2: a single quote; use double quotation marks"},
      {"{\"a\":0x10}", "not JSON at byte 7: x is out of place; a comma or } belongs there"},
      {"{\"a\":$ff}",
       "not JSON at byte 6: $ is out of place; a value is an object, an array, a string, a number, "
       "true, false or null"},
      {"{\"a\":01}", "not JSON at byte 7: a number with a leading zero; leave the zero out"},
      {"{\"a\":1", "not JSON at byte 7: the text ends too early; complete it"},
      {"{\"a\":1}x", "not JSON at byte 8: something stands behind the value; leave it out"},
      {"{\"a\":\"\xFF\"}",
       "not JSON at byte 7: a byte that is not UTF-8; encode the text as UTF-8"},
      {"{}/**/", "not JSON at byte 3: something stands behind the value; leave it out"},
      {"/**/{}", "not JSON at byte 1: a comment; leave it out"},
      {"\xEF\xBB\xBF{}", "not JSON at byte 1: a byte order mark; leave it out"},
      {nested(33), "nested deeper than 32 levels at byte 33; flatten it"},
  };
  for (const auto& [text, fault] : faults)
    EXPECT_EQ(read(text), "fault: " + fault);
  const auto array = Json::readObject("[1]", kBound);
  ASSERT_TRUE(std::holds_alternative<JsonFault>(array));
  EXPECT_EQ(std::get<JsonFault>(array).text,
            "not a JSON object; give one such as {\"key\":\"value\"}");
}

TEST(Json, StringsAreDecoded) {
  const auto decoded = [](std::string_view text) { return json(text).root().string(); };
  EXPECT_EQ(decoded(R"("\"\\\/\b\f\n\r\t")"), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(decoded(R"("\u0041\u00e9\u20AC\ud83d\ude00")"),
            "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
  EXPECT_EQ(decoded(R"("content\u002dtype")"), "content-type");
  EXPECT_EQ(decoded(R"("")"), "");
  EXPECT_FALSE(decoded(R"("x\u0000y")")) << "half of the world would see x";
  EXPECT_FALSE(decoded("1"));
}

TEST(Json, MembersAreFoundByTheirNameHoweverItIsSpelled) {
  const Json object =
      json(R"({"a":[{"b":1},"}"],"\u0062":{"b":"in\"ner"},"c":true,"d":"\\","e":null})");
  EXPECT_EQ(object.root().member("a")->text(), R"([{"b":1},"}"])");
  EXPECT_EQ(object.root().member("b")->member("b")->string(), "in\"ner");
  EXPECT_EQ(object.root().member("c")->boolean(), true);
  EXPECT_EQ(object.root().member("d")->string(), "\\");
  EXPECT_EQ(object.root().member("e")->kind(), wsbridge::common::JsonValue::Kind::Null);
  EXPECT_FALSE(object.root().member("f"));
  EXPECT_FALSE(object.root().member("c")->member("b"));
  EXPECT_TRUE(object.root().member("c")->members().empty());
  EXPECT_FALSE(json("{}").root().member(""));
  EXPECT_EQ(json(R"({"":1})").root().member("")->integer(), 1);
}

TEST(Json, OfANameTheLastCountsInThePlaceOfTheFirst) {
  const Json object = json(R"({"a":1,"b":2,"\u0061":3,"c":4,"b":{"b":5}})");
  EXPECT_EQ(object.root().member("a")->integer(), 3);
  std::string list;
  for (const auto& member : object.root().members())
    list += member.name + "=" + std::string(member.value.text()) + " ";
  EXPECT_EQ(list, R"(a=3 b={"b":5} c=4 )");
  const Json null = json(R"({"a\u0000b":1,"a":2})");
  ASSERT_EQ(null.root().members().size(), 2U);
  EXPECT_TRUE(null.root().members()[0].isNamed("a")) << "as who stops at U+0000 sees it";
  EXPECT_FALSE(null.root().members()[0].isNamed("ab"));
}

TEST(Json, NumbersBeyondTheirTypeAreItsLimits) {
  constexpr auto kMost = std::numeric_limits<int64_t>::max();
  constexpr auto kLeast = std::numeric_limits<int64_t>::min();
  const std::vector<std::pair<std::string, int64_t>> numbers = {
      {"0", 0},
      {"-0", 0},
      {"160", 160},
      {"160.0", 160},
      {"1.6e2", 160},
      {"99.9", 99},
      {"-99.9", -99},
      {"9223372036854775807", kMost},
      {"9223372036854775808", kMost},
      {"-9223372036854775808", kLeast},
      {"-9223372036854775809", kLeast},
      {"12345678901234567890123", kMost},
      {"-12345678901234567890123", kLeast},
      {"1e999", kMost},
      {"-1e999", kLeast},
      {"1e-999", 0},
      {"0e999", 0},
      {"0.0e999999999999999999999", 0},
      {"1e99999999999999999999999", kMost},
      {"1e-99999999999999999999999", 0},
      {"1" + std::string(400, '0'), kMost},
      {"1" + std::string(400, '0') + "e-399", 10},
      {"1" + std::string(400, '0') + "e-999", 0},
      {"0." + std::string(400, '0') + "1", 0},
      {"0." + std::string(400, '0') + "1e402", 10},
      {"0." + std::string(400, '0') + "1e999", kMost},
  };
  for (const auto& [text, value] : numbers)
    EXPECT_EQ(json(text).root().integer(), value) << text;
  for (const char* text : {"\"1\"", "null", "true", "[1]", "{}"})
    EXPECT_FALSE(json(text).root().integer()) << text;
}

TEST(Json, TimeIsLinearInTheMembers) {
  std::string text = "{";
  for (int i = 0; i < 60000; ++i)
    text += "\"k" + std::to_string(i % 30000) + "\":" + std::to_string(i) + ",";
  const Json object = json(text + "\"end\":1}");
  EXPECT_EQ(object.root().members().size(), 30001U);
  EXPECT_EQ(object.root().member("k7")->integer(), 30007);
}

TEST(Json, AnotherReaderUnderstandsWhatIsAccepted) {
  for (const char* text :
       {R"({"a":[1,-2.5e3,true,null,"\ud83d\ude00\/\u00e9"],"b":{"":[[]]}})", R"([0.1,{}])"}) {
    g_autoptr(JsonParser) parser = json_parser_new();
    EXPECT_TRUE(json_parser_load_from_data(parser, read(text).c_str(), -1, nullptr)) << text;
  }
}

}  // namespace
