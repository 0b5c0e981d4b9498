// SPDX-License-Identifier: LGPL-2.1-or-later
// What an INVITE says about the endpoint that it wants, as it stood there. A value.
#pragma once

#include <optional>
#include <string>

namespace launcher {

inline constexpr const char* kUriHeader = "P-wsbridge-websocket-uri";
inline constexpr const char* kHeadersHeader = "P-wsbridge-websocket-headers";
inline constexpr const char* kContentTypeHeader = "P-wsbridge-websocket-content-type";
inline constexpr const char* kDialectHeader = "P-wsbridge-websocket-dialect";
inline constexpr const char* kAuthorizationHeader = "P-wsbridge-websocket-authorization";

struct InviteHeaders {
  std::string requestUri;
  std::optional<std::string> uri;
  std::optional<std::string> headers;
  std::optional<std::string> contentType;
  std::optional<std::string> dialect;
  std::optional<std::string> authorization;

  [[nodiscard]] bool any() const {
    return uri || headers || contentType || dialect || authorization;
  }
  /// Of the INVITE only who is called is left.
  void clear() { uri = headers = contentType = dialect = authorization = std::nullopt; }
};

}  // namespace launcher
