// SPDX-License-Identifier: LGPL-2.1-or-later
#include <cstdlib>

#include <fcntl.h>
#include <unistd.h>

#include <gtest/gtest.h>
#include <json-glib/json-glib.h>

#include "log/LibraryOutput.hpp"
#include "log/Log.hpp"
#include "log/Throttle.hpp"

namespace launcher::log {

namespace {
std::string line(Format kind, Fields fields) {
  return format(kind, "2024-01-01T00:00:00.000Z", Level::Info, "call-start", fields.begin(),
                fields.size());
}
}  // namespace

TEST(Log, TextQuotesOnlyWhatNeedsIt) {
  EXPECT_EQ(line(Format::Text, {{"id", "c1"}, {"n", 3}, {"x", "a b"}, {"e", ""}}),
            "2024-01-01T00:00:00.000Z info call-start id=c1 n=3 x=\"a b\" e=\"\"");
}

TEST(Log, AValueCannotForgeALine) {
  const std::string text = line(Format::Text, {{"from", "evil\r\n2024 error x\x1b[31m\"\\"}});
  EXPECT_EQ(text.find('\n'), std::string::npos);
  EXPECT_EQ(text.find('\r'), std::string::npos);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(text.find("\\r\\n"), std::string::npos);
}

TEST(Log, JsonParsesWhateverTheValueIs) {
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

TEST(Log, AReaderThatDoesNotReadHoldsUpNobody) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const std::string filler(1000, 'x');
  std::string all;
  {
    const Background background(ends[1]);
    // Far more than the pipe and the queue take; this would not end if a line were waited for.
    for (std::size_t bytes = 0; bytes < 2 * Background::kMostBytes; bytes += filler.size())
      info("flood", {{"text", filler}});
    std::string buffer(65536, 0);
    while (all.find(" warning log-dropped lines=") == std::string::npos) {
      const ssize_t got = read(ends[0], buffer.data(), buffer.size());
      ASSERT_GT(got, 0);
      all.append(buffer, 0, static_cast<std::size_t>(got));
      info("more", {{"text", "a reader again"}});
    }
    info("last", {{"text", "written before the end"}});
  }
  close(ends[1]);
  std::string buffer(65536, 0);
  for (ssize_t got = 1; got > 0;) {
    got = read(ends[0], buffer.data(), buffer.size());
    if (got > 0) all.append(buffer, 0, static_cast<std::size_t>(got));
  }
  close(ends[0]);
  EXPECT_NE(all.find(" info last text="), std::string::npos);
  EXPECT_LT(all.size(), Background::kMostBytes + (std::size_t{1} << 20));
}

TEST(Throttle, OneRecordASecondCountsTheOthers) {
  Throttle limit;
  constexpr std::int64_t kSecond = 1'000'000;
  EXPECT_EQ(limit.note(5), 1U) << "the first is told at once";
  EXPECT_EQ(limit.note(5), 0U);
  EXPECT_EQ(limit.note(kSecond + 4), 0U);
  EXPECT_EQ(limit.due(kSecond + 4), 0U);
  EXPECT_EQ(limit.note(kSecond + 5), 3U);
  EXPECT_EQ(limit.due(3 * kSecond), 0U) << "nothing is left";
  EXPECT_EQ(limit.note(3 * kSecond), 1U);
  EXPECT_EQ(limit.note(3 * kSecond + 1), 0U);
  EXPECT_EQ(limit.due(4 * kSecond), 1U) << "what was left, without a further one";
  EXPECT_EQ(limit.note(9 * kSecond), 1U) << "a lone one far later";
}

TEST(Log, ACriticalOfALibraryEndsATest) {
  ASSERT_STREQ(std::getenv("G_DEBUG"), "fatal-criticals") << "run it by meson test";
  EXPECT_DEATH(g_critical("of a test"), "of a test");
}

TEST(Log, WhatIsFatalToGlibIsFatalInOurLogToo) {
  const auto critical = [](bool structured) {
    g_log_set_always_fatal(G_LOG_LEVEL_CRITICAL);
    takeLibraryOutput();
    if (structured) {
      g_log_structured("library", G_LOG_LEVEL_CRITICAL, "MESSAGE", "its words");
    } else {
      g_log("library", G_LOG_LEVEL_CRITICAL, "its words");
    }
  };
  EXPECT_DEATH(critical(true), "fatal: library: its words");
  EXPECT_DEATH(critical(false), "fatal: library: its words");
}

TEST(Log, WhatIsNotFatalToGlibOnlyFillsOurLog) {
  const auto warnings = [] {
    g_log_set_always_fatal(static_cast<GLogLevelFlags>(G_LOG_FATAL_MASK));
    takeLibraryOutput();
    g_log_structured("library", G_LOG_LEVEL_CRITICAL, "MESSAGE", "its words");
    g_log("library", G_LOG_LEVEL_CRITICAL, "its words");
    std::_Exit(0);
  };
  EXPECT_EXIT(warnings(), ::testing::ExitedWithCode(0), "library domain=library");
}

}  // namespace launcher::log
