// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/SocketFault.hpp"

#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <unistd.h>

#include <gio/gio.h>

#include "base/GPtr.hpp"

namespace launcher {

namespace {

std::string words(int error) {
  const char* name = strerrorname_np(error);
  return std::string(g_strerror(error)) + " (" + (name ? name : std::to_string(error)) + ")";
}

}  // namespace

std::string socketFault(const std::string& host, std::uint16_t port, Transport transport) {
  const GObjectPtr<GSocketAddress> address(
      g_inet_socket_address_new_from_string(host.c_str(), port));
  sockaddr_storage native{};
  if (!address || !g_socket_address_to_native(address.get(), &native, sizeof native, nullptr)) {
    return "not an address";
  }
  const bool stream = transport == Transport::Tcp;
  const int type = (stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK;
  const int descriptor = socket(native.ss_family, type, 0);
  if (descriptor < 0) return words(errno);
  const int on = 1;
  // As a server does: connections that have just ended are no obstacle.
  if (stream) setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const auto length = static_cast<socklen_t>(g_socket_address_get_native_size(address.get()));
  int error = 0;
  if (bind(descriptor, reinterpret_cast<const sockaddr*>(&native), length) != 0 ||
      (stream && listen(descriptor, 1) != 0)) {
    error = errno;
  }
  close(descriptor);
  return error == 0 ? std::string() : words(error);
}

std::string cannotListen(const std::string& host, std::uint16_t port, const std::string& why) {
  const bool v6 = host.find(':') != std::string::npos;
  return "cannot listen on " + (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port) +
         (why.empty() ? "" : ": " + why);
}

}  // namespace launcher
