// SPDX-License-Identifier: LGPL-2.1-or-later
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include <gtest/gtest.h>

#include "common/Result.hpp"

namespace {

using wsbridge::common::Failure;
using wsbridge::common::Result;

enum class Fault { Small, Large };

Result<std::string> nameOf(int number) {
  if (number == 1) return "one";
  return Failure{"has no name: give 1"};
}

Result<void, Fault> checkSize(int size) {
  if (size < 1) return Failure{Fault::Small};
  if (size > 10) return Failure{Fault::Large};
  return {};
}

Result<std::unique_ptr<int>, Fault> make(int value) {
  if (const auto checked = checkSize(value); !checked) return Failure{checked.error()};
  return std::make_unique<int>(value);
}

TEST(Result, HoldsTheValueOrTheReasonThoughBothAreTexts) {
  const auto one = nameOf(1);
  ASSERT_TRUE(one);
  EXPECT_EQ(*one, "one");
  EXPECT_EQ(one->size(), 3U);
  EXPECT_THROW(static_cast<void>(one.error()), std::bad_variant_access);
  const auto two = nameOf(2);
  ASSERT_FALSE(two);
  EXPECT_EQ(two.error(), "has no name: give 1");
  EXPECT_THROW(static_cast<void>(*two), std::bad_variant_access);
}

TEST(Result, OfNothingSaysWhetherItIsDone) {
  EXPECT_TRUE(checkSize(1));
  EXPECT_TRUE(checkSize(10));
  EXPECT_EQ(checkSize(0).error(), Fault::Small);
  EXPECT_EQ(checkSize(11).error(), Fault::Large);
}

TEST(Result, GivesItsValueAway) {
  auto made = make(7);
  ASSERT_TRUE(made);
  **made = 8;
  const std::unique_ptr<int> taken = *std::move(made);
  EXPECT_EQ(*taken, 8);
  EXPECT_EQ(make(11).error(), Fault::Large);
}

TEST(Result, IsNoBoolByItself) {
  EXPECT_FALSE((std::is_convertible_v<Result<int>, bool>));
  EXPECT_FALSE((std::is_convertible_v<Result<void, Fault>, bool>));
  EXPECT_FALSE((std::is_convertible_v<std::string, Result<int>>));
}

}  // namespace
