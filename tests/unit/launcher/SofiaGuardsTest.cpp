// SPDX-License-Identifier: LGPL-2.1-or-later
#include <string>

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>
#include <sofia-sip/su.h>
#include <sofia-sip/su_addrinfo.h>
#include <sofia-sip/su_wait.h>

#include "sip/stack/SofiaGuards.hpp"

namespace launcher {
namespace {

TEST(SofiaGuards, TheStackCallsThem) {
  su_init();
  su_root_t* root = su_root_create(nullptr);
  ASSERT_NE(root, nullptr);
  EXPECT_TRUE(proveSofiaGuards(root));
  EXPECT_TRUE(proveSofiaGuards(root)) << "as often as one likes";
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

// A name in a Contact is looked up for the BYE. Where no way led to the name server, the resolver's
// loop over its servers never ended.
TEST(SofiaGuards, ADatagramSocketIsConnectedToNowhereWhereNoWayLeads) {
  struct Nobody : SipGuard {
    bool request(sip_s*, const Origin&) noexcept override { return true; }
    bool connection(int, const sockaddr*) noexcept override { return true; }
    void received(int) noexcept override {}
    void closed(int) noexcept override {}
  } nobody;
  sockaddr_in broadcast{};
  broadcast.sin_family = AF_INET;
  broadcast.sin_port = htons(53);
  broadcast.sin_addr.s_addr = htonl(INADDR_BROADCAST);  // EACCES without SO_BROADCAST
  const auto* to = reinterpret_cast<const sockaddr*>(&broadcast);
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  EXPECT_EQ(connect(fd, to, sizeof broadcast), -1) << "other threads are left alone";
  setSipGuard(&nobody);
  EXPECT_EQ(connect(fd, to, sizeof broadcast), 0);
  setSipGuard(nullptr);
  EXPECT_GE(send(fd, "?", 1, MSG_NOSIGNAL), 1) << "and what is sent counts as sent";
  close(fd);
}

}  // namespace
}  // namespace launcher
