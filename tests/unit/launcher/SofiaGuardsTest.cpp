// SPDX-License-Identifier: LGPL-2.1-or-later
#include <string>

#include <netdb.h>

#include <gtest/gtest.h>
#include <sofia-sip/su.h>
#include <sofia-sip/su_addrinfo.h>
#include <sofia-sip/su_wait.h>

#include "sip/SofiaGuards.hpp"

namespace launcher {
namespace {

TEST(SofiaGuards, TheStackCallsThem) {
  su_init();
  su_root_t* root = su_root_create(nullptr);
  ASSERT_NE(root, nullptr);
  EXPECT_EQ(proveSofiaGuards(root), "");
  EXPECT_EQ(proveSofiaGuards(root), "") << "as often as one likes";
  su_root_destroy(root);
  su_deinit();
}

TEST(SofiaGuards, AddressesAreReadAndNamesAreNotLookedUp) {
  su_addrinfo_t hints{};
  hints.ai_socktype = SOCK_DGRAM;
  for (const char* address : {"127.0.0.1", "192.0.2.7", "::1"}) {
    su_addrinfo_t* found = nullptr;
    EXPECT_EQ(su_getaddrinfo(address, "5060", &hints, &found), 0) << address;
    if (found) su_freeaddrinfo(found);
  }
  // The first of them stands in every /etc/hosts, so a look-up would find it.
  for (const char* name : {"localhost", "guard.invalid", "localhost.", "a"}) {
    su_addrinfo_t* found = nullptr;
    EXPECT_EQ(su_getaddrinfo(name, "5060", &hints, &found), EAI_NONAME) << name;
    EXPECT_EQ(su_getaddrinfo(name, nullptr, nullptr, &found), EAI_NONAME) << name;
  }
}

}  // namespace
}  // namespace launcher
