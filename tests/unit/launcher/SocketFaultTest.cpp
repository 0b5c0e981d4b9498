// SPDX-License-Identifier: LGPL-2.1-or-later
#include <sys/resource.h>
#include <unistd.h>

#include <gio/gio.h>
#include <gtest/gtest.h>

#include "base/GPtr.hpp"
#include "base/SocketFault.hpp"

namespace launcher {

namespace {

/// A socket that holds a port for as long as it lives.
class Held {
 public:
  explicit Held(Transport transport)
      : socket_(g_socket_new(
            G_SOCKET_FAMILY_IPV4,
            transport == Transport::Udp ? G_SOCKET_TYPE_DATAGRAM : G_SOCKET_TYPE_STREAM,
            G_SOCKET_PROTOCOL_DEFAULT, nullptr)) {
    const GObjectPtr<GSocketAddress> any(g_inet_socket_address_new_from_string("127.0.0.1", 0));
    EXPECT_TRUE(g_socket_bind(socket_.get(), any.get(), FALSE, nullptr));
    if (transport == Transport::Tcp) {
      EXPECT_TRUE(g_socket_listen(socket_.get(), nullptr));
    }
  }
  std::uint16_t port() const {
    const GObjectPtr<GSocketAddress> local(g_socket_get_local_address(socket_.get(), nullptr));
    return g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(local.get()));
  }

 private:
  GObjectPtr<GSocket> socket_;
};

}  // namespace

TEST(SocketFault, NamesWhatStandsInTheWay) {
  for (const Transport transport : {Transport::Udp, Transport::Tcp}) {
    const Held held(transport);
    EXPECT_EQ(socketFault("127.0.0.1", held.port(), transport),
              "Address already in use (EADDRINUSE)");
    EXPECT_EQ(socketFault("192.0.2.77", 0, transport),
              "Cannot assign requested address (EADDRNOTAVAIL)");
    EXPECT_EQ(socketFault("nowhere", 0, transport), "not an address");
    EXPECT_EQ(socketFault("127.0.0.1", 0, transport), "");
  }
}

TEST(SocketFault, APortOfTheOtherTransportDoesNot) {
  const Held held(Transport::Udp);
  EXPECT_EQ(socketFault("127.0.0.1", held.port(), Transport::Tcp), "");
}

TEST(SocketFault, NoDescriptorIsNamedAndNoneIsLeftBehind) {
  for (int i = 0; i < 2000; ++i)
    ASSERT_EQ(socketFault("127.0.0.1", 0, Transport::Udp), "");
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{0, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const std::string fault = socketFault("127.0.0.1", 0, Transport::Udp);
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(fault, "Too many open files (EMFILE)");
}

TEST(SocketFault, TheSentenceNamesTheAddress) {
  EXPECT_EQ(cannotListen("127.0.0.1", 5060, "why"), "cannot listen on 127.0.0.1:5060: why");
  EXPECT_EQ(cannotListen("::1", 80, ""), "cannot listen on [::1]:80");
}

}  // namespace launcher
