// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>
#include <json-glib/json-glib.h>

#include "log/Log.hpp"

namespace launcher::log {

namespace {
std::string line(Format kind, Fields fields) {
  return format(kind, "2024-01-01T00:00:00.000Z", Level::Info, "call-start", fields.begin(),
                fields.size());
}
}  // namespace

TEST(Log, textQuotesOnlyWhatNeedsIt) {
  EXPECT_EQ(line(Format::Text, {{"id", "c1"}, {"n", 3}, {"x", "a b"}, {"e", ""}}),
            "2024-01-01T00:00:00.000Z info call-start id=c1 n=3 x=\"a b\" e=\"\"");
}

TEST(Log, aValueCannotForgeALine) {
  const std::string text = line(Format::Text, {{"from", "evil\r\n2024 error x\x1b[31m\"\\"}});
  EXPECT_EQ(text.find('\n'), std::string::npos);
  EXPECT_EQ(text.find('\r'), std::string::npos);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(text.find("\\r\\n"), std::string::npos);
}

TEST(Log, jsonParsesWhateverTheValueIs) {
  const std::string text =
      line(Format::Json, {{"from", "a\"\\\n\x01\xff"}, {"n", 3}, {"b", true}, {"d", 1.5}});
  JsonParser* parser = json_parser_new();
  ASSERT_TRUE(json_parser_load_from_data(parser, text.c_str(), -1, nullptr)) << text;
  JsonObject* object = json_node_get_object(json_parser_get_root(parser));
  EXPECT_EQ(json_object_get_int_member(object, "n"), 3);
  EXPECT_TRUE(json_object_get_boolean_member(object, "b"));
  EXPECT_DOUBLE_EQ(json_object_get_double_member(object, "d"), 1.5);
  EXPECT_STREQ(json_object_get_string_member(object, "from"), "a\"\\\n\x01\xef\xbf\xbd");
  g_object_unref(parser);
}

}  // namespace launcher::log
