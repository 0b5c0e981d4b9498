// SPDX-License-Identifier: LGPL-2.1-or-later
// Why an address cannot be listened on, in the words of the kernel, for whoever has seen that it
// cannot but was not told why. Tries it with a socket of its own, which it closes again. Does not
// block; any thread may call.
#pragma once

#include <cstdint>
#include <string>

namespace launcher {

enum class Transport { Udp, Tcp };

/// Such as "Address already in use (EADDRINUSE)"; empty when nothing stands in the way (any more).
/// `host` is an address; port 0 stands for any.
[[nodiscard]] std::string socketFault(const std::string& host, std::uint16_t port,
                                      Transport transport);

/// "cannot listen on HOST:PORT: WHY"; without the last part when it is empty.
[[nodiscard]] std::string cannotListen(const std::string& host, std::uint16_t port,
                                       const std::string& why);

}  // namespace launcher
