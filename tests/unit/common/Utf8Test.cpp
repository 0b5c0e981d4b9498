// SPDX-License-Identifier: LGPL-2.1-or-later
#include <string>

#include <gtest/gtest.h>

#include "common/Utf8.hpp"

namespace {

using wsbridge::common::appendUtf8;
using wsbridge::common::isUtf8;
using wsbridge::common::utf8Length;

TEST(Utf8, EveryCharacterIsReadAsItIsWritten) {
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string text;
    appendUtf8(text, c);
    ASSERT_EQ(utf8Length(text), text.size()) << static_cast<unsigned>(c);
    ASSERT_EQ(text.size(), c < 0x80 ? 1U : c < 0x800 ? 2U : c < 0x10000 ? 3U : 4U);
    ASSERT_EQ(utf8Length(text + "x"), text.size());
    ASSERT_EQ(utf8Length(text.substr(0, text.size() - 1)), 0U);
  }
}

TEST(Utf8, KnowsWhatIsNone) {
  for (const std::string text :
       {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC2", "\xC3\x28", "\xE0\x9F\xBF", "\xE2\x82",
        "\xE2\x28\xA1", "\xED\xA0\x80", "\xED\xBF\xBF", "\xF0\x8F\xBF\xBF", "\xF0\x9F\x98",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFE", "\xFF"}) {
    EXPECT_EQ(utf8Length(text), 0U);
    EXPECT_FALSE(isUtf8("ab" + text + "c"));
  }
  EXPECT_TRUE(isUtf8(""));
  EXPECT_TRUE(isUtf8("gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x80"));
}

}  // namespace
