// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fstream>
#include <string>

#include <sys/resource.h>

#include <gtest/gtest.h>

#include "base/Descriptors.hpp"

namespace launcher {

namespace {

/// How many descriptors the kernel's table has room for.
std::size_t tableSize() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    std::size_t size = 0;
    if (word == "FDSize:" && status >> size) return size;
  }
  return 0;
}

}  // namespace

TEST(Descriptors, AReservedTableIsLargeAndHoldsNoMoreThanBefore) {
  raiseDescriptorLimit();
  const std::size_t open = countDescriptors();
  const std::size_t wanted = tableSize() * 2;
  ASSERT_GT(wanted, 0u);
  reserveDescriptors(wanted);
  EXPECT_GE(tableSize(), wanted);
  EXPECT_EQ(countDescriptors(), open);
}

TEST(Descriptors, MoreThanTheLimitIsNotReserved) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const std::size_t few = tableSize() * 2;
  const rlimit lowered{few, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &lowered), 0);
  reserveDescriptors(few * 16);
  EXPECT_EQ(tableSize(), few);
  setrlimit(RLIMIT_NOFILE, &before);
}

}  // namespace launcher
