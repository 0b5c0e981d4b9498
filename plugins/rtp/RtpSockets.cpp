// SPDX-License-Identifier: LGPL-2.1-or-later
#include "rtp/RtpSockets.hpp"

namespace wsbridge {

GObjectPtr<GSocket> bindUdp(const std::string& address, unsigned port, std::string& fault) {
  const GObjectPtr<GInetAddress> ip(g_inet_address_new_from_string(address.c_str()));
  if (!ip) {
    fault = "\"" + address + "\" is not an IP address";
    return nullptr;
  }
  GError* raw = nullptr;
  GObjectPtr<GSocket> socket(g_socket_new(g_inet_address_get_family(ip.get()),
                                          G_SOCKET_TYPE_DATAGRAM, G_SOCKET_PROTOCOL_UDP, &raw));
  const GObjectPtr<GSocketAddress> local(
      g_inet_socket_address_new(ip.get(), static_cast<guint16>(port)));
  if (!socket || !g_socket_bind(socket.get(), local.get(), FALSE, &raw)) {
    const GErrorPtr error(raw);
    fault = address + ":" + std::to_string(port) + ": " + error->message;
    return nullptr;
  }
  return socket;
}

unsigned boundPort(GSocket* socket) {
  const GObjectPtr<GSocketAddress> local(g_socket_get_local_address(socket, nullptr));
  if (!local || !G_IS_INET_SOCKET_ADDRESS(local.get())) return 0;
  return g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(local.get()));
}

}  // namespace wsbridge
