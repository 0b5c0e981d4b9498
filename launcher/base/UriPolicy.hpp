// SPDX-License-Identifier: LGPL-2.1-or-later
// Which endpoints a call may reach. Loopback, link-local, private, multicast and metadata addresses
// are refused unless `websocket.allow` names them: checked on the host of the URI first, and on
// every address that it resolves to afterwards. Pure; no name is resolved here.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace launcher {

class UriPolicy {
 public:
  explicit UriPolicy(const std::vector<std::string>& allow);

  enum class Verdict {
    Allowed,  ///< whatever it resolves to
    Resolve,  ///< a name: its addresses decide
    Forbidden,
  };

  [[nodiscard]] Verdict checkHost(const std::string& host) const;
  bool allowsAddress(const std::string& address) const;

  /// Why no call can ever reach that host, as far as that is known without a look-up; nothing when
  /// one may.
  [[nodiscard]] std::optional<std::string> alwaysRefused(const std::string& host) const;

  /// Why it was refused and which key would allow it, for the log.
  [[nodiscard]] static std::string explain(const std::string& hostOrAddress);

  /// Host in any of the spellings that the C library takes for an IPv4 address, or IPv6; normal
  /// form.
  [[nodiscard]] static std::optional<std::string> literalAddress(const std::string& host);
  /// Whether an entry is an address or a network such as 10.0.0.0/8 or fd00::/8.
  [[nodiscard]] static bool isNetwork(const std::string& entry);
  /// Nullptr when the address is an ordinary public one, otherwise what it is.
  [[nodiscard]] static const char* specialKind(const std::string& address);

 private:
  std::vector<std::string> names_;
  std::vector<std::string> networks_;
};

}  // namespace launcher
